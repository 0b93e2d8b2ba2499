"""Labels that contradict one another."""

import polars as pl
import pytest

from penchant.data.defects.conflicts import find
from penchant.data.defects.defect import Defect
from tests.data.defects.given import NOON, events, tables

CLICK = '[tasks.click]\nkind = "binary"\nlabel = "clicked"'


def found(times: list[float], clicked: list[int | None], tasks: str = CLICK) -> list[Defect]:
    return list(find(tables(events(user_id=["a"] * 3, item_id=["x"] * 3, timestamp=times, clicked=clicked), tasks=tasks)))


def test_that_yes_and_no_at_one_moment_contradict_and_every_such_row_is_counted() -> None:
    (defect,) = found([NOON, NOON, NOON + 9999], [1, 0, 0])
    assert (defect.code, defect.severity, defect.count, defect.first_rows) == ("label_conflict", "warning", 2, (1, 2))
    assert defect.rule == 'data.clean.conflicts = "drop"'


@pytest.mark.parametrize("clicked", [[1, 1, 0], [1, None, 0]])
def test_that_the_same_label_twice_and_a_missing_one_are_no_contradiction(clicked: list[int | None]) -> None:
    assert found([NOON, NOON, NOON + 9999], clicked) == []


def test_that_another_mind_within_the_hour_is_good_to_know_and_later_is_not() -> None:
    (defect,) = found([NOON, NOON + 3600, NOON + 7201], [0, 1, 0])
    assert (defect.code, defect.severity, defect.first_rows) == ("label_change", "information", (2,))


def test_that_amounts_contradict_at_one_moment_only() -> None:
    stars = '[tasks.stars]\nkind = "regression"\nlabel = "clicked"'
    assert [defect.count for defect in found([NOON, NOON, NOON + 9], [1, 5, 3], stars)] == [2]


def test_that_a_label_that_cannot_be_computed_is_left_to_others() -> None:
    assert found([NOON, NOON, NOON], [1, 0, 1], CLICK.replace("clicked", "nothing")) == []


def test_that_other_items_and_other_users_change_nobodys_mind() -> None:
    log = events(
        user_id=["a", "a", "a", "b"], item_id=["x", "y", "x", "x"], timestamp=[NOON, NOON + 20, NOON + 2, NOON + 50], clicked=[0, 1, 0, 0]
    )
    doubled = pl.concat([log, log.with_columns(pl.col("timestamp") + 9)])
    assert list(find(tables(doubled, tasks=CLICK))) == []
