"""Users faster than people."""

import polars as pl

from penchant.data.defects.bots import MOST_PER_HOUR, bots, find
from tests.data.defects.given import NOON, tables


def log(moments: int, apart: float) -> pl.DataFrame:
    times = [NOON + apart * moment for moment in range(moments)]
    return pl.DataFrame(
        {
            "user_id": ["fast"] * moments + ["slow"],
            "item_id": [f"i{moment % 9}" for moment in range(moments + 1)],
            "timestamp": [*times, NOON],
        }
    )


def test_that_more_than_so_many_moments_in_an_hour_are_a_bot() -> None:
    (defect,) = find(tables(log(MOST_PER_HOUR + 1, apart=1)))
    assert defect.count == MOST_PER_HOUR + 1
    assert "1 user who" in defect.sentence
    assert "'fast'" in defect.sentence
    assert list(find(tables(log(MOST_PER_HOUR, apart=1)))) == []


def test_that_many_events_at_one_moment_are_an_export_and_many_hours_are_a_habit() -> None:
    assert list(find(tables(log(5 * MOST_PER_HOUR, apart=0)))) == []
    assert list(find(tables(log(5 * MOST_PER_HOUR, apart=10)))) == []


def test_that_three_days_without_a_pause_of_three_hours_are_no_sleep() -> None:
    pauses = pl.DataFrame(
        {"user_id": ["awake"] * 37, "item_id": list("abc") * 12 + ["a"], "timestamp": [NOON + 7200.0 * n for n in range(37)]}
    )
    (defect,) = find(tables(pauses))
    assert (defect.code, defect.count) == ("sleepless_user", 37)
    slept = pauses.with_columns(pl.col("timestamp") + pl.when(pl.int_range(37) > 18).then(4000).otherwise(0))
    assert list(find(tables(slept))) == []
    assert list(find(tables(pauses.head(36)))) == []


def test_that_two_hundred_events_with_one_item_are_a_bot() -> None:
    times = [NOON + 86_400.0 * n for n in range(200)]
    one = pl.DataFrame({"user_id": ["fan"] * 200, "item_id": ["x"] * 196 + ["y"] * 4, "timestamp": times})
    (defect,) = find(tables(one))
    assert (defect.code, defect.count, defect.rule) == ("one_item_user", 200, 'data.clean.bots = "drop"')
    assert bots(one).to_list() == ["fan"]
    assert list(find(tables(one.head(199)))) == []
    assert bots(one.with_columns(pl.int_range(200).cast(pl.Float64).alias("timestamp"))).len() == 0
