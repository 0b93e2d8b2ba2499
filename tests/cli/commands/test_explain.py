"""Explaining from the command line."""

from pathlib import Path

import pytest

from tests import small_data
from tests.cli.given import penchant

CLOCK = ("--context", f"time={small_data.FILM_NOW}", "--context", "daypart=night")


def test_that_causes_are_shown_with_bars_and_titles(trained: Path) -> None:
    ran = penchant("explain", trained, "--user", "u0", "--items", "a2,b3", "--share", 0, *CLOCK)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line for line in lines if line.startswith("item")] == ["item     a2  Alpha 2", "item     b3  Beta 3"]
    assert any("Daypart is night" in line and "#" in line for line in lines)
    assert lines[-1].startswith("effects")
    assert "history, profile, context, scenario, item" in lines[-1]


def test_that_json_holds_the_same_and_the_users_best_are_explained(trained: Path) -> None:
    ran = penchant("explain", trained, "--user", "u0", "-k", 2, "--history", 2, "--language", "zh", "--json", *CLOCK)
    causes = ran.json["causes"]
    assert len({cause["item_id"] for cause in causes}) == 2
    assert {"kind", "name", "effect", "share", "text", "effect_next"} <= causes[0].keys()
    assert any("得分" in cause["text"] for cause in causes)
    assert ran.json["tells"] == ["history", "profile", "context", "scenario", "item"]
    assert (ran.json["method"], ran.json["model_version"], ran.json["user"]) == ("leave_one_out", "1", "u0")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--items", " , "), "--items"),
        (("--items", "zz"), "item 'zz'"),
        (("--scenario", "mars"), "scenario 'mars'"),
        (("--share", "1"), "share"),
    ],
)
def test_bad_questions(trained: Path, options: tuple[str, ...], named: str) -> None:
    ran = penchant("explain", trained, "--user", "u0", *options)
    assert ran.code == 4
    assert named in ran.err
