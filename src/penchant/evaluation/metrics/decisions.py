"""How well "yes" at a probability of one half or more fits what happened."""

import numpy as np

from penchant.evaluation.metrics.rows import Floats, SumMetric, divide, read_probabilities

THRESHOLD = 0.5


def _outcomes(label: Floats, probability: Floats) -> Floats:
    """True positive, false positive, false negative, true negative [rows, 4]."""
    yes = probability >= THRESHOLD
    return np.stack([yes * label, yes * (1 - label), ~yes * label, ~yes * (1 - label)], axis=1)


def _accuracy(sums: Floats) -> Floats:
    return divide(sums[..., 0] + sums[..., 3], sums.sum(axis=-1))


def _precision(sums: Floats) -> Floats:
    return divide(sums[..., 0], sums[..., 0] + sums[..., 1])


def _recall(sums: Floats) -> Floats:
    return divide(sums[..., 0], sums[..., 0] + sums[..., 2])


def _f1(sums: Floats) -> Floats:
    return divide(2 * sums[..., 0], 2 * sums[..., 0] + sums[..., 1] + sums[..., 2])


accuracy = SumMetric(_outcomes, _accuracy, read_probabilities)
"""`accuracy(label, probability, weight=None)`: the share of right decisions; nan without rows."""

precision = SumMetric(_outcomes, _precision, read_probabilities)
"""`precision(label, probability, weight=None)`: the share of positives among "yes"; nan without a "yes"."""

recall = SumMetric(_outcomes, _recall, read_probabilities)
"""`recall(label, probability, weight=None)`: the share of "yes" among positives; nan without a positive."""

f1 = SumMetric(_outcomes, _f1, read_probabilities)
"""`f1(label, probability, weight=None)`: the harmonic mean of precision and recall; nan without positives and "yes"."""
