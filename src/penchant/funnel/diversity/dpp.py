"""The likeliest list of a determinantal point process, greedily: Chen, Zhang and Zhou, Fast greedy MAP inference (NeurIPS 2018).

The determinant of a set's likenesses is the squared volume that its vectors span, large where they are unlike. Of each candidate its
part that the list does not span yet is kept by a Cholesky row more for every place, so that k of n candidates cost k² · n
multiplications, none of them a determinant.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Places = NDArray[np.int64]
LEAST = 1e-10
"""What is left of a candidate that the list spans wholly; all such are in the order of their relevance."""


def dpp(relevance: Floats, unit: Floats, strength: float, k: int) -> Places:
    """Each place goes to the candidate that adds most to (1 - strength) · Σ relevance + strength · log det(likenesses).

    Likenesses are (1 + cosine) / 2, as in the paper; a candidate without a vector is at right angles to every other.

    Args:
        relevance: Of the candidates, 0 to 1 `[n]`; equals are taken in their order.
        unit: Their vectors, of length 1 or 0 `[n, width]`.
        strength: 0 = relevance alone, 1 = the volume alone.
        k: Places, at most n.

    Returns:
        Candidates by place `[k]`.
    """
    count = len(relevance)
    rows, residual = np.zeros((k, count)), np.ones(count)
    left, chosen = np.ones(count, dtype=bool), np.zeros(k, dtype=np.int64)
    for place in range(k):
        value = (1 - strength) * relevance + strength * np.log(np.maximum(residual, LEAST))
        chosen[place] = best = int(np.argmax(np.where(left, value, -np.inf)))
        left[best] = False
        if residual[best] > LEAST:
            alike = (1 + unit @ unit[best]) / 2
            rows[place] = (alike - rows[:place, best] @ rows[:place]) / np.sqrt(residual[best])
            residual = residual - rows[place] ** 2
    return chosen
