"""Explicit crosses of bounded degree: DCN-v2."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.interaction.fields import Fields, FieldsSettings


class DCNSettings(FieldsSettings):
    """Size of the cross network."""

    layers: int = Field(2, ge=1, le=8)
    """Crosses of up to so many factors and one."""
    rank: int | None = Field(None, ge=1)
    """Of the crosses' matrices; full when absent."""


class DCN(Fields):
    """Cross layers x' = x₀ ⊙ (W x + b) + x on everything joined, beside the joined itself for the experts: the parallel structure.

    Wang et al. 2021, "DCN V2", equation 1; with a rank W = U Vᵀ, equation 2.
    """

    kind: ClassVar[str] = "dcn"
    settings_class = DCNSettings

    def __init__(self, settings: DCNSettings, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__(settings, told, fields, width, dropout)
        joined = self.count * width
        self.crosses = nn.ModuleList([_cross(joined, settings.rank) for _ in range(settings.layers)])
        self.width_out = 2 * joined

    def forward(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """`[..., 2 * joined]`: the crosses, then the joined tokens."""
        joined = super().forward(told, fields)
        crossed = joined
        for cross in self.crosses:
            crossed = torch.addcmul(crossed, joined, cross(crossed).to(joined.dtype))
        return torch.cat([crossed, joined], dim=-1)


def _cross(width: int, rank: int | None) -> nn.Module:
    if rank is None or rank >= width:
        return nn.Linear(width, width)
    return nn.Sequential(nn.Linear(width, rank, bias=False), nn.Linear(rank, width))
