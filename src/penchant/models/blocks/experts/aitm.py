"""Tasks in a row, each told what the one before found."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from penchant.models.blocks.experts.layers import Hidden, Several, width_of
from penchant.models.blocks.feed_forward import Activation
from penchant.schema.settings import Settings


class AITMSettings(Settings):
    """Size of each task's layers."""

    hidden: Hidden = 128
    """As in `mmoe`."""


class AITM(nn.Module):
    """Adaptive information transfer (Xi et al. 2021, section 3.3), in the order of the recipe's tasks.

    Each task reads by itself and attends to two things: what it read, and what the task before passes on (equations 4 to 6). Their extra
    loss that holds probabilities in order is not here: `tasks.*.after` makes a later step's probability a product, which cannot exceed
    the earlier one's.
    """

    kind: ClassVar[str] = "aitm"
    settings_class = AITMSettings

    def __init__(
        self, settings: AITMSettings, width_in: int, width: int, tasks: int, dropout: float, activation: Activation = "gelu"
    ) -> None:
        super().__init__()
        self.tasks, inner = tasks, width_of(settings.hidden, width)
        self.towers = Several(tasks, width_in, settings.hidden, width, dropout, activation)
        self.passed = nn.ModuleList([nn.Linear(inner, inner) for _ in range(tasks - 1)])
        self.transfer = nn.ModuleList([nn.Linear(inner, 3 * inner) for _ in range(tasks - 1)])  # h₁, h₂ and h₃ of the paper
        self.taken: list[Tensor] = []

    @staticmethod
    def width_of(settings: AITMSettings, width: int) -> int:
        """Width of the representations."""
        return width_of(settings.hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        """Representations `[..., tasks, width_out]` from `[..., width_in]`."""
        rows = values.flatten(0, -2)
        own = self.towers(rows.expand(self.tasks, *rows.shape)).unbind()
        found, self.taken = [own[0]], []
        for mine, passed, transfer in zip(own[1:], self.passed, self.transfer, strict=True):
            both = torch.stack([mine, passed(found[-1]).to(mine.dtype)], dim=1)  # [rows, 2, width]
            value, key, query = transfer(both).chunk(3, dim=-1)
            weights = ((key * query).sum(-1) * key.shape[-1] ** -0.5).softmax(-1)
            self.taken.append(weights.detach())
            found.append((weights.unsqueeze(-1) * value).sum(1).to(mine.dtype))
        return torch.stack(found, dim=1).reshape(*values.shape[:-1], self.tasks, own[0].shape[-1])

    def usage(self) -> Tensor | None:
        """What each task took of itself and of the task before in the last batch, `[tasks, 2]`, each row with sum 1; None before any."""
        if len(self.taken) < self.tasks - 1 or not all(each.numel() for each in self.taken):
            return None
        first = torch.tensor([1.0, 0.0])
        return torch.stack([first, *(each.float().mean(0) for each in self.taken)])
