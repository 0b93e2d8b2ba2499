"""Moments: the hour of the day, the day of the week, the time of the year as points on circles; how long ago."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.feature import Array, Form, as_number, fields_of
from penchant.features.number import Number, NumberSettings
from penchant.schema.settings import Settings

DAY = 86_400.0
YEAR = 365.2425 * DAY
PERIODS = {"hour": DAY, "weekday": 7 * DAY, "month": YEAR}
STARTS = {"hour": "midnight", "weekday": "Sunday", "month": "New Year"}
THURSDAY = 4 * DAY  # 1 January 1970 was a Thursday; the shift makes weeks begin on Sunday


class TimeSettings(Settings):
    """Whose clock is read, and what is told of a moment."""

    hours_from_utc: float = Field(0.0, ge=-14, le=14)
    cycles: tuple[Literal["hour", "weekday", "month"], ...] = ("hour", "weekday", "month")
    """Circles; "month" is the season, which turns once a year without a step between months."""
    age: bool = False
    """Also how long before the newest training moment: below 0 for one before it, above 0 for one after it."""
    recency: bool = False
    """With `columns = [moment, earlier]`: also how long after the earlier one (of an upload, a registration) the moment is."""


class Time:
    """`[n, size]`: sine and cosine of each cycle; the age and the recency with a 1 where it is missing; 1 where the time is missing.

    Age is sign(x)·log(1 + |x|) of the days between, a tenth of it. Recency is a logarithmic `number` of the days between.
    """

    kind: ClassVar[str] = "time"
    settings_class: ClassVar[type[Settings]] = TimeSettings

    def __init__(self, settings: TimeSettings) -> None:
        self.settings = settings
        self.newest_ = 0.0
        self.since_ = Number(NumberSettings(logarithm=True))

    @property
    def form(self) -> Form:
        """A vector: two numbers a cycle, one for age, two for recency, and whether the time is missing."""
        return Form("vector", len(self.names()))

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn the newest training moment and how recencies spread. The cycles learn nothing: a clock is the same for everybody."""
        moment, earlier = self._seconds(values)
        self.newest_ = float(np.nanmax(moment)) if not np.isnan(moment).all() else 0.0
        self.since_.fit(pl.Series((moment - earlier) / DAY))
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, size]`, float32, from seconds since 1970 (UTC) or datetimes; zeros and a last 1 where the time is missing."""
        moment, earlier = self._seconds(values)
        missing = np.isnan(moment)
        local = moment + self.settings.hours_from_utc * 3600
        angles = [2 * np.pi * (local + THURSDAY * (cycle == "weekday")) / PERIODS[cycle] for cycle in self.settings.cycles]
        told = [turn(angle) for angle in angles for turn in (np.sin, np.cos)]
        if self.settings.age:
            days = (moment - self.newest_) / DAY
            told.append(np.sign(days) * np.log1p(np.abs(days)) / 10)
        told = [np.where(missing, 0, each) for each in told]
        if self.settings.recency:
            told.extend(self.since_.transform(pl.Series((moment - earlier) / DAY)).T)
        return np.stack([*told, missing], axis=1).astype(np.float32)

    def names(self) -> list[str]:
        """What each number stands for."""
        circles = [f"{turn} of the {cycle} from {STARTS[cycle]}" for cycle in self.settings.cycles for turn in ("sine", "cosine")]
        age = ["age"] if self.settings.age else []
        recency = ["recency", "recency missing"] if self.settings.recency else []
        return [*circles, *age, *recency, "missing"]

    def _seconds(self, values: pl.Series) -> tuple[Array, Array]:
        moment, earlier = fields_of(values, 2)[:2]
        return as_number(moment), as_number(earlier)

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`newest` in seconds since 1970, and the facts of the recency's number as `since`."""
        return {"newest": self.newest_, "since": self.since_.state()[0]}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`."""
        self.newest_ = facts["newest"]
        self.since_.restore(facts["since"], {})
        return self
