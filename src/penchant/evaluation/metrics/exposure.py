"""How the lists of all users together treat the catalogue."""

import numpy as np

from penchant.evaluation.metrics.hits import Integers


def coverage(recommended: Integers, items: int) -> float:
    """The share of the catalogue that stands in anybody's list, in [0, 1].

    Args:
        recommended: Item rows [users, k]; -1 where a list is shorter.
        items: The catalogue's size.
    """
    return float((_shown(recommended, items) > 0).mean()) if items else float("nan")


def gini(recommended: Integers, items: int) -> float:
    """How unequally places in lists are shared among items: 0 = all alike, near 1 = one item has all; nan without lists.

    Of the whole catalogue, items in no list included (Fleder and Hosanagar 2009).
    """
    shown = np.sort(_shown(recommended, items))
    if not shown.sum():
        return float("nan")
    rank = np.arange(1, items + 1)
    return float(((2 * rank - items - 1) @ shown) / (items * shown.sum()))


def _shown(recommended: Integers, items: int) -> Integers:
    return np.bincount(recommended[recommended >= 0], minlength=items)
