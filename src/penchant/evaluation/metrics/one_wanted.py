"""One wanted item among rivals: how far up it stands, ties at every order alike (McSherry and Najork 2008)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.evaluation.metrics.hits import Integers, PerUser


def places(wanted: NDArray[np.floating[Any]], rivals: NDArray[np.floating[Any]]) -> tuple[Integers, Integers]:
    """How many rivals stand before the wanted item and how many are tied with it, each [users].

    Args:
        wanted: The wanted item's score [users].
        rivals: The others' [users, rivals]; -inf is no rival.
    """
    return (rivals > wanted[:, None]).sum(axis=1), (rivals == wanted[:, None]).sum(axis=1)


def expected_hit_rate(before: Integers, tied: Integers, k: int) -> PerUser:
    """The chance that the wanted item is among the first k [users]: its rank is any of `before` + 1 to `before` + `tied` + 1."""
    chance: PerUser = np.clip((k - before) / (tied + 1), 0, 1)
    return chance


def expected_ndcg(before: Integers, tied: Integers, k: int) -> PerUser:
    """The mean of 1 / log2(rank + 1), 0 beyond rank k, over the ranks that the wanted item may have [users]."""
    gained = np.append(0.0, np.cumsum(1 / np.log2(np.arange(2, k + 2))))
    mean: PerUser = (gained[np.minimum(before + tied + 1, k)] - gained[np.minimum(before, k)]) / (tied + 1)
    return mean
