"""All tasks' losses fall by the same share, at the price of one more forward pass."""

from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.fitting.balance.balance import Balance, Losses
from penchant.schema.settings import Settings

TINY = 1e-8


class FamoSettings(Settings):
    """How fast the weights move."""

    learning_rate: float = Field(0.025, gt=0)
    """Of the weights' logits; Adam."""
    decay: float = Field(1e-3, ge=0)
    """How strongly the logits are drawn back to equal weights (the paper's gamma)."""


class Famo(Balance):
    """Fast adaptive multi-task optimisation (Liu et al. 2023, equations 9 and 10, algorithm 1).

    Descends `sum z / loss` times the losses, normed, with z = softmax of the logits; after the step the logits move towards the tasks
    whose log-loss fell least. Losses are to be above 0.
    """

    kind: ClassVar[str] = "famo"
    settings_class = FamoSettings

    def __init__(self, settings: FamoSettings, weights: Mapping[str, float]) -> None:
        super().__init__(settings, weights)
        self.logits = nn.Parameter(torch.zeros(len(self.names)))
        self.optimiser = torch.optim.Adam([self.logits], lr=settings.learning_rate, weight_decay=settings.decay)
        self._before: dict[str, Tensor] = {}

    def backward(self, losses: Losses) -> None:
        """Gradients of the weighted log-losses."""
        self._before = {name: loss.detach() for name, loss in self.weighted(losses).items()}
        super().backward(losses)

    def total(self, losses: Losses) -> Tensor:
        """The log-losses by their weights, scaled so that the weights of the losses themselves sum to 1."""
        values = torch.stack([loss.float() for loss in losses.values()]) + TINY
        z = self.logits.detach()[self.places(losses)].softmax(0)
        scale: Tensor = (z / values).sum().detach()
        return (values.log() * z / scale).sum()

    def settle(self, again: Callable[[], Losses]) -> None:
        """Compare the losses before and after the step."""
        after = self.weighted(again()) if self._before else {}
        if not after:
            return
        assert self.optimiser is not None
        places = self.places(after)
        fall = torch.stack([(self._before[name] + TINY).log() - (after[name] + TINY).log() for name in after]).float()
        z = self.logits.detach()[places].softmax(0)
        slope = torch.zeros_like(self.logits)
        slope[places] = z * (fall - (z * fall).sum())
        self.logits.grad = slope
        self.optimiser.step()
