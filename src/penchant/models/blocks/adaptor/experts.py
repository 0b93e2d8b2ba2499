"""Several lines, mixed by a gate that reads the vector itself."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from penchant.features.feature import Form
from penchant.models.blocks.embedding import SCALE
from penchant.models.blocks.feed_forward import start_at_zero
from penchant.schema.settings import Settings


class ExpertsSettings(Settings):
    """How many, and whether the gate is shaken."""

    experts: int = Field(4, ge=1, le=64)
    noise: bool = True
    """Whether training shakes the gate by as much as it learns to, so that no expert is left unused."""


class Experts(nn.Module):
    """`Σₖ gₖ(x)·(Wₖ·x + bₖ)`, `[..., size]` to `[..., width]` (Hou et al. 2022, UniSRec, equations 3 to 5).

    Each expert is a whitening of its own; the gate decides by the text which one counts for how much. It begins as their mean.
    """

    kind: ClassVar[str] = "experts"
    settings_class: ClassVar[type[Settings]] = ExpertsSettings

    def __init__(self, settings: ExpertsSettings, form: Form, width: int) -> None:
        super().__init__()
        self.shape = (settings.experts, width)
        self.experts = nn.Linear(form.size, settings.experts * width)  # all of them in one product
        self.gate = nn.Linear(form.size, settings.experts)
        self.noise = nn.Linear(form.size, settings.experts) if settings.noise else None
        # the mean of several is shorter than one of them by the root of their number
        nn.init.normal_(self.experts.weight, std=SCALE * (settings.experts / form.size) ** 0.5)
        nn.init.zeros_(self.experts.bias)
        start_at_zero(self.gate, *([] if self.noise is None else [self.noise]))

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors `[..., width]` of `[..., size]`."""
        experts = self.experts(vectors).unflatten(-1, self.shape)
        mixed: Tensor = (self.weights(vectors).unsqueeze(-2) @ experts).squeeze(-2)
        return mixed

    def weights(self, vectors: Tensor) -> Tensor:
        """How much each expert counts, `[..., experts]`, 1 together; in training shaken."""
        gate: Tensor = self.gate(vectors)
        if self.training and self.noise is not None:
            gate = gate + torch.randn_like(gate) * functional.softplus(self.noise(vectors))
        return gate.softmax(-1)

    def quieten(self, factor: float) -> None:
        """Begin smaller by a factor; the gate stays as it is."""
        with torch.no_grad():
            for parameter in self.experts.parameters():
                parameter.mul_(factor)
