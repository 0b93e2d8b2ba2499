"""The clock as a category: parts of the day, the week or the year."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.category import FIRST, MISSING
from penchant.features.feature import Array, Form, as_number
from penchant.features.time import DAY, PERIODS, THURSDAY
from penchant.schema.settings import Settings

OF = {"hour": "the day", "weekday": "the week", "month": "the year"}


class PeriodSettings(Settings):
    """Whose clock is read, and how finely."""

    cycle: Literal["hour", "weekday", "month"] = "hour"
    """What is cut into parts: the day from midnight, the week from Sunday, the year from New Year."""
    parts: int = Field(24, ge=2, le=366)
    """Of equal length each."""
    hours_from_utc: float = Field(0.0, ge=-14, le=14)


class Period:
    """`[n]` indices: 1 missing, 2 and up the parts in order. Nothing is learnt and no moment is unknown."""

    kind: ClassVar[str] = "period"
    settings_class: ClassVar[type[Settings]] = PeriodSettings

    def __init__(self, settings: PeriodSettings) -> None:
        self.settings = settings

    @property
    def form(self) -> Form:
        """An index below 2 + the number of parts."""
        return Form("index", FIRST + self.settings.parts)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """A clock is the same for everybody."""
        return self

    def transform(self, values: pl.Series) -> Array:
        """Indices `[n]`, int64, from seconds since 1970 (UTC) or datetimes."""
        moment = as_number(values)
        local = np.nan_to_num(moment) + self.settings.hours_from_utc * 3600 + THURSDAY * (self.settings.cycle == "weekday")
        cycle = PERIODS[self.settings.cycle]
        part = np.floor(local % cycle * self.settings.parts / cycle).astype(np.int64)  # in this order exact where a part begins
        return np.where(np.isnan(moment), MISSING, FIRST + np.minimum(part, self.settings.parts - 1))

    def names(self) -> list[str]:
        """What each index stands for."""
        parts = self.settings.parts
        if self.settings.cycle == "hour":
            told = [f"{_clock(part / parts)} to {_clock((part + 1) / parts)}" for part in range(parts)]
        else:
            told = [f"part {part + 1} of {parts} of {OF[self.settings.cycle]}" for part in range(parts)]
        return ["unknown", "missing", *told]

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Nothing."""
        return {}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Nothing to take."""
        return self


def _clock(share: float) -> str:
    minutes = round(share * DAY / 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"
