"""How often a predicted amount is nearest to the class that came."""

import numpy as np

from penchant.evaluation.metrics.rows import Floats, SumMetric, ratio, read_numbers


def _hits(label: Floats, prediction: Floats) -> Floats:
    classes = np.unique(label)
    middles = (classes[1:] + classes[:-1]) / 2
    nearest = classes[np.searchsorted(middles, prediction, side="left")] if len(classes) else label
    return np.stack([nearest == label, np.ones_like(label)], axis=1).astype(float)


nearest_class = SumMetric(_hits, ratio, read_numbers)
"""`nearest_class(label, prediction, weight=None)`: the share of predictions to which the row's label is the nearest of all labels given
(of two as near the lower one); in [0, 1], nan without rows."""
