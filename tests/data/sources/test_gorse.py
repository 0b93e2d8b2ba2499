"""Gorse's exports, in JSON lines as now and in CSV as before."""

from pathlib import Path

import pytest

from penchant.data.sources import Role, read_table
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import read, written

JSONL = {
    "feedback": '{"FeedbackType":"click","UserId":"0","ItemId":"2","Value":0,"Timestamp":"2020-01-01T00:00:01.000000001Z","Comment":""}\n'
    '{"FeedbackType":"read","UserId":"2","ItemId":"6","Value":0,"Timestamp":"0001-01-01T00:00:00Z","Comment":""}\n',
    "users": '{"UserId":"1","Labels":{"gender":"male","job":"engineer"},"Comment":""}\n{"UserId":"2","Labels":null,"Comment":""}\n',
    "items": '{"ItemId":"1","IsHidden":false,"Categories":["x"],"Timestamp":"2020-01-01T00:00:01Z",'
    '"Labels":{"genre":["a","b"]},"Comment":"o,n,e"}\n'
    '{"ItemId":"2","IsHidden":true,"Categories":null,"Timestamp":"0001-01-01T00:00:00Z","Labels":null,"Comment":"two"}\n',
}
CSV = {
    "feedback": "feedback_type,user_id,item_id,time_stamp\r\nclick,0,2,2020-01-01 00:00:01.000000001 +0000 UTC\r\n"
    "read,2,6,0001-01-01 00:00:00 +0000 UTC\r\n",
    "users": 'user_id,labels\r\n1,"{""gender"":""male"",""job"":""engineer""}"\r\n2,\r\n',
    "items": "item_id,is_hidden,categories,time_stamp,labels,description\r\n"
    '1,false,x,2020-01-01 00:00:01.000000001 +0000 UTC,"{""genre"":[""a"",""b""]}","o,n,e"\r\n'
    "2,true,,0001-01-01 00:00:00 +0000 UTC,,two\r\n",
}
SECOND = 1_577_836_801.0  # 1 January 2020, 00:00:01 UTC


@pytest.fixture(params=["jsonl", "csv"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An export in each form, in a folder of its own."""
    (tmp_path / "gorse").mkdir()
    for name, text in (JSONL if request.param == "jsonl" else CSV).items():
        written(tmp_path, f"gorse/{name}.{request.param}", text)
    return tmp_path


def rows(folder: Path, role: Role, *columns: str) -> list[tuple[object, ...]]:
    return read_table(SourceSettings(path="gorse"), folder, role).frame.select(columns).rows()


def test_that_feedback_becomes_events_and_a_time_never_set_is_missing(folder: Path) -> None:
    assert rows(folder, "events", "event", "user_id", "item_id", "timestamp") == [
        ("click", "0", "2", pytest.approx(SECOND)), ("read", "2", "6", None),
    ]  # fmt: skip


def test_that_labels_become_columns_and_categories_lists(folder: Path) -> None:
    assert rows(folder, "users", "user_id", "gender", "job") == [("1", "male", "engineer"), ("2", None, None)]
    items = read_table(SourceSettings(path="gorse"), folder, "items")
    categories, time = ("categories", "time_stamp") if "categories" in items.frame.columns else ("Categories", "Timestamp")
    assert items.frame.select("item_id", categories, "genre", time).rows() == [
        ("1", ["x"], ["a", "b"], pytest.approx(SECOND)), ("2", None, None, None),
    ]  # fmt: skip
    assert any("the labels became columns 'genre'" in note for note in items.notes)


def test_that_a_label_named_as_a_column_does_not_replace_it(tmp_path: Path) -> None:
    table = read(tmp_path, "a.jsonl", '{"UserId":"1","Labels":{"Comment":"x","age":3},"Comment":"y"}\n', "users")
    assert table.frame.rows() == [("1", "y", "x", 3)]
    assert table.frame.columns == ["user_id", "Comment", "Labels_Comment", "age"]


def test_that_lists_of_labels_stay_one_column(tmp_path: Path) -> None:
    assert read(tmp_path, "a.jsonl", '{"UserId":"1","Labels":["a","b"]}\n', "users").frame.rows() == [("1", ["a", "b"])]
    table = read(tmp_path, "a.csv", "user_id,labels\n1,a|b\n2,\n", "users")
    assert table.frame.rows() == [("1", ["a", "b"]), ("2", None)]
    assert "no JSON" in table.notes[-1]
