"""Whether the list holds anything relevant at all."""

import numpy as np

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def hit_rate(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """1 where one of the first k items is relevant, else 0; with ties the chance of it [users].

    Args:
        hits: Of lists at least k long.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    return per_relevant(1 - first_places(hits.still_none, k)[:, -1], np.minimum(relevant, 1))
