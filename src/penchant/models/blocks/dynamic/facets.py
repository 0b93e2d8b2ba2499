"""Items with several facets, which user and context turn to the front."""

from itertools import combinations_with_replacement
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.dynamic.gates import MovementGates
from penchant.models.blocks.feed_forward import feed_forward
from penchant.schema.errors import RecipeError
from penchant.schema.settings import Settings


class FacetsSettings(Settings):
    """How many facets, and how finely they are turned."""

    facets: int = Field(3, ge=2, le=4)
    """The item as it is, and readings of it; what is kept of an item is as many times as wide as the network."""
    heads: int = Field(1, ge=1)
    """Parts of a facet that turn by themselves, each with a gate of its own; it divides the network's width."""


class Facets(nn.Module):
    """S(u, c) = Σₖ gₖ(u, c) · Sₖ, where S₁ is the item's vector and every further Sₖ a nonlinear reading of it.

    The sum folds: u · S(u, c) = [g₁u; …; g_K u] · [S₁; …; S_K]. The readings are nonlinear, because linear ones would be a changed query
    and no more. Gates begin at 1 for the item itself and 0 for its readings, so that nothing moves until it helps. With several heads gₖ is
    a vector, the same number for all of a head's places, and multiplies place by place; the sum folds as before.
    """

    kind: ClassVar[str] = "facets"
    settings_class: ClassVar[type[Settings]] = FacetsSettings
    moves: ClassVar[bool] = True
    constant: ClassVar[bool] = False

    def __init__(self, settings: FacetsSettings, width: int, dropout: float) -> None:
        super().__init__()
        if width % settings.heads:
            do = "Choose a number of heads that divides the width."
            raise RecipeError("network.dynamic.heads", must=f"a divisor of the width, {width}", came=str(settings.heads), do=do)
        self.count, self.heads, self.width = settings.facets, settings.heads, width
        self.readings = nn.ModuleList([feed_forward(width, 2 * width, width, dropout) for _ in range(self.count - 1)])
        self.gates = MovementGates(width, torch.eye(self.count)[0].repeat_interleave(self.heads), self.constant)

    def index(self, vectors: Tensor) -> Tensor:
        """The facets of items `[n, width]`, one after the other, `[n, K * width]`."""
        scale = self.width**0.5  # as histories are read: numbers that begin near 0 must reach where the activation bends
        return torch.cat([vectors, *(reading(vectors * scale) / scale for reading in self.readings)], dim=-1)

    def query(self, users: Tensor, gates: Tensor) -> Tensor:
        """What finds moved items in the index, `[..., K * width]`, for users `[..., width]` and their gates `[..., K * heads]`."""
        return (self._turned(gates) * users.unsqueeze(-2)).flatten(-2)

    def moved(self, index: Tensor, gates: Tensor) -> Tensor:
        """Candidates `[..., k, width]` for those with gates `[..., K * heads]`, given their facets `[..., k, K * width]`."""
        return (self._turned(gates).unsqueeze(-3) * self._apart(index)).sum(-2)

    def usual(self, index: Tensor) -> Tensor:
        """Items `[n, width]` as they are for gates that are the mean of those seen in training."""
        return (self._turned(self.gates.usual) * self._apart(index)).sum(-2)

    def squares(self, weights: Tensor, gates: Tensor, index: Tensor) -> Tensor:
        """Weighted sums of squares of the moved items' numbers `[m, n]`, without moving every item for everybody.

        They are products with the products of every two facets, which are as static as the facets are.

        Args:
            weights: `[m, width]`, each row for those with the gates `[m, K * heads]`.
            gates: As `gates` gave them.
            index: Of items `[n, K * width]`.
        """
        facets, turned = self._apart(index).unbind(-2), self._turned(gates).unbind(-2)
        total = weights.new_zeros(len(weights), len(index))
        for one, other in combinations_with_replacement(range(self.count), 2):
            times = turned[one] * turned[other] * (1 if one == other else 2)
            total = total + (weights * times) @ (facets[one] * facets[other]).T
        return total

    def _turned(self, gates: Tensor) -> Tensor:
        """A gate for every place of every facet `[..., K, width]`, those of a head alike."""
        return gates.reshape(*gates.shape[:-1], self.count, self.heads).repeat_interleave(self.width // self.heads, -1)

    def _apart(self, index: Tensor) -> Tensor:
        """Facets `[..., K, width]`."""
        return index.reshape(*index.shape[:-1], self.count, self.width)
