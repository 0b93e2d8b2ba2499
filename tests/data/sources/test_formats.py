"""Formats are found by scanning, and a file's format by its content first and its suffix second."""

import gzip
from pathlib import Path

import pytest
from backports import zstd

from penchant.data.sources.formats import format_of, formats, open_file
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import read, written


def format_name(folder: Path, name: str, content: str | bytes) -> str:
    written(folder, name, content)
    return format_of(open_file(SourceSettings(path=name), folder)).name


def test_that_every_format_of_the_recipe_is_found() -> None:
    assert set(formats()) == {"csv", "tsv", "parquet", "jsonl", "separated", "recbole", "movielens", "personalize", "gorse"}


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
    assert format_of(open_file(SourceSettings(path="a.csv", format="tsv"), tmp_path)).name == "tsv"


LOG = b"user_id,item_id,timestamp\n1,2,3\n4,5,6\n"
PACKERS = {"gz": gzip.compress, "zst": zstd.compress}
KINDS = {
    "csv": LOG, "tsv": LOG.replace(b",", b"\t"), "inter": b"user_id:token\titem_id:token\ttimestamp:float\n1\t2\t3\n4\t5\t6\n",
    "jsonl": b'{"user_id":1,"item_id":2,"timestamp":3}\n{"user_id":4,"item_id":5,"timestamp":6}\n', "dat": b"1::2::3\n4::5::6\n",
}  # fmt: skip


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("encoding", ["utf8", "utf-16"])
@pytest.mark.parametrize("kind", KINDS)
def test_that_a_packed_file_is_read_as_its_content(tmp_path: Path, kind: str, packed: str, encoding: str) -> None:
    content = PACKERS[packed](KINDS[kind].decode().encode(encoding))
    names = {"names": ("user_id", "item_id", "timestamp")} if kind == "dat" else {}
    table = read(tmp_path, f"a.{kind}.{packed}", content, encoding=encoding, **names)
    assert table.frame.rows() == [("1", "2", 3.0), ("4", "5", 6.0)]


@pytest.mark.parametrize("packed", PACKERS)
def test_that_a_packed_file_of_several_members_is_read_to_its_end_whatever_its_name(tmp_path: Path, packed: str) -> None:
    pack = PACKERS[packed]
    table = read(tmp_path, "log", pack(LOG[:30]) + pack(LOG[30:]))
    assert table.frame.rows() == [("1", "2", 3.0), ("4", "5", 6.0)]


@pytest.mark.parametrize("packed", PACKERS)
@pytest.mark.parametrize("cut", [slice(0, 12), slice(0, -9)])
def test_that_a_packed_file_that_was_cut_is_refused(tmp_path: Path, packed: str, cut: slice) -> None:
    rows = "".join(f"{n * 7919 % 10007},{n},{n}\n" for n in range(20_000))
    lines = "".join(f'{{"user_id": {n * 7919 % 10007}, "item_id": {n}}}\n' for n in range(20_000))
    for name, text in (("a.csv", LOG.decode() + rows), ("a.jsonl", lines)):
        with pytest.raises(DataError, match=f"file '{name}' must be readable to its end"):
            read(tmp_path, name, PACKERS[packed](text.encode())[cut])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_that_a_byte_order_mark_tells_the_encoding_unless_one_is_named(tmp_path: Path, encoding: str) -> None:
    table = read(tmp_path, "a.csv", "item_id,title\n1,Amélie\n".encode(encoding), "items")
    assert table.frame.rows() == [("1", "Amélie")]
    assert table.notes == [f"file 'a.csv': starts with the mark of {encoding} and was read so"]
    with pytest.raises(DataError):
        read(tmp_path, "a.csv", "item_id,title\n1,Amélie\n".encode(encoding), "items", encoding="utf8")


@pytest.mark.parametrize(("name", "content", "came"), [("a.csv", b"", "an empty file"), ("a.csv", b" \n\n", "an empty file")])
def test_that_an_empty_file_is_refused(tmp_path: Path, name: str, content: bytes, came: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, name, content)
    assert (caught.value.thing, caught.value.came) == ("file 'a.csv'", came)


def test_that_a_missing_file_is_named_as_the_user_wrote_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_file(SourceSettings(path="../logs/a.csv"), tmp_path)
    assert caught.value.thing == "file '../logs/a.csv'"
    assert "nothing there" in caught.value.came


def test_that_a_folder_and_an_unknown_encoding_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder"):
        open_file(SourceSettings(path="."), tmp_path)
    with pytest.raises(DataError, match="encoding = 'klingon'"):
        read(tmp_path, "a.csv", "user_id,item_id\n1,2\n", encoding="klingon")


def test_that_bytes_of_no_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no known format"):
        read(tmp_path, "a.bin", b"\x00\x01\x02\x03")
