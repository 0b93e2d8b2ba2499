"""In what scenario something is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scenario:
    """The scenario of each target.

    Attributes:
        vector: The sum of its factors' vectors `[..., scenario_width]`.
        factors: Index of each factor's value, 0 where it is unknown, `{name: [...]}`.
    """

    vector: Tensor
    factors: dict[str, Tensor]

    @cached_property
    def _distinct(self) -> tuple[Tensor, Tensor, list[int]]:
        """A target of each different scenario `[s]`, the targets ordered by scenario `[n]`, and how many targets each has."""
        codes = torch.zeros(self.vector.shape[:-1], dtype=torch.int64, device=self.vector.device).flatten()
        for index in self.factors.values():
            codes = codes * (int(index.max()) + 1 if index.numel() else 1) + index.flatten()
        _, place, counts = torch.unique(codes, return_inverse=True, return_counts=True)
        order = place.argsort(stable=True)
        return order[counts.cumsum(0) - counts], order, counts.tolist()

    @property
    def different(self) -> "Scenario":
        """Each scenario there is, once `[s]`."""
        chosen = self._distinct[0]
        return Scenario(self.vector.flatten(0, -2)[chosen], {name: index.flatten()[chosen] for name, index in self.factors.items()})

    def each(self, values: Tensor, change: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Values `[..., k, width]`, all those of one scenario changed together.

        Args:
            values: What is changed.
            change: Gives values `[m, k, width]` of the scenario at this place of `different` their new ones.
        """
        _, order, counts = self._distinct
        rows = values.flatten(0, -3)
        if len(counts) < 2:
            return (change(rows, 0) if counts else rows).view(values.shape)
        changed = torch.cat([change(part, place) for place, part in enumerate(torch.split(rows[order], counts))])
        return changed[order.argsort()].view(values.shape)
