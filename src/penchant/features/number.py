"""Amounts: age, price, duration."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import polars as pl
from pydantic import Field, model_validator

from penchant.features.feature import Array, Form, as_number
from penchant.schema.settings import ContradictionError, Settings

LARGEST = 1e140  # its square, summed over any log, is still a float
EVEN = 3**0.5  # evenly spread over ±EVEN, amounts deviate by 1


class NumberSettings(Settings):
    """How amounts are scaled."""

    logarithm: bool = False
    """Scale sign(x)·log(1 + |x|) in place of x, for amounts that span orders of magnitude."""
    encoding: Literal["standard", "quantile", "piecewise_linear"] = "standard"
    """In standard deviations; by rank among the training amounts; or as a thermometer over their quantiles."""
    clip: float = Field(6.0, gt=0)
    """With "standard": so many standard deviations at most, which keeps one absurd value from drowning the rest."""
    bins: int = Field(16, ge=2, le=1000)
    """With "quantile" and "piecewise_linear": parts of equal training count; fewer where many amounts are the same."""

    @model_validator(mode="after")
    def _used(self) -> Self:
        unused = "bins" if self.encoding == "standard" else "clip"
        if unused in self.model_fields_set:
            raise ContradictionError(f"without {unused} when its encoding is '{self.encoding}'", unused, f"Take {unused} out.")
        return self


class Number:
    """`[n, size]`: the amount, encoded, and last a 1 where it is missing (0 the rest of the row).

    "standard": one number, within ±`clip` deviations from the training mean. "quantile": one number, evenly spread over ±√3 in training.
    "piecewise_linear" (Gorishniy et al. 2022, On Embeddings for Numerical Features, eq. 1): one number per bin, 1 for a bin below the
    amount, 0 for one above, and how far the amount reaches into its own; amounts outside the training range count as its ends.
    """

    kind: ClassVar[str] = "number"
    settings_class: ClassVar[type[Settings]] = NumberSettings

    def __init__(self, settings: NumberSettings) -> None:
        self.settings = settings
        self.mean_, self.deviation_ = 0.0, 1.0
        self.edges_: Array = np.array([0.0, 1.0])

    @property
    def form(self) -> Form:
        """A vector of 2, or of one more than there are bins: the encoded amount and whether it is missing."""
        return Form("vector", len(self.edges_) if self.settings.encoding == "piecewise_linear" else 2)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn mean, deviation and quantiles of `[n]` amounts, missing ones left out.

        Amounts that are all alike deviate by 1; without any, the mean is 0. Every user or item counts once,
        however many `events` they have.
        """
        numbers = self._scaled(values)
        present = numbers[~np.isnan(numbers)]
        self.mean_ = float(present.mean()) if len(present) else 0.0
        self.deviation_ = float(present.std()) if len(present) and present.std() > 0 else 1.0
        edges = np.unique(np.quantile(present, np.linspace(0, 1, self.settings.bins + 1))) if len(present) else np.zeros(1)
        self.edges_ = edges if len(edges) > 1 else np.array([edges[0] - 1, edges[0] + 1])  # alike: a known one is in the middle
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, size]`, float32, finite; what is no number is missing, zeros and a last 1."""
        numbers = self._scaled(values)
        missing = np.isnan(numbers)
        encoded = self._encoded(np.where(missing, self.mean_, numbers))
        return np.concatenate([np.where(missing[:, None], 0, encoded), missing[:, None]], axis=1).astype(np.float32)

    def _encoded(self, numbers: Array) -> Array:
        if self.settings.encoding == "standard":
            return np.clip((numbers - self.mean_) / self.deviation_, -self.settings.clip, self.settings.clip)[:, None]
        if self.settings.encoding == "quantile":
            return EVEN * (2 * np.interp(numbers, self.edges_, np.linspace(0, 1, len(self.edges_)))[:, None] - 1)
        low, high = self.edges_[:-1], self.edges_[1:]
        inside: Array = np.clip((numbers[:, None] - low) / (high - low), 0, 1)
        return inside

    def inverse(self, array: Array) -> pl.Series:
        """Amounts `[n]` of vectors `[n, size]`, NaN where missing; those that were clipped come back as their bound."""
        encoded = np.asarray(array[:, :-1], dtype=np.float64)
        if self.settings.encoding == "standard":
            scaled = encoded[:, 0] * self.deviation_ + self.mean_
        elif self.settings.encoding == "quantile":
            scaled = np.interp((encoded[:, 0] / EVEN + 1) / 2, np.linspace(0, 1, len(self.edges_)), self.edges_)
        else:
            scaled = self.edges_[0] + encoded @ np.diff(self.edges_)
        numbers = np.sign(scaled) * np.expm1(np.abs(scaled)) if self.settings.logarithm else scaled
        return pl.Series(np.where(array[:, -1] > 0, np.nan, numbers))

    def names(self) -> list[str]:
        """What each number stands for."""
        if self.settings.encoding == "piecewise_linear":
            return [*(f"from {low:.6g} to {high:.6g}" for low, high in zip(self.edges_[:-1], self.edges_[1:], strict=True)), "missing"]
        return ["rank" if self.settings.encoding == "quantile" else "amount", "missing"]

    def _scaled(self, values: pl.Series) -> Array:
        numbers = np.clip(as_number(values), -LARGEST, LARGEST)
        return np.sign(numbers) * np.log1p(np.abs(numbers)) if self.settings.logarithm else numbers

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`mean` and `deviation`, after the logarithm if there is one, and where there are bins their `edges` `[bins + 1]`."""
        binned = {} if self.settings.encoding == "standard" else {"edges": self.edges_}
        return {"mean": self.mean_, "deviation": self.deviation_}, binned

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take the mean, deviation and edges of a `state`."""
        self.mean_, self.deviation_ = facts["mean"], facts["deviation"]
        self.edges_ = arrays.get("edges", self.edges_)
        return self
