"""Moments: the hour of the day, the day of the week, the time of the year, each as a point on a circle."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.feature import Array, Form, as_number
from penchant.schema.recipe import Settings

DAY = 86_400.0
PERIODS = (DAY, 7 * DAY, 365.2425 * DAY)
THURSDAY = 4 * DAY  # 1 January 1970 was a Thursday; the shift makes weeks begin on Sunday


class TimeSettings(Settings):
    """Whose clock is read."""

    hours_from_utc: float = Field(0.0, ge=-14, le=14)


class Time:
    """`[n, 7]`: sine and cosine of the hour, the weekday and the season, and 1 where the time is missing."""

    kind: ClassVar[str] = "time"
    settings_class: ClassVar[type[Settings]] = TimeSettings

    def __init__(self, settings: TimeSettings) -> None:
        self.settings = settings

    @property
    def form(self) -> Form:
        """A vector of 7: three circles and whether the time is missing."""
        return Form("vector", 2 * len(PERIODS) + 1)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Nothing is learnt: a clock is the same for everybody."""
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, 7]`, float32, from seconds since 1970 (UTC) or datetimes; zeros and a last 1 where the time is missing."""
        seconds = as_number(values) + self.settings.hours_from_utc * 3600
        missing = np.isnan(seconds)
        angles = [2 * np.pi * (seconds + THURSDAY * (period == 7 * DAY)) / period for period in PERIODS]
        circles = [turn(angle) for angle in angles for turn in (np.sin, np.cos)]
        return np.stack([*(np.where(missing, 0, circle) for circle in circles), missing], axis=1).astype(np.float32)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Nothing."""
        return {}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Nothing to take."""
        return self
