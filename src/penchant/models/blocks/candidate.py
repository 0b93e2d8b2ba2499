"""How a candidate item reads the user's past."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.attention import Attention
from penchant.schema.settings import Settings


class CrossAttentionSettings(Settings):
    """Size of the candidate's attention."""

    heads: int = Field(2, ge=1)


class CrossAttention(nn.Module):
    """Each candidate, seen in its context, attends to the encoded history."""

    kind: ClassVar[str] = "cross_attention"
    settings_class = CrossAttentionSettings

    def __init__(self, settings: CrossAttentionSettings, width: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, settings.heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, candidates: Tensor, context: Tensor, history: Tensor, age: Tensor) -> Tensor:
        """What each candidate finds, `[batch, targets, k, width]`.

        Args:
            candidates: Item vectors `[batch, targets, k, width]`.
            context: `[batch, targets, width]`.
            history: Encoded positions `[batch, positions, width]`.
            age: How many events each position lies before the target, below 0 where not visible, `[batch, targets, positions]`.
        """
        queries = self.norm(candidates + context.unsqueeze(2))
        if age.shape[1] > 1:  # the candidates of one moment share their ages; those of several each need their own
            age = age.unsqueeze(2).expand(-1, -1, candidates.shape[2], -1).flatten(1, 2)
        found: Tensor = self.attention(queries.flatten(1, 2), history, age)
        return found.view(candidates.shape)


class NoAttentionSettings(Settings):
    """Nothing to set."""


class NoAttention(nn.Module):
    """The candidate does not look at the history: the ablation."""

    kind: ClassVar[str] = "none"
    settings_class = NoAttentionSettings

    def __init__(self, settings: NoAttentionSettings, width: int, dropout: float) -> None:
        super().__init__()

    def forward(self, candidates: Tensor, context: Tensor, history: Tensor, age: Tensor) -> Tensor:
        """Zeros `[batch, targets, k, width]`."""
        return torch.zeros_like(candidates)
