"""Moments."""

from datetime import UTC, datetime

import numpy as np
import polars as pl

from penchant.features.contract import FeatureContract
from penchant.features.time import Time, TimeSettings
from penchant.schema.sections.features import FeaturePart

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


class TestTimeWithAgeAndRecency(FeatureContract):
    part = FeaturePart.model_validate({"kind": "time", "columns": ["now", "then"], "age": True, "recency": True, "cycles": ["hour"]})
    values = pl.DataFrame({"now": [1.7e9, 1.6e9, None, 1.5e9], "then": [1.6e9, None, 1e9, 1.5e9]}).select(pl.struct(pl.all())).to_series()


def test_that_age_is_counted_from_the_newest_training_moment() -> None:
    time = Time(TimeSettings(cycles=(), age=True)).fit(pl.Series([SUNDAY.timestamp(), SUNDAY.timestamp() - 9e5, None]))
    found = time.transform(pl.Series([SUNDAY.timestamp(), SUNDAY.timestamp() + 86_400, SUNDAY.timestamp() - 3 * 86_400, None]))
    np.testing.assert_allclose(found, [[0, 0], [np.log(2) / 10, 0], [-np.log(4) / 10, 0], [0, 1]], rtol=1e-6)
    assert time.names() == ["age", "missing"]


def test_that_recency_is_the_logarithm_of_the_days_since() -> None:
    day = 86_400.0
    moments = (
        pl.DataFrame({"now": [10 * day, 10 * day, 10 * day], "then": [9 * day, 7 * day, None]}).select(pl.struct(pl.all())).to_series()
    )
    time = Time(TimeSettings(cycles=(), recency=True)).fit(moments)  # log 2 and log 4: deviations -1 and 1
    np.testing.assert_allclose(time.transform(moments), [[-1, 0, 0], [1, 0, 0], [0, 1, 0]], rtol=1e-5)
