"""What every table goes through, whatever its format."""

from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.data.sources import read_events, read_table
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.data import SourceSettings
from penchant.schema.settings import read_settings
from tests.data.sources.given import read, written


def parquet(folder: Path, frame: pl.DataFrame, **settings: Any) -> SourceSettings:
    content = BytesIO()
    frame.write_parquet(content)
    written(folder, "a.parquet", content.getvalue())
    return SourceSettings(path="a.parquet", **settings)


def test_that_events_without_a_time_column_get_their_row_number_and_a_note(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "user_id,item_id\nb,x\na,y\n")
    assert table.frame["timestamp"].to_list() == [0.0, 1.0]
    assert table.notes == ["file 'a.csv': has no time column; the order of its rows stands for the time"]


def test_that_users_and_items_get_no_time(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "user_id,age\nb,3\n", "users").frame.columns == ["user_id", "age"]


@pytest.mark.parametrize("where", ["rating >= 4", "item_id != 'x'", "timestamp > 1 and rating >= 4"])
def test_that_where_keeps_the_rows_that_hold_on_plain_and_converted_columns(tmp_path: Path, where: str) -> None:
    table = read(tmp_path, "a.csv", "user,item,time,rating\n1,x,1,3\n1,y,2,5\n1,x,3,\n", where=where)
    assert table.frame["item_id"].to_list() == ["y"]


def test_that_where_over_an_unknown_column_or_type_is_refused(tmp_path: Path) -> None:
    text = "user_id,item_id,rating\n1,x,3\n"
    with pytest.raises(DataError, match="Did you mean 'rating'"):
        read(tmp_path, "a.csv", text, where="ratin > 3")
    with pytest.raises(DataError, match="item_id is String"):
        read(tmp_path, "a.csv", text, where="item_id > 3")


def test_that_a_list_of_items_gives_one_event_each_in_order_at_the_rows_time(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"user_id": [1, 2, 3, 4], "time": [10, 20, 30, 40], "seen": [[7, 5, 7], [], None, [9]], "liked": [[7], [], [], []]}
    )
    table = read_table(parquet(tmp_path, frame, item_list="seen"), tmp_path, "events")
    assert table.frame.select("user_id", "item_id", "timestamp").rows() == [
        ("1", "7", 10.0), ("1", "5", 10.0), ("1", "7", 10.0), ("4", "9", 40.0),
    ]  # fmt: skip
    assert table.notes[1:] == [
        "file 'a.parquet': left out 'liked', lists that belong to a whole row and not to one event",
        "file 'a.parquet': 2 rows have an empty list and give no event",
    ]


def test_that_an_item_list_that_is_absent_or_no_list_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": [1], "seen": [3]})
    with pytest.raises(DataError, match="Did you mean 'seen'"):
        read_table(parquet(tmp_path, frame, item_list="sen"), tmp_path, "events")
    with pytest.raises(DataError, match="must be a column of lists"):
        read_table(parquet(tmp_path, frame, item_list="seen"), tmp_path, "events")


def test_that_a_missing_id_column_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, "a.csv", "who,what\n1,2\n")
    assert caught.value.thing == "column 'user_id' of file 'a.csv'"
    assert caught.value.came == "columns 'who', 'what'"
    assert "columns = {user_id = ...}" in caught.value.do


def test_that_only_the_first_rows_are_read_when_asked(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "user_id,item_id\n1,x\n2,y\n3,z\n")
    assert read_table(SourceSettings(path="a.csv"), tmp_path, "events", rows=2).frame.height == 2


def test_that_several_sources_are_one_table_with_missing_values_where_a_source_lacks_a_column(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "user_id,item_id,time,click\n1,x,1,1\n")
    written(tmp_path, "b.csv", "uid,item_id,time\n2,y,2\n")
    table = read_events([SourceSettings(path="a.csv"), SourceSettings(path="b.csv")], tmp_path)
    assert table.frame.rows() == [("1", "x", 1.0, 1), ("2", "y", 2.0, None)]
    assert len(table.notes) == 2
    assert table.mapped == {"timestamp": "time", "user_id": "uid"}


def test_that_sources_whose_types_do_not_go_together_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "user_id,item_id,time\n1,x,1\n")
    content = BytesIO()
    pl.DataFrame({"user_id": [1], "item_id": [1], "time": [1], "size": [[1]]}).write_parquet(content)
    written(tmp_path, "b.parquet", content.getvalue())
    written(tmp_path, "a.csv", "user_id,item_id,time,size\n1,x,1,big\n")
    with pytest.raises(DataError, match="event sources"):
        read_events([SourceSettings(path="a.csv"), SourceSettings(path="b.parquet")], tmp_path)


def test_that_items_of_a_list_are_marked_by_the_other_lists_of_their_row(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": [1, 2], "time": [10, 20], "seen": [[7, 5, 7], [5]], "liked": [[7, 9, 7], []]})
    settings = {"item_list": "seen", "item_list_marks": {"is_liked": "liked"}}
    table = read_table(parquet(tmp_path, frame, **settings), tmp_path, "events")
    assert table.frame.select("user_id", "item_id", "is_liked").rows() == [("1", "7", 1), ("1", "5", 0), ("1", "7", 1), ("2", "5", 0)]
    assert table.notes[1:] == ["file 'a.parquet': left out 1 items of 'liked' that do not stand in 'seen'"]


def test_that_a_list_of_marks_that_is_absent_or_without_an_item_list_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": [1], "seen": [[3]], "liked": [3]})
    with pytest.raises(DataError, match=r"item_list_marks\.mark 'like'.*Did you mean 'liked'"):
        read_table(parquet(tmp_path, frame, item_list="seen", item_list_marks={"mark": "like"}), tmp_path, "events")
    with pytest.raises(DataError, match=r"item_list_marks\.mark 'liked'.*must be a column of lists"):
        read_table(parquet(tmp_path, frame, item_list="seen", item_list_marks={"mark": "liked"}), tmp_path, "events")
    with pytest.raises(RecipeError, match="item_list_apart alone"):
        read_settings(SourceSettings, {"path": "a.parquet", "item_list_apart": 60}, "data.events")
    with pytest.raises(RecipeError, match="item_list_marks alone"):
        read_settings(SourceSettings, {"path": "a.parquet", "item_list_marks": {"mark": "liked"}}, "data.events")


def test_that_items_of_a_list_can_lie_apart_in_time_up_to_their_row(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user_id": [1, 2], "time": [1000, 2000], "seen": [[7, 5, 7], [5]]})
    table = read_table(parquet(tmp_path, frame, item_list="seen", item_list_apart=60), tmp_path, "events")
    assert table.frame.select("item_id", "timestamp").rows() == [("7", 880.0), ("5", 940.0), ("7", 1000.0), ("5", 2000.0)]
    assert set(table.frame.columns) == {"user_id", "item_id", "timestamp"}
