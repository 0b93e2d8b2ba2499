"""How little known what is shown is."""

import numpy as np

from penchant.evaluation.metrics.hits import Integers, PerUser
from penchant.evaluation.metrics.rows import divide


def novelty(recommended: Integers, counts: Integers, users: int) -> PerUser:
    """Mean self-information of the listed items in bits [users]: -log2 of the share of users who had an item (Vargas and Castells 2011).

    Args:
        recommended: Item rows [users, k]; -1 where a list is shorter; nan for an empty list.
        counts: Training users who had each item [items]; none counts as half a user, so that the unseen is finite.
        users: Training users.
    """
    bits = -np.log2(np.maximum(counts, 0.5) / max(users, 1))
    return mean_of_list(bits, recommended)


def popularity_lift(recommended: Integers, counts: Integers, past: PerUser) -> PerUser:
    """How much commoner the listed items are than those of the user's past [users]: 0 = as common, 1 = twice as common.

    Group average popularity of Abdollahpouri et al. 2019, per user.

    Args:
        recommended: Item rows [users, k]; -1 where a list is shorter.
        counts: Training users who had each item [items].
        past: Mean count of the items in each user's past [users]; nan comes out where it is nan or 0.
    """
    return divide(mean_of_list(counts.astype(float), recommended), past) - 1


def mean_of_list(values: PerUser, recommended: Integers) -> PerUser:
    """The mean of a value per item over each list [users]; nan for an empty list."""
    listed = recommended >= 0
    return divide((values[np.maximum(recommended, 0)] * listed).sum(axis=1), listed.sum(axis=1))
