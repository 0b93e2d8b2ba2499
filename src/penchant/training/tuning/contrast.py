"""Two contrasts on vectors of texts: the next item by the items before, and an item by another that the same user wanted."""

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from penchant.training.tuning.preferences import Preferences
from penchant.training.tuning.settings import TuningSettings

Read = Callable[[NDArray[np.int64]], Tensor]
"""Item rows `[n]` to unit vectors of their texts `[n, width]`."""


class Contrast:
    """Both contrasts of one step, on items that are read once however often they are drawn."""

    def __init__(self, preferences: Preferences, settings: TuningSettings) -> None:
        self.preferences, self.settings = preferences, settings

    def losses(self, random: np.random.Generator, read: Read) -> dict[str, Tensor]:
        """`next item` and `co-preference`, those with a weight, each a mean over the step."""
        told, size = self.preferences, self.settings.batch
        user, past, following = told.moments(random, size, self.settings.history)
        owner, one, other = told.pairs(random, size)
        if not self.settings.next_item:
            user, past, following = user[:0], past[:0], following[:0]
        if not self.settings.co_preference:
            owner, one, other = owner[:0], one[:0], other[:0]
        rows = np.unique(np.concatenate([past[past >= 0], following, one, other]))
        vectors = read(rows)
        losses = {}

        def of(items: NDArray[np.int64]) -> Tensor:
            return vectors[torch.from_numpy(np.searchsorted(rows, items))]

        if len(user):
            present = torch.from_numpy(past >= 0).unsqueeze(-1)
            mean = functional.normalize((of(np.maximum(past, rows[0])) * present).sum(1), dim=-1)
            losses["next item"] = self._found(mean, of(following), user, following, told.times_wanted)
        if len(owner):
            there, back = (
                self._found(of(ours), of(theirs), owner, theirs, told.times_had) for ours, theirs in ((one, other), (other, one))
            )
            losses["co-preference"] = (there + back) / 2
        return losses

    def _found(
        self, queries: Tensor, answers: Tensor, user: NDArray[np.int64], items: NDArray[np.int64], share: NDArray[np.float32]
    ) -> Tensor:
        """How surely each query finds its own among all answers; what its user wanted, too, is no wrong answer."""
        among = torch.from_numpy(self.preferences.wanted(user, items))
        return in_batch(queries, answers, torch.from_numpy(share[items]), among, self.settings.temperature)


def in_batch(queries: Tensor, answers: Tensor, share: Tensor, wanted: Tensor, temperature: float) -> Tensor:
    """Mean softmax loss of `[n, width]` queries, each against the answers of all others, as if against all items there are.

    An answer of others counts by how often it is drawn, its own once (Bengio and Senécal 2008, as in the task `next_item`); the
    correction alone for all, as in Yi et al. 2019, would count a frequent answer too little where its double is left out.

    Args:
        queries, answers: Unit vectors `[n, width]`, in pairs.
        share: Logarithm of an answer's chance to be drawn `[n]`; what is frequent is not pushed away for it.
        wanted: Which answers are right for a query, `[n, n]`; those that are not its own are left out.
        temperature: By which the cosines are divided.
    """
    own = torch.eye(len(queries), dtype=torch.bool)
    scores = queries @ answers.T / temperature
    expected = share + math.log(max(len(queries) - 1, 1))  # how often it is among the others
    scores = torch.where(own, scores, (scores - expected).masked_fill(wanted, float("-inf")))
    return functional.cross_entropy(scores, torch.arange(len(queries)))
