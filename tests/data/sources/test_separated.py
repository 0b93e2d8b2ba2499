"""MovieLens' `::` tables."""

from pathlib import Path

import pytest

from penchant.schema.errors import DataError
from tests.data.sources.given import read

NAMES = ("item_id", "title", "genres")


def test_that_single_colons_and_quotes_are_part_of_the_text(tmp_path: Path) -> None:
    text = '1::Star Trek: "Generations" (1994)::Action|Sci-Fi\n2::"Jumanji::Adventure\n'
    items = read(tmp_path, "movies.dat", text, "items", names=NAMES).frame
    assert items.rows() == [("1", 'Star Trek: "Generations" (1994)', "Action|Sci-Fi"), ("2", '"Jumanji', "Adventure")]


def test_that_any_separator_can_be_named(tmp_path: Path) -> None:
    items = read(tmp_path, "a.dat", "1<>a<>b\n", "items", names=NAMES, format="separated", separator="<>").frame
    assert items.rows() == [("1", "a", "b")]


def test_that_latin1_is_read_when_named_and_refused_when_not(tmp_path: Path) -> None:
    content = "1::Amélie::Comedy\n".encode("latin1")
    assert read(tmp_path, "a.dat", content, "items", names=NAMES, encoding="latin1").frame["title"][0] == "Amélie"
    with pytest.raises(DataError, match="byte 0xe9 in line 1"):
        read(tmp_path, "a.dat", content, "items", names=NAMES)


def test_that_names_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no `names` for its 3 columns"):
        read(tmp_path, "a.dat", "1::a::b\n", "items")
