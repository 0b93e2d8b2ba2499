"""What the tasks share and how each takes its part."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.feed_forward import feed_forward
from penchant.schema.settings import Settings


class SharedBottomSettings(Settings):
    """Size of the one shared expert."""

    hidden: int = Field(128, ge=1)


class SharedBottom(nn.Module):
    """One expert for all tasks (Caruana 1997)."""

    kind: ClassVar[str] = "shared_bottom"
    settings_class = SharedBottomSettings

    def __init__(self, settings: SharedBottomSettings, width_in: int, width: int, tasks: int, dropout: float) -> None:
        super().__init__()
        self.tasks = tasks
        self.bottom = feed_forward(width_in, settings.hidden, width, dropout)

    def forward(self, values: Tensor) -> Tensor:
        """Representations `[..., tasks, width]` from `[..., width_in]`."""
        shared: Tensor = self.bottom(values)
        return shared.unsqueeze(-2).expand(*shared.shape[:-1], self.tasks, -1)


class MMoESettings(Settings):
    """Number and size of the experts."""

    experts: int = Field(4, ge=1)
    hidden: int = Field(128, ge=1)


class MMoE(nn.Module):
    """Several experts, mixed by one softmax gate per task (Ma et al. 2018, equations 6 and 7)."""

    kind: ClassVar[str] = "mmoe"
    settings_class = MMoESettings

    def __init__(self, settings: MMoESettings, width_in: int, width: int, tasks: int, dropout: float) -> None:
        super().__init__()
        self.shape = (settings.experts, settings.hidden)
        self.enter = nn.Linear(width_in, settings.experts * settings.hidden)  # all experts' first layers in one product
        self.leave = nn.Parameter(torch.empty(settings.experts, settings.hidden, width))
        self.gates = nn.Linear(width_in, tasks * settings.experts)
        self.dropout = Dropout(dropout)
        self.tasks = tasks
        nn.init.normal_(self.leave, std=settings.hidden**-0.5)

    def forward(self, values: Tensor) -> Tensor:
        """Representations `[..., tasks, width]` from `[..., width_in]`."""
        hidden = self.dropout(torch.nn.functional.gelu(self.enter(values))).unflatten(-1, self.shape)
        experts = torch.einsum("...eh,ehw->...ew", hidden, self.leave)
        weights = self.gates(values).unflatten(-1, (self.tasks, -1)).softmax(-1)
        # a product of so small matrices, one pair per value, is slower than their sum written out
        mixed: Tensor = (weights.unsqueeze(-1) * experts.unsqueeze(-3)).sum(-2)
        return mixed
