"""Amounts: age, price, duration."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl

from penchant.features.feature import Array, Form, as_number
from penchant.schema.recipe import Settings

BOUND = 6.0  # in standard deviations; keeps one absurd value from drowning the rest
LARGEST = 1e140  # its square, summed over any log, is still a float


class NumberSettings(Settings):
    """How amounts are scaled."""

    logarithm: bool = False
    """Scale sign(x)·log(1 + |x|) in place of x, for amounts that span orders of magnitude."""


class Number:
    """`[n, 2]`: the value in standard deviations from the training mean, within ±6, and 1 where it is missing."""

    kind: ClassVar[str] = "number"
    settings_class: ClassVar[type[Settings]] = NumberSettings

    def __init__(self, settings: NumberSettings) -> None:
        self.settings = settings
        self.mean_, self.deviation_ = 0.0, 1.0

    @property
    def form(self) -> Form:
        """A vector of 2: the scaled amount and whether it is missing."""
        return Form("vector", 2)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn mean and deviation of `[n]` amounts, missing ones left out; alike, they deviate by 1; without any, the mean is 0.

        Every user or item counts once, however many `events` they have.
        """
        numbers = self._scaled(values)
        present = numbers[~np.isnan(numbers)]
        self.mean_ = float(present.mean()) if len(present) else 0.0
        self.deviation_ = float(present.std()) if len(present) and present.std() > 0 else 1.0
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, 2]`, float32, finite; what is no number is missing, 0 and 1."""
        standard = (self._scaled(values) - self.mean_) / self.deviation_
        missing = np.isnan(standard)
        return np.stack([np.clip(np.where(missing, 0, standard), -BOUND, BOUND), missing], axis=1).astype(np.float32)

    def _scaled(self, values: pl.Series) -> Array:
        numbers = np.clip(as_number(values), -LARGEST, LARGEST)
        return np.sign(numbers) * np.log1p(np.abs(numbers)) if self.settings.logarithm else numbers

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`mean` and `deviation`, after the logarithm if there is one; no arrays."""
        return {"mean": self.mean_, "deviation": self.deviation_}, {}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take the mean and deviation of a `state`."""
        self.mean_, self.deviation_ = facts["mean"], facts["deviation"]
        return self
