"""Shared and own experts, level upon level."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.experts.layers import Hidden, ManyLinear, Several, width_of
from penchant.models.blocks.feed_forward import Activation
from penchant.schema.settings import Settings


class PLESettings(Settings):
    """Number and size of the experts."""

    levels: int = Field(1, ge=1, le=8)
    """1 = customised gate control alone."""
    shared: int = Field(2, ge=1)
    """Experts of every level that all tasks read."""
    own: int = Field(1, ge=1)
    """Experts of every level that one task alone reads."""
    hidden: Hidden = 128
    """Layers of an expert, as in `mmoe`."""


class PLE(nn.Module):
    """Progressive layered extraction (Tang et al. 2020, section 4): a task's gate mixes its own experts and the shared ones.

    Between two levels another gate mixes all experts into what the next level's shared ones read.
    """

    kind: ClassVar[str] = "ple"
    settings_class = PLESettings

    def __init__(
        self, settings: PLESettings, width_in: int, width: int, tasks: int, dropout: float, activation: Activation = "gelu"
    ) -> None:
        super().__init__()
        self.tasks = tasks
        widths = [width_in] + [width_of(settings.hidden, width)] * (settings.levels - 1)
        last = settings.levels - 1
        self.levels = nn.ModuleList(
            [Level(settings, each, width, tasks, dropout, activation, goes_on=place < last) for place, each in enumerate(widths)]
        )

    @staticmethod
    def width_of(settings: PLESettings, width: int) -> int:
        """Width of the representations."""
        return width_of(settings.hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        """Representations `[..., tasks, width_out]` from `[..., width_in]`."""
        rows = values.flatten(0, -2)
        read = rows.expand(self.tasks + 1, *rows.shape)  # what each task, and last what all share, goes on from
        for level in self.levels:
            read = level(read)
        return read.transpose(0, 1).reshape(*values.shape[:-1], self.tasks, read.shape[-1])

    def usage(self) -> Tensor | None:
        """The mean gate of each task over the last batch, at the last level, `[tasks, experts]`, each row with sum 1; None before any.

        Experts are the shared ones, then every task's own, of which only the task's are not 0.
        """
        last = self.levels[-1]
        assert isinstance(last, Level)
        if last.taken is None or not last.taken.numel():
            return None
        own, shared = torch.split(last.taken.float().mean(1), [last.own, last.shared], dim=1)
        return torch.cat([shared, torch.block_diag(*own)], dim=1)  # type: ignore[no-untyped-call]  # torch does not type it


class Level(nn.Module):
    """One level: experts and gates; the gate of what is shared only where it `goes_on`."""

    def __init__(
        self, settings: PLESettings, width_in: int, width: int, tasks: int, dropout: float, activation: Activation, goes_on: bool
    ) -> None:
        super().__init__()
        self.tasks, self.own, self.shared = tasks, settings.own, settings.shared
        many = tasks * settings.own + settings.shared
        self.experts = Several(many, width_in, settings.hidden, width, dropout, activation)
        self.gates = ManyLinear(tasks, width_in, settings.own + settings.shared)
        self.gate = nn.Linear(width_in, many) if goes_on else None
        self.taken: Tensor | None = None

    def forward(self, read: Tensor) -> Tensor:
        """What each task, and last what all share, goes on with `[tasks + 1 or tasks, rows, width]` from `[tasks + 1, rows, width_in]`."""
        task, everybody = read[:-1], read[-1:]
        if read.stride(0):
            inputs = torch.cat([task.repeat_interleave(self.own, dim=0), everybody.expand(self.shared, -1, -1)])
        else:  # the first level: all read the same, which need not be copied
            inputs = everybody.expand(self.tasks * self.own + self.shared, -1, -1)
        experts = self.experts(inputs)
        weights = self.gates(task).softmax(-1)  # [tasks, rows, own + shared]
        self.taken = weights.detach()
        own, shared = experts.split([self.tasks * self.own, self.shared])
        by_task = torch.einsum("tre,terw->trw", weights[..., : self.own].to(own.dtype), own.unflatten(0, (self.tasks, self.own)))
        by_task = by_task + torch.einsum("tre,erw->trw", weights[..., self.own :].to(shared.dtype), shared)
        if self.gate is None:
            return by_task
        mixed = torch.einsum("re,erw->rw", self.gate(everybody[0]).softmax(-1).to(experts.dtype), experts)
        return torch.cat([by_task, mixed.unsqueeze(0)])
