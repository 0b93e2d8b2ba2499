"""RecBole's atomic files."""

from pathlib import Path

import pytest

from penchant.data.sources import read_table
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import read, written


def test_that_each_type_is_read_as_it_says(tmp_path: Path) -> None:
    text = "item_id:token\tprice:float\tgenres:token_seq\tvector:float_seq\n01\t2\tDrama War\t0.5 1\n2\t\t\t\n"
    items = read(tmp_path, "a.item", text, "items").frame
    assert items.rows() == [("01", 2.0, ["Drama", "War"], [0.5, 1.0]), ("2", None, None, None)]


def test_that_quotes_mean_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "a.item", 'item_id:token\ttitle:token\n1\t"Open\n', "items").frame["title"][0] == '"Open'


def test_that_text_in_a_float_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"float column of file 'a\.item' must be numbers"):
        read(tmp_path, "a.item", "item_id:token\tprice:float\n1\tcheap\n", "items")


def test_that_a_header_without_types_is_refused_when_the_format_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name:type"):
        read(tmp_path, "a.inter", "user_id\titem_id\n1\t2\n", format="recbole")


def test_that_a_folder_with_one_log_is_its_tables(tmp_path: Path) -> None:
    written(tmp_path, "x.inter", "user_id:token\titem_id:token\n1\t2\n")
    written(tmp_path, "x.item", "item_id:token\tname:token\n2\ta\n")
    for settings in (SourceSettings(path="."), SourceSettings(path=".", format="recbole")):
        assert read_table(settings, tmp_path, "events").frame["item_id"].to_list() == ["2"]
        assert read_table(settings, tmp_path, "items").frame["name"].to_list() == ["a"]
    with pytest.raises(DataError, match=r"users of folder '\.' must be in it; found only 'x\.inter', 'x\.item'"):
        read_table(SourceSettings(path="."), tmp_path, "users")
    written(tmp_path, "y.inter", "user_id:token\titem_id:token\n1\t2\n")
    with pytest.raises(DataError, match="in the layout of recbole"):
        read_table(SourceSettings(path=".", format="recbole"), tmp_path, "events")
