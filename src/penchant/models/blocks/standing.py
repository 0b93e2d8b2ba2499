"""How a candidate stands at the moment, as a vector."""

from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero


class Standing(nn.Module):
    """What is counted of a candidate, each an embedding; their sum and their joint reading make one vector."""

    def __init__(self, forms: dict[str, Form], width: int, dropout: float) -> None:
        super().__init__()
        self.embedding = FeatureEmbedding(forms, width)
        self.mix = feed_forward(width * len(forms), 2 * width, width, dropout)
        start_at_zero(self.mix[-1])

    def forward(self, counted: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """`[..., width]` from counted features `{name: [..., *]}`, and each one's own vector `[..., features, width]`."""
        tokens = self.embedding(counted)
        vector: Tensor = tokens.sum(-2) + self.mix(tokens.flatten(-2))
        return vector, tokens
