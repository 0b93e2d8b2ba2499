"""How much of what was relevant is in the list."""

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def recall(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """Relevant items among the first k over all relevant items [users], in [0, 1] (as in ranx).

    A user with more than k relevant items cannot reach 1.

    Args:
        hits: [users, at least k], in rank order.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    return per_relevant(first_places(hits, k).sum(axis=1, dtype=float), relevant)
