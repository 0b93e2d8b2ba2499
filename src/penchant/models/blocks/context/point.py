"""Circumstances as points."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.context.circumstances import Circumstances
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.models.blocks.history import GAPS
from penchant.schema.settings import Settings


class PointSettings(Settings):
    """What the circumstances are compared with."""

    match: bool = False
    """Whether a request first reads the past events whose `history.columns` have the values of its circumstances of the same name."""


class Point(nn.Module):
    """Each circumstance an embedding; their sum and their joint reading make one vector. Recency is always among them."""

    kind: ClassVar[str] = "point"
    settings_class: ClassVar[type[Settings]] = PointSettings
    spreads, price = False, 0.0

    def __init__(self, settings: PointSettings, forms: dict[str, Form], width: int, dropout: float) -> None:
        super().__init__()
        self.match = settings.match
        self.embedding = FeatureEmbedding(forms, width) if forms else None
        self.recency = nn.Embedding(GAPS, width)
        nn.init.normal_(self.recency.weight, std=0.02)
        self.mix = feed_forward(width * (1 + len(forms)), 2 * width, width, dropout)
        start_at_zero(self.mix[-1])

    def forward(self, context: dict[str, Tensor], recency: Tensor) -> Circumstances:
        """Circumstances `{name: [..., *]}` and the class of the time since the last event `[...]`, read."""
        tokens = self.recency(recency).unsqueeze(-2)
        if self.embedding is not None:
            tokens = torch.cat([tokens, self.embedding(context)], dim=-2)
        vector: Tensor = tokens.sum(-2) + self.mix(tokens.flatten(-2))
        return Circumstances(vector, tokens[..., 1:, :])
