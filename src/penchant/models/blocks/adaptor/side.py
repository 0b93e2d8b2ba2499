"""A small network beside the frozen encoder that climbs from layer to layer on its kept states."""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.embedding import SCALE
from penchant.models.blocks.experts.layers import ManyLinear
from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.schema.errors import RecipeError
from penchant.schema.settings import Settings


class SideSettings(Settings):
    """The side network's measures."""

    size: int = Field(64, ge=1, le=4096)
    """Its width; the encoder's states are brought down to it."""
    dropout: float = Field(0.1, ge=0, lt=1)


class Side(nn.Module):
    """`[..., states * w]` to `[..., width]`: a line on the last state, and what a ladder of small adapters reads in all of them.

    Rung by rung `h ← μ·h + (1 - μ)·down(stateᵢ)`, then `h ← h + adapterᵢ(h)` with a learnt μ (Sung, Cho and Bansal 2022, Ladder
    Side-Tuning, section 3.2). The encoder is never run and gets no gradient: its states are read from where they are kept. The ladder
    begins by adding nothing.

    Raises:
        RecipeError: for a feature that tells fewer than two states.
    """

    kind: ClassVar[str] = "side"
    settings_class: ClassVar[type[Settings]] = SideSettings

    def __init__(self, settings: SideSettings, form: Form, width: int) -> None:
        super().__init__()
        if form.states < 2:
            do = 'Name some layers of the feature, for example item.plot = { kind = "text", layers = [2, 4, 6] }.'
            came = f"{form.states} in a vector of {form.size} numbers"
            raise RecipeError("the feature of an adaptor 'side'", must="told several states of an encoder", came=came, do=do)
        self.states, each = form.states, form.size // form.states
        self.direct = nn.Linear(each, width)
        self.down = ManyLinear(form.states, each, settings.size)
        self.rungs = nn.ModuleList([_adapter(settings) for _ in range(form.states)])
        self.keep = nn.Parameter(torch.zeros(form.states - 1))  # μ before its sigmoid: half from below, half from the encoder
        self.up = nn.Linear(settings.size, width)
        nn.init.normal_(self.direct.weight, std=SCALE * each**-0.5)
        start_at_zero(self.up)
        nn.init.zeros_(self.direct.bias)

    def forward(self, vectors: Tensor) -> Tensor:
        """Vectors `[..., width]` of states one after the other `[..., states * w]`, lower layers first."""
        states = vectors.reshape(-1, self.states, vectors.shape[-1] // self.states)  # [n, states, w]
        read = self.down(states.transpose(0, 1))  # [states, n, size]
        climbed = read[0] + self.rungs[0](read[0])
        for rung, own in enumerate(read[1:], 1):
            keep = self.keep[rung - 1].sigmoid()
            mixed = keep * climbed + (1 - keep) * own
            climbed = mixed + self.rungs[rung](mixed)
        found: Tensor = self.direct(states[:, -1]) + self.up(climbed)
        return found.reshape(*vectors.shape[:-1], found.shape[-1])

    def quieten(self, factor: float) -> None:
        """Begin smaller by a factor; the ladder adds nothing yet."""
        with torch.no_grad():
            for parameter in self.direct.parameters():
                parameter.mul_(factor)


def _adapter(settings: SideSettings) -> nn.Sequential:
    """A rung: normed, widened, and back; it begins by adding nothing."""
    layers = feed_forward(settings.size, 2 * settings.size, settings.size, settings.dropout)
    start_at_zero(layers[-1])
    return nn.Sequential(nn.LayerNorm(settings.size), layers)
