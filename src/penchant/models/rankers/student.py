"""A small network that has learnt to say what the ranking path says."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from penchant.models.network import Encoding, Items, Network


class Student(nn.Module):
    """A `Ranker`: a multi-layer perceptron over what serving has anyway, one head per task.

    It reads the user's vector, the item's and their product, the circumstances, and of networks that have them the features by themselves,
    the spread, the numbers and the counts. It does not read the history once more for every candidate, as its teacher does. What is known
    of who asks goes through the first layer once, not once per candidate.

    Ba & Caruana 2014, "Do Deep Nets Really Need to be Deep?", section 2.1: fitted on the teacher's outputs before the last bend, and not on
    labels.

    Args:
        network: The teacher, whose readings of counts and numbers it shares.
        hidden: Sizes of the shared layers.
        encoding, candidates, standing: An example of what `rank` takes; their last axes give the widths.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, network: Network, hidden: Sequence[int], encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> None:
        super().__init__()
        self._teacher = (network,)  # in a tuple: its weights are not the student's
        self.tasks = list(network.tasks)
        with torch.no_grad():
            asks, items = self._who(encoding), self._what(encoding, candidates, standing)
        self.who = nn.Linear(asks.shape[-1], hidden[0])
        self.what = nn.Linear(items.shape[-1], hidden[0], bias=False)
        steps = [layer for one, other in pairwise(hidden) for layer in (nn.Linear(one, other), nn.GELU())]
        self.layers = nn.Sequential(nn.GELU(), *steps)
        self.heads = nn.Linear(hidden[-1], len(self.tasks))
        self.register_buffer("mean", torch.zeros(len(self.tasks)))
        self.register_buffer("scale", torch.ones(len(self.tasks)))

    def forward(self, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> Tensor:
        """Raw outputs less their mean over their spread `[batch, 1, k, tasks]`."""
        read = self.who(self._who(encoding)).unsqueeze(2) + self.what(self._what(encoding, candidates, standing))
        told: Tensor = self.heads(self.layers(read))
        return told

    @torch.no_grad()
    def rank(self, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> dict[str, Tensor]:
        """See `Ranker.rank`."""
        outputs = self(encoding, candidates, standing) * self.scale + self.mean
        return dict(zip(self.tasks, outputs.unbind(-1), strict=True))

    @staticmethod
    def _who(encoding: Encoding) -> Tensor:
        """All that is known of who asks, side by side `[batch, 1, *]`."""
        fields = None if encoding.fields is None else encoding.fields.flatten(-2)
        parts = (encoding.users, encoding.context, encoding.scenario.vector, fields, encoding.spread, encoding.numbers)
        return torch.cat([part for part in parts if part is not None], dim=-1)

    def _what(self, encoding: Encoding, candidates: Items, standing: dict[str, Tensor]) -> Tensor:
        """All that is known of each candidate, with who asks, `[batch, 1, k, *]`."""
        (network,) = self._teacher
        vectors = network.move(encoding, candidates).vectors
        parts = [vectors, vectors * encoding.users.unsqueeze(2)]
        if candidates.fields is not None:
            parts.append(candidates.fields.flatten(-2))
        if network.standing is not None:
            parts.append(network.standing(standing)[0].detach())
        if network.numbers is not None:
            parts += [standing[name] for name in network.numbers.names["candidate"]]
        return torch.cat(parts, dim=-1)
