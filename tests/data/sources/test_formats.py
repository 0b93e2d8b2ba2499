"""Formats are found by scanning, and a file's format by its content first and its suffix second."""

import gzip
from pathlib import Path

import pytest

from penchant.data.sources.formats import format_of, formats, open_source
from penchant.schema.errors import DataError
from penchant.schema.recipe import SourceSettings
from tests.data.sources.given import read, written


def format_name(folder: Path, name: str, content: str | bytes) -> str:
    written(folder, name, content)
    return format_of(open_source(SourceSettings(path=name), folder)).name


def test_that_every_format_of_the_recipe_is_found() -> None:
    assert set(formats()) == {"csv", "tsv", "parquet", "jsonl", "separated", "recbole"}


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", "user_id,item_id\n1,2\n", "csv"),
        ("a.csv", "user\titem\n1\t2\n", "tsv"),
        ("a.dat", "1::2::5::9\n", "separated"),
        ("a.dat", "user_id:token\titem_id:token\n1\t2\n", "recbole"),
        ("a.txt", '{"user_id": 1}\n', "jsonl"),
        ("a.txt", b"PAR1....", "parquet"),
        ("a.csv", "user_id:token\titem_id:colour\n1\t2\n", "tsv"),
        ("a.tsv", "only_one_column\n1\n", "tsv"),
    ],
)
def test_that_content_tells_the_format_and_the_suffix_decides_ties(tmp_path: Path, name: str, content: str | bytes, expected: str) -> None:
    assert format_name(tmp_path, name, content) == expected


def test_that_the_settings_win_over_the_content(tmp_path: Path) -> None:
    written(tmp_path, "a.csv", "user_id,item_id\n1,2\n")
    assert format_of(open_source(SourceSettings(path="a.csv", format="tsv"), tmp_path)).name == "tsv"


def test_that_a_packed_file_is_read_as_its_content(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv.gz", gzip.compress(b"user_id,item_id,timestamp\n1,2,3\n"))
    assert table.frame.rows() == [("1", "2", 3.0)]


@pytest.mark.parametrize(("name", "content", "came"), [("a.csv", b"", "an empty file"), ("a.csv", b" \n\n", "an empty file")])
def test_that_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes, came: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, name, content)
    assert (caught.value.thing, caught.value.came) == ("file 'a.csv'", came)


def test_that_a_missing_file_is_named_as_the_user_wrote_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_source(SourceSettings(path="../logs/a.csv"), tmp_path)
    assert caught.value.thing == "file '../logs/a.csv'"
    assert "nothing there" in caught.value.came


def test_that_a_folder_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder"):
        open_source(SourceSettings(path="."), tmp_path)
    with pytest.raises(DataError, match="encoding = 'klingon'"):
        read(tmp_path, "a.csv", "user_id,item_id\n1,2\n", encoding="klingon")


def test_that_bytes_of_no_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no known format"):
        read(tmp_path, "a.bin", b"\x00\x01\x02\x03")
