"""Several experts, mixed by a gate per task."""

from collections.abc import Iterable
from itertools import pairwise
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.experts.layers import Hidden, ManyLinear, width_of
from penchant.models.blocks.feed_forward import BENDS, Activation
from penchant.models.blocks.side_by_side import mixture, rectified
from penchant.schema.settings import Settings

TINY = 400  # products of one pair of matrices, below which torch multiplies a batch of them slower than their sum written out


class MMoESettings(Settings):
    """Number and size of the experts."""

    experts: int = Field(4, ge=1)
    hidden: Hidden = 128
    """One hidden layer of this size before the network's width; or the sizes of all layers, the last of which the tasks read."""


class MMoE(nn.Module):
    """Several experts, mixed by one softmax gate per task (Ma et al. 2018, equations 6 and 7)."""

    kind: ClassVar[str] = "mmoe"
    settings_class = MMoESettings

    def __init__(
        self, settings: MMoESettings, width_in: int, width: int, tasks: int, dropout: float, activation: Activation = "gelu"
    ) -> None:
        super().__init__()
        sizes = [settings.hidden] if isinstance(settings.hidden, int) else list(settings.hidden)
        self.shape, self.tasks = (settings.experts, sizes[0]), tasks
        self.enter = nn.Linear(width_in, settings.experts * sizes[0])  # all experts' first layers in one product
        if isinstance(settings.hidden, int):
            self.leave = nn.Parameter(torch.empty(settings.experts, sizes[0], width))
        self.gates = nn.Linear(width_in, tasks * settings.experts)
        self.dropout, self.bend = Dropout(dropout), BENDS[activation]
        if isinstance(settings.hidden, int):
            nn.init.normal_(self.leave, std=sizes[0] ** -0.5)
        self.deeper = nn.ModuleList([ManyLinear(settings.experts, one, other) for one, other in pairwise(sizes)])
        self.ends = isinstance(settings.hidden, int)
        self.rectifies = activation == "relu"
        self.taken: Tensor | None = None

    @staticmethod
    def width_of(settings: MMoESettings, width: int) -> int:
        """Width of the representations."""
        return width_of(settings.hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        """Representations `[..., tasks, width_out]` from `[..., width_in]`."""
        weights: Tensor = self.gates(values).unflatten(-1, (self.tasks, -1)).softmax(-1)
        self.taken = weights.detach()
        if self.ends:
            hidden = self.dropout(self.bend(self.enter(values))).unflatten(-1, self.shape)
            experts: Tensor = self._leave(hidden)
            if weights.shape[-2] * experts.shape[-2:].numel() < TINY:
                return (weights.unsqueeze(-1) * experts.unsqueeze(-3)).sum(-2)
            return weights @ experts
        blend = mixture(weights.flatten(0, -3), self._experts(values.flatten(0, -2)))
        return blend.reshape(*values.shape[:-1], self.tasks, blend.shape[-1])

    def _leave(self, hidden: Tensor) -> Tensor:
        """Of each expert `[..., experts, width]` from `[..., experts, hidden]`."""
        if not torch.compiler.is_exporting():
            return torch.einsum("...eh,ehw->...ew", hidden, self.leave)
        apart = self.leave.view(
            len(self.leave), *[1] * (hidden.dim() - 3), *self.leave.shape[1:]
        )  # runtimes multiply matrices faster than they sum
        return (hidden.movedim(-2, 0) @ apart).movedim(0, -2)

    def usage(self) -> Tensor | None:
        """The mean gate of each task over the last batch, `[tasks, experts]`, each row with sum 1; None before any."""
        return None if self.taken is None or not self.taken.numel() else self.taken.flatten(0, -3).float().mean(0)

    def _experts(self, values: Tensor) -> Iterable[Tensor]:
        """Of each expert `[rows, width_out]` from `[rows, width_in]`."""
        if self.rectifies and not (self.training and self.dropout.level):
            many, hidden = self.shape
            deeper = [layer for layer in self.deeper if isinstance(layer, ManyLinear)]
            weights = [self.enter.weight.view(many, hidden, -1), *(layer.weight.transpose(1, 2) for layer in deeper)]
            return rectified(values, weights, [self.enter.bias.view(many, hidden), *(layer.bias.squeeze(1) for layer in deeper)])
        own: Tensor = self.dropout(self.bend(self.enter(values))).unflatten(-1, self.shape).transpose(0, 1)
        for layer in self.deeper:
            own = self.dropout(self.bend(layer(own)))
        return own
