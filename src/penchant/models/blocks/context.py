"""The circumstances of a request as a vector."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from penchant.features.category import UNKNOWN
from penchant.features.feature import Form
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.models.blocks.history import GAPS
from penchant.schema.settings import Settings

WORTH = 0.5  # of each agreeing circumstance at the start: seven of them weigh a past event e^3.5 = 33 times


class PointSettings(Settings):
    """What the circumstances are compared with."""

    match: bool = False
    """Whether a request first reads the past events whose `history.columns` have the values of its circumstances of the same name."""


class Point(nn.Module):
    """Each circumstance an embedding; their sum and their joint reading make one vector. Recency is always among them."""

    kind: ClassVar[str] = "point"
    settings_class = PointSettings

    def __init__(self, settings: PointSettings, forms: dict[str, Form], width: int, dropout: float) -> None:
        super().__init__()
        self.match = settings.match
        self.embedding = FeatureEmbedding(forms, width) if forms else None
        self.recency = nn.Embedding(GAPS, width)
        nn.init.normal_(self.recency.weight, std=0.02)
        self.mix = feed_forward(width * (1 + len(forms)), 2 * width, width, dropout)
        start_at_zero(self.mix[-1])

    def forward(self, context: dict[str, Tensor], recency: Tensor) -> tuple[Tensor, Tensor]:
        """Circumstances `{name: [..., *]}` and the class of the time since the last event `[...]`, read.

        Returns:
            Their vector `[..., width]`, and each circumstance's own, without the time, `[..., circumstances, width]`.
        """
        tokens = self.recency(recency).unsqueeze(-2)
        if self.embedding is not None:
            tokens = torch.cat([tokens, self.embedding(context)], dim=-2)
        vector: Tensor = tokens.sum(-2) + self.mix(tokens.flatten(-2))
        return vector, tokens[..., 1:, :]


class Likeness(nn.Module):
    """How near past events are to a request because their circumstances are alike: each head learns what each circumstance is worth.

    Args:
        names: Circumstances that are columns of the history too.
        heads: Heads of the attention that reads the history.
    """

    def __init__(self, names: Sequence[str], heads: int) -> None:
        super().__init__()
        self.names = tuple(names)
        self.worth = nn.Linear(len(self.names), heads, bias=False)
        nn.init.constant_(self.worth.weight, WORTH)

    def forward(self, context: Mapping[str, Tensor], columns: Mapping[str, Tensor]) -> Tensor:
        """What attention adds to each key `[batch, heads, targets, 1 + length]`, nothing to the profile before the first event.

        Args:
            context: Index features of the targets `{name: [batch, targets]}`.
            columns: The same of the past events `{name: [batch, length]}`, with the same indices.
        """
        alike = torch.stack([_agree(context[name].unsqueeze(2), columns[name].unsqueeze(1)) for name in self.names], dim=-1)
        near: Tensor = self.worth(alike.to(self.worth.weight.dtype)).permute(0, 3, 1, 2)
        return functional.pad(near, (1, 0))


def _agree(one: Tensor, other: Tensor) -> Tensor:
    return (one == other) & (one != UNKNOWN)  # two values never seen in training need not be the same
