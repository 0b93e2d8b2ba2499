"""Moments."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from penchant.features.contract import FeatureContract
from penchant.features.time import Time, TimeSettings
from penchant.schema.recipe import FeaturePart

SUNDAY = datetime(2022, 4, 24, tzinfo=UTC)


class TestTime(FeatureContract):
    part, values = FeaturePart(kind="time"), pl.Series([1_650_888_000.0, None, 0.0, -1e9, 1.7e9])


class TestTimeOfDates(FeatureContract):
    part, values = FeaturePart(kind="time"), pl.Series([SUNDAY, None, datetime(1999, 12, 31, 23, tzinfo=UTC)])


def circles(moment: datetime, hours_from_utc: float = 0.0) -> list[float]:
    return list(Time(TimeSettings(hours_from_utc=hours_from_utc)).transform(pl.Series([moment]))[0])


def test_that_hour_and_weekday_are_points_on_circles() -> None:
    midnight = circles(SUNDAY)
    np.testing.assert_allclose(midnight[:4], [0, 1, 0, 1], atol=1e-6)  # the day and the week both begin
    six = circles(SUNDAY.replace(hour=6))
    np.testing.assert_allclose(six[:2], [1, 0], atol=1e-6)
    np.testing.assert_allclose(six[2:4], [np.sin(2 * np.pi / 28), np.cos(2 * np.pi / 28)], atol=1e-6)
    wednesday_noon = circles(datetime(2022, 4, 27, 12, tzinfo=UTC))
    np.testing.assert_allclose(wednesday_noon[:4], [0, -1, 0, -1], atol=1e-6)


def test_that_the_season_turns_once_a_year() -> None:
    np.testing.assert_allclose(circles(datetime(1970, 1, 1, tzinfo=UTC))[4:6], [0, 1], atol=1e-6)
    np.testing.assert_allclose(circles(datetime(1970, 7, 2, 15, tzinfo=UTC))[4:6], [0, -1], atol=1e-2)


def test_that_the_clock_may_stand_elsewhere() -> None:
    np.testing.assert_allclose(circles(SUNDAY, hours_from_utc=8)[:4], circles(SUNDAY.replace(hour=8))[:4], atol=1e-6)


def test_that_a_missing_time_is_the_middle_of_every_circle() -> None:
    assert Time(TimeSettings()).transform(pl.Series([None, float("nan")])).tolist() == [[0, 0, 0, 0, 0, 0, 1]] * 2
