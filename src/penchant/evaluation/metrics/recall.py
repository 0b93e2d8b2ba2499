"""How much of what was relevant is in the list."""

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def recall(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """Relevant items among the first k over all relevant items [users], in [0, 1] (as in ranx).

    A user with more than k relevant items cannot reach 1.

    Args:
        hits: Of lists at least k long.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    return per_relevant(first_places(hits.gain, k).sum(axis=1), relevant)
