"""How high the first relevant item stands."""

import numpy as np

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def reciprocal_rank(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """1 / rank of the first relevant item among the first k, 0 without one [users]; its mean is MRR@k.

    Args:
        hits: Of lists at least k long.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    none = first_places(hits.still_none, k)
    first_here = np.append(1 - none[:, :1], none[:, :-1] - none[:, 1:], axis=1)
    return per_relevant(first_here @ (1 / np.arange(1, k + 1)), np.minimum(relevant, 1))
