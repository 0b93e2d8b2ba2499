"""Precision at every relevant item, averaged."""

from penchant.evaluation.metrics.hits import Hits, Integers, PerUser, first_places, per_relevant


def average_precision(hits: Hits, relevant: Integers, k: int) -> PerUser:
    """Sum of the precision at each hit among the first k, over ALL relevant items [users]; its mean is MAP@k.

    The divisor is the number of relevant items, as in trec_eval and ranx, not min(relevant, k) as in some
    recommender libraries: a user with more than k relevant items cannot reach 1.

    Args:
        hits: Of lists at least k long.
        relevant: Relevant items per user [users]; nan comes out where 0.
    """
    return per_relevant(first_places(hits.precision, k).sum(axis=1), relevant)
