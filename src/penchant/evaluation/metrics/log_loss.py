"""The mean surprise at what happened."""

import numpy as np

from penchant.evaluation.metrics.rows import Floats, SumMetric, ratio, read_probabilities

SMALLEST = 1e-7
"""A probability nearer to 0 or 1 is taken as this, so that one sure mistake costs 16 nats and not infinity."""


def _surprise(label: Floats, probability: Floats) -> Floats:
    sure = np.clip(probability, SMALLEST, 1 - SMALLEST)
    return np.stack([-np.log(np.where(label == 1, sure, 1 - sure)), np.ones_like(sure)], axis=1)


log_loss = SumMetric(_surprise, ratio, read_probabilities, lower_is_better=True)
"""`log_loss(label, probability, weight=None)` in nats, at least 0; nan without rows."""
