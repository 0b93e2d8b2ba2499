"""All tasks learn at the same rate."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.fitting.balance.balance import Balance, Losses, gradients
from penchant.schema.settings import Settings

LEAST = 1e-3  # of a weight: one that reached 0 would have no gradient to come back by


class GradNormSettings(Settings):
    """How strongly, and how fast."""

    alpha: float = Field(1.5, ge=0)
    """How much more a task that learns slowly is to pull; 0 = all gradients equally long."""
    learning_rate: float = Field(0.025, gt=0)
    """Of the weights; Adam."""


class GradNorm(Balance):
    """GradNorm (Chen et al. 2018, equation 2, algorithm 1), at the representation that all tasks share instead of a layer's weights.

    Every task's gradient is to be as long as their mean times `rate^alpha`, where its rate is its loss as a share of its first loss, over
    the mean of these shares. The weights stay positive and sum to the number of tasks.
    """

    kind: ClassVar[str] = "gradnorm"
    settings_class = GradNormSettings
    reads_gradients = True
    first: Tensor

    def __init__(self, settings: GradNormSettings, weights: Mapping[str, float]) -> None:
        super().__init__(settings, weights)
        self.weight = nn.Parameter(torch.ones(len(self.names)))
        self.register_buffer("first", torch.full((len(self.names),), torch.nan))
        self.optimiser = torch.optim.Adam([self.weight], lr=settings.learning_rate)

    def backward(self, losses: Losses, shared: Sequence[Tensor]) -> None:
        """Gradients of the weighted sum, and of the weights by how far each task's gradient is from its due."""
        counted = self.weighted(losses)
        if not counted:
            return
        places = self.places(counted)
        now = torch.stack([loss.detach().float() for loss in counted.values()])
        self.first[places] = self.first[places].where(~self.first[places].isnan(), now)
        length, weight = gradients(counted, shared).norm(dim=1), self.weight.detach()[places]
        slope = torch.zeros_like(self.weight)
        slope[places] = _slope(weight, length, now / self.first[places], self.settings.alpha)
        torch.stack([w * loss for w, loss in zip(weight, counted.values(), strict=True)]).sum().backward()  # type: ignore[no-untyped-call]
        self.weight.grad = slope

    def settle(self, again: object) -> None:
        """Move the weights, and bring them back to their sum."""
        assert self.optimiser is not None
        self.optimiser.step()
        with torch.no_grad():
            self.weight.clamp_(min=LEAST)
            self.weight.mul_(len(self.weight) / self.weight.sum())


def _slope(weight: Tensor, length: Tensor, share: Tensor, alpha: float) -> Tensor:
    """The gradient of `sum |weight * length - due|` by the weights, each due taken as a constant, all `[tasks]`."""
    pull = weight * length
    due = pull.mean() * (share / share.mean()) ** alpha
    return (pull - due).sign() * length
