"""Neighbours from the command line: of items and users, in words and as JSON, and what is refused."""

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from tests.cli.given import penchant


def test_that_items_like_an_item_are_shown_with_titles(trained: Path) -> None:
    ran = penchant("similar", trained, "--items", "a1, b2", "-k", 2)
    lines = ran.out.splitlines()
    assert ran.code == 0
    assert [line.split()[:2] for line in lines if line.startswith("item")] == [["item", "a1"], ["item", "b2"]]
    assert [lines[place].split()[0] for place in (1, 2, 4, 5)] == ["1", "2", "1", "2"]
    assert "Alpha" in lines[0]
    assert "Beta" in lines[3]


@pytest.mark.parametrize("options", [{}, {"space": "content", "by": "pearson"}, {"space": "behaviour", "by": "pearson"}])
def test_that_json_holds_what_python_says(trained: Path, options: dict[str, str]) -> None:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    model, _ = read_bundle(HomeFolder.of(trained, None), "champion")
    told = penchant("similar", trained, "--items", "a1", "-k", 3, "--json", *words).json
    assert_frame_equal(pl.DataFrame(told["neighbours"]), model.similar_items(["a1"], 3, **options), check_dtypes=False)
    assert told["model_version"] == "1"
    told = penchant("similar", trained, "--users", "u1", "-k", 3, "--json", *words).json
    assert_frame_equal(pl.DataFrame(told["neighbours"]), model.similar_users(["u1"], 3, **options), check_dtypes=False)


def test_that_friends_are_refused_where_nothing_relates_users(trained: Path) -> None:
    ran = penchant("similar", trained, "--users", "u1", "--friends", "only")
    assert ran.code == 4
    assert "friends" in ran.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 4, "--items, --users must be one of the two; found neither"),
        (("--items", "a1", "--users", "u1"), 4, "found both"),
        (("--items", " , "), 4, "--items must be ids with commas between"),
        (("--items", "a1", "--friends", "only"), 4, "--friends must be asked of users"),
        (("--items", "a99"), 4, "a99"),
        (("--items", "a1", "-k", "0"), 4, "k"),
        (("--items", "a1", "--space", "dreams"), 2, "dreams"),
    ],
)
def test_that_what_cannot_be_asked_is_refused(trained: Path, words: tuple[str, ...], code: int, told: str) -> None:
    ran = penchant("similar", trained, *words)
    assert ran.code == code
    assert told in ran.err
