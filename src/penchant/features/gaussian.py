"""A circumstance as a Gaussian: which amount is to be expected, and how widely amounts like it are spread."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import polars as pl
from pydantic import Field

from penchant.features.feature import Array, Form, as_number, as_text, fields_of
from penchant.schema.settings import Settings

LARGEST = 1e18  # its square, summed over any log, is far from the largest float
BOUND = 6.0  # training deviations


class GaussianSettings(Settings):
    """How much training a combination of values needs to be believed."""

    prior: float = Field(10.0, gt=0)
    """As many events' worth of the overall mean and spread are added to those of a combination."""


class Gaussian:
    """`[n, 2]`: mean and spread of an amount, given the values beside it, as the training events had them.

    Read from `columns = [amount, value, value, …]`: temperature by city and month. The mean is in overall deviations from the overall
    mean, within ±6; the spread is the logarithm of the deviation over the overall one, within ±6. The amount of the moment itself is not
    looked at: it may be missing. A combination that training never had, or one with a value missing, is the overall Gaussian, 0 and 0.
    """

    kind: ClassVar[str] = "gaussian"
    settings_class: ClassVar[type[Settings]] = GaussianSettings

    def __init__(self, settings: GaussianSettings) -> None:
        self.settings = settings
        self.mean_, self.deviation_ = 0.0, 1.0
        self.values_ = pl.Series(dtype=pl.String)
        self.each_: Array = np.zeros((0, 2))

    @property
    def form(self) -> Form:
        """A vector of 2: mean and spread."""
        return Form("vector", 2)

    def fit(self, values: pl.Series, events: Array | None = None) -> Self:
        """Learn overall and by combination from `[n]` structs, missing amounts left out; alike, amounts deviate by 1.

        With prior p, mean m and variance v of all: the mean of a combination's n amounts is (sum + p·m) / (n + p), its variance
        (sum of squares about that mean + p·v) / (n + p). Every user or item counts once, however many `events` they have.
        """
        amount, keys = self._read(values)
        known = ~np.isnan(amount)
        self.mean_ = float(amount[known].mean()) if known.any() else 0.0
        spread = float(amount[known].std()) if known.any() else 0.0
        self.deviation_ = spread if spread > 0 else 1.0
        rows = pl.DataFrame({"key": keys, "z": (amount - self.mean_) / self.deviation_}).filter(pl.Series(known)).drop_nulls()
        each = rows.group_by("key").agg(pl.len().alias("n"), pl.col("z").sum().alias("sum"), (pl.col("z") ** 2).sum().alias("squares"))
        each = each.sort("key")
        count, total, squares = (each[name].to_numpy().astype(float) for name in ("n", "sum", "squares"))
        mean = total / (count + self.settings.prior)
        about = np.maximum(squares - 2 * mean * total + count * mean**2, 0)
        variance = (about + self.settings.prior) / (count + self.settings.prior)
        self.values_, self.each_ = each["key"], np.stack([mean, np.log(variance) / 2], axis=1)
        return self

    def transform(self, values: pl.Series) -> Array:
        """Vectors `[n, 2]`, float32, finite."""
        _, keys = self._read(values)
        rows = pl.Series(range(len(self.values_)), dtype=pl.Int64)
        none = np.full(len(keys), -1)
        places = keys.replace_strict(self.values_, rows, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy() if len(rows) else none
        table = np.concatenate([self.each_, np.zeros((1, 2))])
        vectors: Array = np.clip(table[places], -BOUND, BOUND).astype(np.float32)
        return vectors

    def names(self) -> list[str]:
        """What each number stands for."""
        return ["mean", "spread"]

    @staticmethod
    def _read(values: pl.Series) -> tuple[Array, pl.Series]:
        """Amounts `[n]` and the values beside them joined `[n]`, missing where one is."""
        amount, *beside = fields_of(values, 2)
        texts = pl.DataFrame([as_text(each).alias(str(place)) for place, each in enumerate(beside)])
        return np.clip(as_number(amount), -LARGEST, LARGEST), texts.select(pl.concat_str(pl.all(), separator="\x1f")).to_series()

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """`mean`, `deviation` and the combinations as `values`; the array `each` `[combinations, 2]`."""
        return {"mean": self.mean_, "deviation": self.deviation_, "values": self.values_.to_list()}, {"each": self.each_}

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> Self:
        """Take a `state`."""
        self.mean_, self.deviation_ = facts["mean"], facts["deviation"]
        self.values_, self.each_ = pl.Series(facts["values"], dtype=pl.String), arrays["each"]
        return self
