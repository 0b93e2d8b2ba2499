"""Lists by what kinds of things they hold: how various they are, and whether they keep a user's own proportions."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.evaluation.metrics.hits import Integers, PerUser
from penchant.evaluation.metrics.rows import divide

Shares = NDArray[np.floating[Any]]

SMOOTHING = 0.01
"""Share of the past mixed into the list's proportions, so that a kind missing from a list costs a finite amount."""


def intra_list_diversity(recommended: Integers, vectors: Shares) -> PerUser:
    """Mean of 1 - cosine over all pairs of a list [users] (Ziegler et al. 2005); nan for lists of fewer than two items.

    Args:
        recommended: Item rows [users, k]; -1 where a list is shorter.
        vectors: Of items or their categories [items, width]; an item of zeros is unlike every other.
    """
    length = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(length > 0, length, 1)[:, None]
    listed = recommended >= 0
    rows = np.maximum(recommended, 0)
    total = np.einsum("ukw,uk->uw", unit[rows], listed.astype(float))
    same = (listed * (length[rows] > 0)).sum(axis=1)
    count = listed.sum(axis=1)
    return 1 - divide((total**2).sum(axis=1) - same, count * (count - 1))


def miscalibration(recommended: Integers, shares: Shares, past: Shares) -> PerUser:
    """Kullback-Leibler divergence, in nats, of a list's proportions of kinds from those of the user's past [users].

    Steck, Calibrated recommendations, RecSys 2018, with alpha = .01. 0 = the past's proportions; nan without a past or a list.

    Args:
        recommended: Item rows [users, k]; -1 where a list is shorter.
        shares: How much an item belongs to each kind [items, kinds], rows adding up to 1, or to 0 for an item of none.
        past: The same of each user's past [users, kinds], in any scale.
    """
    listed = (recommended >= 0).astype(float)
    shown = _proportions(np.einsum("ukc,uk->uc", shares[np.maximum(recommended, 0)], listed))
    wanted = _proportions(past)
    mixed = (1 - SMOOTHING) * shown + SMOOTHING * wanted
    ratio = np.log(np.where(wanted > 0, wanted, 1) / np.where(wanted > 0, mixed, 1))
    divergence: PerUser = (wanted * ratio).sum(axis=1)
    return divergence


def _proportions(amounts: Shares) -> Shares:
    return amounts / np.where(amounts.sum(axis=1) > 0, amounts.sum(axis=1), np.nan)[:, None]
