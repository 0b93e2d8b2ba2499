"""Each task weighs as much as its noise lets it."""

from collections.abc import Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.fitting.balance.balance import Balance, Losses
from penchant.schema.settings import Settings


class UncertaintySettings(Settings):
    """How fast the weights move."""

    learning_rate: float = Field(0.01, gt=0)
    """Of the logarithms of the variances; Adam."""


class Uncertainty(Balance):
    """Homoscedastic uncertainty (Kendall, Gal and Cipolla 2018, equations 7 to 10): `sum exp(-s) * loss + s / 2`, s = log variance.

    Where s rests, every task's weighted loss is 1/2: `exp(-s) = 1 / (2 * loss)`. All begin at s = 0, a weight of 1.
    """

    kind: ClassVar[str] = "uncertainty"
    settings_class = UncertaintySettings

    def __init__(self, settings: UncertaintySettings, weights: Mapping[str, float]) -> None:
        super().__init__(settings, weights)
        self.log_variance = nn.Parameter(torch.zeros(len(self.names)))
        self.optimiser = torch.optim.Adam([self.log_variance], lr=settings.learning_rate)

    def total(self, losses: Losses) -> Tensor:
        """The weighted sum, with what the weights cost."""
        s = self.log_variance[self.places(losses)]
        return (torch.stack([loss.float() for loss in losses.values()]) * (-s).exp() + s / 2).sum()

    def settle(self, again: object) -> None:
        """Move the variances by the gradients of the step."""
        assert self.optimiser is not None
        self.optimiser.step()
        self.optimiser.zero_grad()
