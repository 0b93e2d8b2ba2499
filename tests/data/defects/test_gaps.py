"""Days without events."""

import polars as pl

from penchant.data.defects.defect import DAY, Defect
from penchant.data.defects.gaps import find
from tests.data.defects.given import tables

FIRST = 19_000 * DAY
"""8 January 2022, a Saturday."""


def found(days: list[int], per_day: int = 20) -> list[Defect]:
    times = [FIRST + day * DAY + 60.0 * n for day in days for n in range(per_day)]
    return list(find(tables(pl.DataFrame({"user_id": ["a"] * len(times), "item_id": ["x"] * len(times), "timestamp": times}))))


def test_that_days_missing_among_busy_ones_are_found() -> None:
    (defect,) = found([day for day in range(30) if day not in (10, 11)])
    assert (defect.code, defect.count, defect.share) == ("empty_day", 2, 2 / 30)
    assert defect.sentence == "no event on 2 days between days with many: 2022-01-18 and 2022-01-19"


def test_that_a_weekly_day_of_rest_is_a_habit() -> None:
    assert found([day for day in range(60) if day % 7 != 1]) == []
    assert [defect.count for defect in found([day for day in range(60) if day % 7 != 1 and day != 31])] == [1]


def test_that_few_days_and_quiet_logs_are_not_judged() -> None:
    assert found([0, 5, 12]) == []
    assert found([day for day in range(30) if day != 10], per_day=19) == []
