"""Whether things said to happen three times in ten do."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.evaluation.metrics.rows import Floats, Statistic, divide, read_probabilities, read_weight

BINS = 10


@dataclass(frozen=True)
class CalibrationPoint:
    """One bin of predictions: their mean, the share of positives, and the rows in it."""

    predicted: float
    observed: float
    rows: int


def calibration_curve(label: ArrayLike, probability: ArrayLike, bins: int = BINS) -> tuple[CalibrationPoint, ...]:
    """Mean prediction against share of positives in bins of (nearly) equally many rows, ascending.

    Equal counts, because predictions of rare events crowd near zero, where bins of equal width are one point.
    Rows with equal predictions share a bin, so there may be fewer bins than asked; none without rows.

    Raises:
        DataError: when a label or probability is missing or of the wrong kind.
    """
    labels, probabilities = read_probabilities(label, probability)
    place = _bin_of(probabilities, bins)
    rows = np.bincount(place)
    predicted = divide(np.bincount(place, weights=probabilities), rows)
    observed = divide(np.bincount(place, weights=labels), rows)
    return tuple(CalibrationPoint(float(predicted[i]), float(observed[i]), int(rows[i])) for i in np.flatnonzero(rows))


@dataclass(frozen=True)
class _CalibrationError:
    lower_is_better: bool = True

    def __call__(self, label: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> float:
        """Expected calibration error: the mean gap between prediction and share of positives over the curve's bins.

        Naeini et al. 2015, with bins of equal counts (of rows, whatever their weight). In [0, 1]; nan without rows.
        Chance alone makes it positive, and resampling adds chance: a well calibrated model's interval lies high.

        Raises:
            DataError: when a label, probability or weight is missing or of the wrong kind.
        """
        labels, probabilities = read_probabilities(label, probability)
        weights = read_weight(weight, len(labels))
        gaps = np.bincount(_bin_of(probabilities, BINS), weights=weights * (labels - probabilities))
        return float(divide(np.abs(gaps).sum(), weights.sum()))

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """See `RowMetric`; the bins stay as they are for all rows."""
        labels, probabilities = read_probabilities(label, score)
        rows = np.bincount(unit).astype(float)
        cell = unit * BINS + _bin_of(probabilities, BINS)
        gaps = np.bincount(cell, weights=labels - probabilities, minlength=len(rows) * BINS).reshape(len(rows), BINS)
        return lambda counts: divide(np.abs(counts @ gaps).sum(axis=1), counts @ rows)


calibration_error = _CalibrationError()
"""`calibration_error(label, probability, weight=None)`: see `_CalibrationError.__call__`."""


def _bin_of(probabilities: Floats, bins: int) -> NDArray[np.intp]:
    """The bin of each row [rows], 0 to bins - 1, cut at the quantiles."""
    if not len(probabilities):
        return np.zeros(0, dtype=np.intp)
    edges = np.quantile(probabilities, np.arange(1, bins) / bins)
    return np.searchsorted(edges, probabilities, side="left")
