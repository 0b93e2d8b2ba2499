"""How sure a number is: bootstrap over users, and paired comparison of two models.

Users are drawn, not rows: rows of one user resemble each other, and an interval over rows would be too narrow.
Everything is seeded; the same input gives the same interval.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.evaluation.metrics.rows import Floats, RowMetric, Statistic, divide
from penchant.evaluation.summary import Difference, Metric
from penchant.schema.errors import DataError

_CELLS = 4_000_000
"""Draws × units held at once; bounds the memory at 32 MB."""


@dataclass(frozen=True)
class Bootstrap:
    """Percentile bootstrap (Efron 1979) over units.

    Attributes:
        draws: How many times the units are drawn anew.
        level: The share of draws inside the interval.
        seed: Of the draws and of the sign flips.
    """

    draws: int = 1000
    level: float = 0.95
    seed: int = 0

    def mean(self, values: ArrayLike, weight: ArrayLike | None = None) -> Metric:
        """The (weighted) mean of values per unit [units] with its interval; units with nan are left out.

        `n` is the number of units that count; value and interval are nan without any.
        """
        value, mass = _defined(np.asarray(values, dtype=float), weight)
        return self._interval(_mean_of(value, mass), len(value), lower_is_better=False)

    def metric(self, metric: RowMetric, label: ArrayLike, score: ArrayLike, unit: ArrayLike) -> Metric:
        """A row metric with its interval; the rows of a unit are drawn together. `n` counts rows.

        Args:
            metric: For example `auc`.
            label, score: [rows].
            unit: Whose row it is [rows]; any values that can be sorted.

        Raises:
            DataError: as the metric does.
        """
        place, units = _units(unit)
        return self._interval(metric.of_units(label, score, place), units, metric.lower_is_better, rows=len(place))

    def mean_difference(self, values: ArrayLike, other: ArrayLike) -> Difference:
        """Mean of `values - other` over the same units [units], with interval and sign-flip p-value.

        Units where either is nan are left out.
        """
        gap = np.asarray(values, dtype=float) - np.asarray(other, dtype=float)
        gap = gap[~np.isnan(gap)]
        p_value = sign_flip_test(gap, draws=self.draws, seed=self.seed)
        return Difference(self._interval(_mean_of(gap, np.ones_like(gap)), len(gap), lower_is_better=False), p_value)

    def metric_difference(self, metric: RowMetric, label: ArrayLike, score: ArrayLike, other: ArrayLike, unit: ArrayLike) -> Difference:
        """The metric of `score` minus that of `other` on the same rows, both seen with the same draws of units.

        The p-value is nan: flipping signs needs a value per unit, which such a metric has not.
        """
        place, units = _units(unit)
        ours, theirs = (metric.of_units(label, each, place) for each in (score, other))
        interval = self._interval(lambda counts: ours(counts) - theirs(counts), units, metric.lower_is_better, rows=len(place))
        return Difference(interval, float("nan"))

    def _interval(self, statistic: Statistic, units: int, lower_is_better: bool, rows: int | None = None) -> Metric:
        if not units:
            return Metric(float("nan"), n=0, lower_is_better=lower_is_better)
        value = float(statistic(np.ones((1, units)))[0])
        drawn = np.concatenate([statistic(counts) for counts in self._counts(units)])
        drawn = drawn[~np.isnan(drawn)]
        tail = (1 - self.level) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail]) if len(drawn) else (np.nan, np.nan)
        return Metric(value, float(low), float(high), units if rows is None else rows, lower_is_better)

    def _counts(self, units: int) -> Iterator[Floats]:
        """How often each unit is drawn [some draws, units], block after block."""
        random = np.random.default_rng(self.seed)
        block = max(1, _CELLS // units)
        for start in range(0, self.draws, block):
            size = min(block, self.draws - start)
            yield np.stack([np.bincount(random.integers(units, size=units), minlength=units) for _ in range(size)]).astype(float)


def sign_flip_test(differences: ArrayLike, draws: int = 1000, seed: int = 0) -> float:
    """Two-sided paired permutation test of "the mean difference is 0" (Fisher 1935), by random sign flips.

    Args:
        differences: Per unit [units]; zeros are allowed and change nothing.
        draws: Flips; the smallest p-value is 1 / (draws + 1).

    Returns:
        The share of flips, the observed one among them, with a mean at least as far from 0; nan without units.
    """
    gap = np.asarray(differences, dtype=float)
    if not len(gap):
        return float("nan")
    gap = gap[gap != 0]
    observed = abs(gap.sum())
    slack = 1e-9 * np.abs(gap).sum()
    random = np.random.default_rng(seed)
    as_far = sum(int((np.abs(flipped) >= observed - slack).sum()) for flipped in _flipped_sums(gap, draws, random))
    return (as_far + 1) / (draws + 1)


def _flipped_sums(gap: Floats, draws: int, random: np.random.Generator) -> Iterator[Floats]:
    block = max(1, _CELLS // max(len(gap), 1))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        bits = np.unpackbits(np.frombuffer(random.bytes(size * (len(gap) // 8 + 1)), dtype=np.uint8).reshape(size, -1), axis=1)
        yield 2 * (bits[:, : len(gap)] @ gap) - gap.sum()


def _mean_of(values: Floats, mass: Floats) -> Statistic:
    return lambda counts: divide(counts @ (values * mass), counts @ mass)


def _defined(values: Floats, weight: ArrayLike | None) -> tuple[Floats, Floats]:
    mass = np.ones_like(values) if weight is None else np.asarray(weight, dtype=float)
    if mass.shape != values.shape:
        raise DataError("weights", must=f"one per unit ({len(values):,})", came=f"{len(mass):,}", do="Give one weight per unit.")
    known = ~np.isnan(values)
    return values[known], mass[known]


def _units(unit: ArrayLike) -> tuple[NDArray[np.intp], int]:
    names, place = np.unique(np.asarray(unit), return_inverse=True)
    return place.astype(np.intp), len(names)
