"""A linear movement: the ablation that only changes the query."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.dynamic.gates import MovementGates
from penchant.schema.settings import Settings


class LowRankSettings(Settings):
    """Size of the movement."""

    rank: int = Field(8, ge=1)
    """Directions that an item may move in; at most as many as the network is wide."""


class LowRank(nn.Module):
    """S(u, c) = S + A · diag(g(u, c)) · B · S.

    As u · S(u, c) = (u + Bᵀ · diag(g) · Aᵀ · u) · S, retrieval keeps nothing but S: an item gains nothing that another user vector would
    not have found. Gates begin at 0.
    """

    kind: ClassVar[str] = "low_rank"
    settings_class = LowRankSettings
    moves: ClassVar[bool] = True

    def __init__(self, settings: LowRankSettings, width: int, dropout: float) -> None:
        super().__init__()
        rank = min(settings.rank, width)
        self.down, self.up = nn.Linear(width, rank, bias=False), nn.Linear(rank, width, bias=False)
        self.gates = MovementGates(width, torch.zeros(rank))

    def index(self, vectors: Tensor) -> Tensor:
        """The vectors themselves."""
        return vectors

    def query(self, users: Tensor, gates: Tensor) -> Tensor:
        """Users `[..., width]` changed by their gates `[..., rank]`."""
        return users + ((users @ self.up.weight) * gates) @ self.down.weight

    def moved(self, index: Tensor, gates: Tensor) -> Tensor:
        """Candidates `[..., k, width]` as they are for those with these gates `[..., rank]`."""
        moved: Tensor = index + self.up(gates.unsqueeze(-2) * self.down(index))
        return moved

    def usual(self, index: Tensor) -> Tensor:
        """Items `[n, width]` as they are for gates that are the mean of those seen in training."""
        return self.moved(index, self.gates.usual)

    def squares(self, weights: Tensor, gates: Tensor, index: Tensor) -> Tensor:
        """Weighted sums of squares of the moved items' numbers `[m, n]`: Σ w (s + A g b)² with b = B · s, multiplied out.

        Args:
            weights: `[m, width]`, each row for those with the gates `[m, rank]`.
            gates: As `gates` gave them.
            index: Of items `[n, width]`.
        """
        along: Tensor = self.down(index)  # [n, rank]
        up: Tensor = self.up.weight  # [width, rank]
        total = weights @ index.square().T
        for place in range(up.shape[1]):
            total = total + 2 * gates[:, place, None] * ((weights * up[:, place]) @ index.T) * along[:, place]
        turned = torch.einsum("mw,wr,ws,mr,ms->mrs", weights, up, up, gates, gates)
        return total + turned.flatten(1) @ (along.unsqueeze(-1) * along.unsqueeze(-2)).flatten(1).T
