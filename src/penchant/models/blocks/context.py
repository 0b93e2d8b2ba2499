"""The circumstances of a request as a vector."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.models.blocks.history import GAPS
from penchant.schema.recipe import Settings


class PointSettings(Settings):
    """A context point has no settings."""


class Point(nn.Module):
    """Each circumstance an embedding; their sum and their joint reading make one vector. Recency is always among them."""

    kind: ClassVar[str] = "point"
    settings_class = PointSettings

    def __init__(self, settings: PointSettings, forms: dict[str, Form], width: int, dropout: float) -> None:
        super().__init__()
        self.embedding = FeatureEmbedding(forms, width) if forms else None
        self.recency = nn.Embedding(GAPS, width)
        nn.init.normal_(self.recency.weight, std=0.02)
        self.mix = feed_forward(width * (1 + len(forms)), 2 * width, width, dropout)
        start_at_zero(self.mix[-1])

    def forward(self, context: dict[str, Tensor], recency: Tensor) -> Tensor:
        """`[..., width]` from circumstances `{name: [..., *]}` and the class of the time since the last event `[...]`."""
        tokens = self.recency(recency).unsqueeze(-2)
        if self.embedding is not None:
            tokens = torch.cat([tokens, self.embedding(context)], dim=-2)
        vector: Tensor = tokens.sum(-2) + self.mix(tokens.flatten(-2))
        return vector
