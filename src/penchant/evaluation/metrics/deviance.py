"""How far predicted counts lie from those that came, by the measure that grows with their size."""

import numpy as np
from numpy.typing import ArrayLike

from penchant.evaluation.metrics.rows import Floats, SumMetric, ratio, read_numbers
from penchant.schema.errors import DataError

SMALLEST = 1e-7
"""An expected count nearer to 0 is taken as this, so that one event where none was expected is no infinite mistake."""


def _deviance(label: Floats, prediction: Floats) -> Floats:
    expected = np.maximum(prediction, SMALLEST)
    surprise = label * np.log(np.where(label > 0, label, 1.0) / expected)
    return np.stack([2 * (surprise - label + expected), np.ones_like(label)], axis=1)


def _read_counts(label: ArrayLike, prediction: ArrayLike) -> tuple[Floats, Floats]:
    labels, predictions = read_numbers(label, prediction)
    for thing, values in (("counts", labels), ("expected counts", predictions)):
        bad = values < 0
        if bad.any():
            came = f"{values[bad][0]:g} at row {int(bad.argmax())} ({bad.sum():,} of {len(bad):,} rows)"
            raise DataError(thing, must="at least 0", came=came, do="Use rmse or mae for amounts.")
    return labels, predictions


deviance = SumMetric(_deviance, ratio, _read_counts, lower_is_better=True)
"""`deviance(label, prediction, weight=None)`: the mean Poisson deviance 2 (y log(y / m) − y + m), at least 0; nan without rows."""
