"""What the metrics over rows have in common: labels and scores checked at the door, and units that can be counted anew.

An interval asks "what would the number be with other users?". It draws how often each user counts, and a metric
bound to its rows (`Statistic`) answers for many draws at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.schema.errors import DataError

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""How often each unit counts [draws, units] in, the metric's value [draws] out; nan where it is undefined."""


class RowMetric(Protocol):
    """A metric of labels and scores that can be bound to rows grouped in units."""

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller value is the better one."""

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """The metric of these rows as a function of how often each unit (0, 1, ... per row) counts."""


@dataclass(frozen=True)
class SumMetric:
    """A metric that needs only weighted sums over rows, so that rows of one unit are summed once.

    Attributes:
        terms: Checked label and score [rows] to the terms [rows, m] that are summed.
        value: Sums [..., m] to the metric [...]; nan where it is undefined.
        read: Checks label and score.
        lower_is_better: Whether a smaller value is the better one.
    """

    terms: Callable[[Floats, Floats], Floats]
    value: Callable[[Floats], Floats]
    read: Callable[[ArrayLike, ArrayLike], tuple[Floats, Floats]]
    lower_is_better: bool = False

    def __call__(self, label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
        """The metric of rows [n], each counted `weight` times (once when absent); nan without rows.

        Raises:
            DataError: when a label, score or weight is missing or of the wrong kind.
        """
        terms = self.terms(*self.read(label, score))
        return float(self.value(read_weight(weight, len(terms)) @ terms))

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """See `RowMetric`."""
        sums = sum_by_unit(self.terms(*self.read(label, score)), unit)
        return lambda counts: self.value(counts @ sums)


def ratio(sums: Floats) -> Floats:
    """First sum over second [...]; nan where the second is 0."""
    return divide(sums[..., 0], sums[..., 1])


def divide(above: ArrayLike, below: ArrayLike) -> Floats:
    """above / below, nan where below is 0."""
    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    quotient: Floats = np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below != 0)
    return quotient


def sum_by_unit(terms: Floats, unit: NDArray[np.intp]) -> Floats:
    """Terms [rows, m] summed within each unit [units, m]."""
    return np.stack([np.bincount(unit, weights=column) for column in terms.T], axis=1)


def read_numbers(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Two equally long arrays of finite numbers [rows].

    Raises:
        DataError: when one is missing, infinite, or their lengths differ.
    """
    labels, scores = _numbers("labels", label), _numbers("scores", score)
    if labels.shape != scores.shape:
        came = f"{len(labels):,} labels and {len(scores):,} scores"
        raise DataError("labels and scores", must="equally many", came=came, do="Give one score per row.")
    return labels, scores


def read_binary(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Like `read_numbers`, with labels that are 0 or 1."""
    labels, scores = read_numbers(label, score)
    _refuse("labels", (labels != 0) & (labels != 1), labels, must="0 or 1", do="Use rmse or mae for amounts.")
    return labels, scores


def read_probabilities(label: ArrayLike, score: ArrayLike) -> tuple[Floats, Floats]:
    """Like `read_binary`, with scores in [0, 1]."""
    labels, scores = read_binary(label, score)
    _refuse("probabilities", (scores < 0) | (scores > 1), scores, must="between 0 and 1", do="Apply a sigmoid to logits first.")
    return labels, scores


def read_weight(weight: ArrayLike | None, rows: int) -> Floats:
    """Weights [rows], ones when absent.

    Raises:
        DataError: when they are negative, missing or not one per row.
    """
    if weight is None:
        return np.ones(rows)
    weights = _numbers("weights", weight)
    _refuse("weights", weights < 0, weights, must="at least 0", do="Leave rows out with weight 0.")
    if len(weights) != rows:
        raise DataError("weights", must=f"one per row ({rows:,})", came=f"{len(weights):,}", do="Give one weight per row.")
    return weights


def _numbers(thing: str, values: ArrayLike) -> Floats:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1:
        raise DataError(thing, must="one number per row", came=f"{numbers.ndim} dimensions", do="Flatten them to [rows].")
    _refuse(thing, ~np.isfinite(numbers), numbers, must="finite numbers", do="Leave such rows out, and say how many.")
    return numbers


def _refuse(thing: str, bad: NDArray[np.bool_], values: NDArray[Any], *, must: str, do: str) -> None:
    if bad.any():
        row = int(bad.argmax())
        raise DataError(thing, must=must, came=f"{values[row]:g} at row {row} ({bad.sum():,} of {len(bad):,} rows)", do=do)
