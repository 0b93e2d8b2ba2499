"""What uncertainty takes off a score."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

START = -3.0  # softplus of it is 0.05


class Discount(nn.Module):
    """`strength * sum of (spread * item)²`: the variance of the product of a vector that has this spread with the item's.

    It is linear in the squares of item vectors, so that one static index of vectors and squares serves all contexts; of items that move,
    in the products of what they are moved from.

    Args:
        tasks: Names of the tasks, each with a strength of its own, above 0.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        super().__init__()
        self.places = {name: place for place, name in enumerate(tasks)}
        self.raw = nn.Parameter(torch.full((len(tasks),), START))

    def at(self, task: str, spread: Tensor, items: Tensor) -> Tensor:
        """Of items `[..., width]` for spreads `[..., width]`, `[...]`."""
        return self.of(task, (spread * items).square().sum(-1))

    def of(self, task: str, variance: Tensor) -> Tensor:
        """The same, given sums of (spread * item)² of any shape."""
        return self._strength(task) * variance

    def _strength(self, task: str) -> Tensor:
        return functional.softplus(self.raw[self.places[task]])
