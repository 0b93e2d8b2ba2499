"""The clock as a category."""

from datetime import UTC, datetime

import polars as pl
import pytest

from penchant.features.contract import FeatureContract
from penchant.features.period import Period, PeriodSettings
from penchant.schema.sections.features import FeaturePart

SUNDAY = datetime(2022, 4, 24, tzinfo=UTC)


class TestPeriod(FeatureContract):
    part, values = FeaturePart(kind="period"), pl.Series([1_650_888_000.0, None, 0.0, -1e9, 1.7e9])


def part_of(moment: datetime, **settings: object) -> int:
    return int(Period(PeriodSettings.model_validate(settings)).transform(pl.Series([moment]))[0])


@pytest.mark.parametrize(("hour", "minute", "index"), [(0, 0, 2), (5, 59, 2), (6, 0, 3), (17, 59, 4), (18, 0, 5), (23, 59, 5)])
def test_that_a_day_of_four_parts_turns_every_six_hours(hour: int, minute: int, index: int) -> None:
    assert part_of(SUNDAY.replace(hour=hour, minute=minute), parts=4) == index


def test_that_a_week_begins_on_sunday_and_a_year_on_new_year() -> None:
    assert [part_of(SUNDAY.replace(day=24 + day), cycle="weekday", parts=7) for day in range(6)] == [2, 3, 4, 5, 6, 7]
    assert [part_of(datetime(1970, month, 15, tzinfo=UTC), cycle="month", parts=12) for month in (1, 2, 6, 12)] == [2, 3, 7, 13]


def test_that_another_clock_is_ahead() -> None:
    assert part_of(SUNDAY.replace(hour=5), parts=4, hours_from_utc=2) == 3
    assert part_of(SUNDAY.replace(hour=1), cycle="weekday", parts=7, hours_from_utc=-2) == 8  # still Saturday there


def test_that_parts_have_names_and_missing_moments_an_index() -> None:
    period = Period(PeriodSettings(parts=4))
    assert period.names() == ["unknown", "missing", "00:00 to 06:00", "06:00 to 12:00", "12:00 to 18:00", "18:00 to 24:00"]
    assert period.transform(pl.Series([None, SUNDAY.timestamp()])).tolist() == [1, 2]
    assert Period(PeriodSettings(cycle="weekday", parts=7)).names()[2] == "part 1 of 7 of the week"
