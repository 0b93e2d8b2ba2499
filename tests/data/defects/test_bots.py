"""Users faster than people."""

import polars as pl

from penchant.data.defects.bots import MOST_PER_HOUR, find
from tests.data.defects.given import NOON, tables


def log(moments: int, apart: float) -> pl.DataFrame:
    times = [NOON + apart * moment for moment in range(moments)]
    return pl.DataFrame({"user_id": ["fast"] * moments + ["slow"], "item_id": ["x"] * (moments + 1), "timestamp": [*times, NOON]})


def test_that_more_than_so_many_moments_in_an_hour_are_a_bot() -> None:
    (defect,) = find(tables(log(MOST_PER_HOUR + 1, apart=1)))
    assert defect.count == MOST_PER_HOUR + 1
    assert "1 users" in defect.sentence
    assert "'fast'" in defect.sentence
    assert list(find(tables(log(MOST_PER_HOUR, apart=1)))) == []


def test_that_many_events_at_one_moment_are_an_export_and_many_hours_are_a_habit() -> None:
    assert list(find(tables(log(5 * MOST_PER_HOUR, apart=0)))) == []
    assert list(find(tables(log(5 * MOST_PER_HOUR, apart=10)))) == []
