"""Whether the list holds anything relevant at all."""

import numpy as np

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def hit_rate(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """1 where one of the first k items is relevant, else 0 [users].

    Args:
        hits: [users, at least k], in rank order.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    return per_relevant(first_places(hits, k).any(axis=1).astype(float), np.minimum(relevant, 1))
