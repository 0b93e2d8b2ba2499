"""Maximal marginal relevance: Carbonell and Goldstein, The use of MMR, diversity-based reranking (SIGIR 1998)."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Places = NDArray[np.int64]


def mmr(relevance: Floats, unit: Floats, strength: float, k: int) -> Places:
    """Each place goes to the candidate with the largest (1 - strength) · relevance - strength · likeness to the most alike one before.

    Args:
        relevance: Of the candidates, 0 to 1 `[n]`; equals are taken in their order.
        unit: Their vectors, of length 1 or 0 `[n, width]`; a candidate without one is unlike every other.
        strength: 0 = relevance alone, 1 = unlikeness alone.
        k: Places, at most n.

    Returns:
        Candidates by place `[k]`.
    """
    alike = np.full(len(relevance), -1.0)
    left, chosen = np.ones(len(relevance), dtype=bool), np.zeros(k, dtype=np.int64)
    for place in range(k):
        value = (1 - strength) * relevance - (strength * alike if place else 0)
        chosen[place] = best = int(np.argmax(np.where(left, value, -np.inf)))
        left[best] = False
        np.maximum(alike, unit @ unit[best], out=alike)
    return chosen
