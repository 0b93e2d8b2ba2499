"""Lists that keep a user's own proportions of kinds: Steck, Calibrated recommendations (RecSys 2018)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Places = NDArray[np.int64]
SMOOTHING = 0.01
"""Share of the past mixed into the list's proportions, so that a kind missing from a list costs a finite amount."""


def calibrated(relevance: Floats, shares: Floats, past: Floats, strength: float, k: int) -> Places:
    """Each place goes to the candidate with the largest (1 - strength) · relevance - strength · divergence of the list from the past.

    The divergence is Kullback and Leibler's, in nats, of the list's proportions of kinds from the past's.

    Args:
        relevance: Of the candidates, 0 to 1 `[n]`; equals are taken in their order.
        shares: How much each candidate belongs to each kind, rows adding up to 1, or to 0 for one of none `[n, kinds]`.
        past: The same of the user's past together, in any scale `[kinds]`; of zeros where nothing is known: relevance then decides.
        strength: 0 = relevance alone, 1 = proportions alone.
        k: Places, at most n.

    Returns:
        Candidates by place `[k]`.
    """
    total = past.sum()
    wanted = past / total if total > 0 else past
    kinds = wanted > 0
    wanted, shares_wanted, amounts = wanted[kinds], shares[:, kinds], shares.sum(axis=1)
    shown, shown_amount = np.zeros(len(wanted)), 0.0
    left, chosen = np.ones(len(relevance), dtype=bool), np.zeros(k, dtype=np.int64)
    for place in range(k):
        amount = shown_amount + amounts
        listed = (shown + shares_wanted) / np.where(amount > 0, amount, 1)[:, None]
        divergence = wanted @ np.log(wanted / ((1 - SMOOTHING) * listed + SMOOTHING * wanted)).T
        chosen[place] = best = int(np.argmax(np.where(left, (1 - strength) * relevance - strength * divergence, -np.inf)))
        left[best] = False
        shown, shown_amount = shown + shares_wanted[best], shown_amount + amounts[best]
    return chosen
