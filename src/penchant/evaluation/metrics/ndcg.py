"""Normalised discounted cumulative gain with binary relevance."""

import numpy as np

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def ndcg(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """How near the first k places come to the best order, in [0, 1].

    A hit at rank r gains 1 / log2(r + 1); the best order has min(relevant, k) hits in front
    (Järvelin & Kekäläinen 2002; as in ranx).

    Args:
        hits: Of lists at least k long.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    gain = 1 / np.log2(np.arange(2, k + 2))
    gained = first_places(hits.gain, k) @ gain
    best = np.append(0.0, np.cumsum(gain))[np.minimum(relevant, k)]
    return per_relevant(gained, best)
