"""How high the first relevant item stands."""

import numpy as np

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def reciprocal_rank(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """1 / rank of the first relevant item among the first k, 0 without one [users]; its mean is MRR@k.

    Args:
        hits: [users, at least k], in rank order.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    first = first_places(hits, k)
    return per_relevant(first.any(axis=1) / (first.argmax(axis=1) + 1.0), np.minimum(relevant, 1))
