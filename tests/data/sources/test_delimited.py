"""CSV and TSV: what real exports contain is read, counted, or refused with the line."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from penchant.data.sources import formats
from penchant.schema.errors import DataError
from tests.data.sources.given import read


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
def test_that_the_separator_is_found(tmp_path: Path, separator: str) -> None:
    text = "user_id,item_id,timestamp\na,x,5\n".replace(",", separator)
    assert read(tmp_path, "a.csv", text).frame.rows() == [("a", "x", 5.0)]


def test_that_quoted_separators_and_line_breaks_stay_inside_a_field(tmp_path: Path) -> None:
    items = read(tmp_path, "a.csv", 'item_id,text\n1,"two\nlines, one field"\n2,"say ""hi"""\n', "items").frame
    assert items.rows() == [("1", "two\nlines, one field"), ("2", 'say "hi"')]


def test_that_leading_zeros_of_ids_and_codes_stay(tmp_path: Path) -> None:
    users = read(tmp_path, "a.csv", "user_id,zip,age\n007,02139,30\n8,10115,40\n", "users").frame
    assert users.rows() == [("007", "02139", 30), ("8", "10115", 40)]


def test_that_rows_with_too_many_fields_are_cut_counted_and_located(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "item_id,title\n1,a\n2,b,extra\n3,c\n4,d,extra,more\n", "items")
    assert table.frame.rows() == [("1", "a"), ("2", "b"), ("3", "c"), ("4", "d")]
    assert table.notes == ["file 'a.csv': 2 rows have too many fields and were cut, first row 2"]


def test_that_rows_with_too_few_fields_end_in_missing_values(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "item_id,title,year\n1,a,1999\n2\n", "items").frame.rows() == [("1", "a", 1999), ("2", None, None)]


def test_that_quotes_that_never_close_are_taken_literally_and_told(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", 'item_id,title\n1,"open\n2,closed\n', "items")
    assert table.frame["title"].to_list() == ['"open', "closed"]
    assert "quotes do not close" in table.notes[0]


def test_that_a_type_that_shows_late_is_found(tmp_path: Path) -> None:
    lines = [f"{n},{n}" for n in range(3000)] + ["3000,many"]
    items = read(tmp_path, "a.csv", "item_id,size\n" + "\n".join(lines), "items").frame
    assert items.schema["size"] == pl.String
    assert items["size"][-1] == "many"


def test_that_another_encoding_is_read_when_named_and_refused_with_its_line_when_not(tmp_path: Path) -> None:
    content = "item_id,title\n1,plain\n2,Amélie\n".encode("latin1")
    assert read(tmp_path, "a.csv", content, "items", encoding="latin1").frame["title"][1] == "Amélie"
    with pytest.raises(DataError) as caught:
        read(tmp_path, "a.csv", content, "items")
    assert caught.value.came == "byte 0xe9 in line 3"
    assert "latin1" in caught.value.do


def test_that_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", b"\xef\xbb\xbfuser_id,item_id,timestamp\n1,2,3\n").frame.columns[0] == "user_id"


def test_that_utf_16_is_read_when_named(tmp_path: Path) -> None:
    content = "item_id,title\n1,Amélie\n".encode("utf-16")
    assert read(tmp_path, "a.csv", content, "items", encoding="utf-16").frame.rows() == [("1", "Amélie")]


def test_that_a_file_without_header_needs_names(tmp_path: Path) -> None:
    text = "1\t1\t5\t874965758\n1\t2\t3\t876893171\n"
    with pytest.raises(DataError, match="first line of numbers"):
        read(tmp_path, "u1.base", text)
    table = read(tmp_path, "u1.base", text, names=("user_id", "item_id", "rating", "timestamp"))
    assert table.frame.rows() == [("1", "1", 5, 874965758.0), ("1", "2", 3, 876893171.0)]


def test_that_a_wrong_number_of_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="2 names and 3 columns"):
        read(tmp_path, "a.csv", "1,2,3\n", names=("user_id", "item_id"))


def test_that_decimal_commas_between_semicolons_are_numbers_with_a_note(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "item_id;price;size\n1;3,50;2\n2;-0,25;3\n3;4;\n", "items")
    assert table.frame.rows() == [("1", 3.5, 2), ("2", -0.25, 3), ("3", 4.0, None)]
    assert table.notes == ["file 'a.csv': ',' was read as the decimal mark in 'price'; decimal = '.' keeps them as text"]


@pytest.mark.parametrize("text", ["item_id;tags\n1;1,2,3\n2;4\n", "item_id;tags\n1;3,5\n2;a,b\n", "item_id;n\n1;3.5\n2;4\n",
                                  'item_id,n\n1,"3,5"\n2,"4,5"\n'])  # fmt: skip
def test_that_other_commas_mean_nothing(tmp_path: Path, text: str) -> None:
    table = read(tmp_path, "a.csv", text, "items")
    assert table.notes == []
    assert table.frame.row(0)[1] in ("1,2,3", "3,5", 3.5)


def test_that_a_named_decimal_mark_is_believed(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", 'item_id,price\n1,"3,5"\n', "items", decimal=",").frame.rows() == [("1", 3.5)]
    table = read(tmp_path, "a.csv", "item_id;price\n1;3,5\n", "items", decimal=".")
    assert (table.frame.rows(), table.notes) == ([("1", "3,5")], [])


def test_that_surplus_fields_of_packed_and_translated_files_are_counted_too(tmp_path: Path) -> None:
    content = "item_id,title\n1,é\n2,b,extra\n"
    for encoding in ("utf8", "latin1"):
        table = read(tmp_path, "a.csv", gzip.compress(content.encode(encoding)), "items", encoding=encoding)
        assert table.frame.rows() == [("1", "é"), ("2", "b")]
        assert table.notes == ["file 'a.csv': 1 rows have too many fields and were cut, first row 2"]


def test_that_text_translated_in_pieces_keeps_its_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "_PIECE_BYTES", 3)
    assert read(tmp_path, "a.csv", "item_id,title\n1,Amélie 😀\n".encode("utf-16"), "items").frame["title"][0] == "Amélie 😀"
