"""Circumstances as distributions."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.context.circumstances import Circumstances
from penchant.models.blocks.context.point import PointSettings
from penchant.models.blocks.embedding import FeatureEmbedding
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.models.blocks.history import GAPS
from penchant.schema.settings import Settings


class GaussianSettings(PointSettings):
    """How wide the distributions are, and what it costs to know better."""

    prior: float = Field(0.1, gt=0)
    """Standard deviation of a value of which nothing is known; means begin near 0.05."""
    kl_weight: float = Field(1e-3, ge=0)
    """Of the divergence from the prior in the loss: the more, the wider values stay that were seen seldom."""


class Gaussian(nn.Module):
    """Every circumstance a mean and a spread, and so has what they are together: their sum is a Gaussian.

    Training draws (Kingma and Welling 2014, section 2.4) and pays the divergence from N(0, prior²); an answer takes the mean. An unknown
    value is the prior itself. Embeddings as distributions: Vilnis and McCallum 2015. The time since the last event is a point.
    """

    kind: ClassVar[str] = "gaussian"
    settings_class: ClassVar[type[Settings]] = GaussianSettings
    spreads = True

    def __init__(self, settings: GaussianSettings, forms: dict[str, Form], width: int, dropout: float) -> None:
        super().__init__()
        self.match, self.prior, self.price = settings.match, settings.prior, settings.kl_weight
        self.mean = FeatureEmbedding(forms, width) if forms else None
        self.narrower = FeatureEmbedding(forms, width) if forms else None  # log(spread / prior)
        self.recency = nn.Embedding(GAPS, width)
        nn.init.normal_(self.recency.weight, std=0.02)
        self.mix = feed_forward(width * (1 + len(forms)), 2 * width, 2 * width, dropout)
        start_at_zero(self.mix[-1], *([] if self.narrower is None else [self.narrower]))

    def forward(self, context: dict[str, Tensor], recency: Tensor) -> Circumstances:
        """Circumstances `{name: [..., *]}` and the class of the time since the last event `[...]`, read; in training drawn."""
        time = self.recency(recency).unsqueeze(-2)
        mean = time[..., :0, :] if self.mean is None else self.mean(context)
        narrower = mean if self.narrower is None else self.narrower(context)
        together = self.mix(torch.cat([time, mean], dim=-2).flatten(-2)).float().unsqueeze(-2).chunk(2, dim=-1)
        means, logs = torch.cat([mean, together[0]], dim=-2), torch.cat([narrower, together[1]], dim=-2)  # the combination is the last
        spreads = self.prior * logs.exp()
        drawn = means + spreads * torch.randn_like(spreads) if self.training else means
        divergence = (logs.mul(2).exp() + (means / self.prior).square() - 1) / 2 - logs
        vector = time.squeeze(-2) + drawn.sum(-2)
        return Circumstances(vector, drawn[..., :-1, :], spreads.square().sum(-2).sqrt(), divergence.sum((-1, -2)))
