"""How far predicted amounts lie from what came."""

import numpy as np

from penchant.evaluation.metrics.rows import Floats, SumMetric, ratio, read_numbers


def _squared(label: Floats, prediction: Floats) -> Floats:
    return np.stack([(label - prediction) ** 2, np.ones_like(label)], axis=1)


def _absolute(label: Floats, prediction: Floats) -> Floats:
    return np.stack([np.abs(label - prediction), np.ones_like(label)], axis=1)


def _root_of_mean(sums: Floats) -> Floats:
    return np.sqrt(ratio(sums))


rmse = SumMetric(_squared, _root_of_mean, read_numbers, lower_is_better=True)
"""`rmse(label, prediction, weight=None)`: root of the mean squared error, in the label's unit; nan without rows."""

mae = SumMetric(_absolute, ratio, read_numbers, lower_is_better=True)
"""`mae(label, prediction, weight=None)`: mean absolute error, in the label's unit; nan without rows."""
