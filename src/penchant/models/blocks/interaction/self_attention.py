"""User, item, context and every field read one another."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.history import Layer
from penchant.models.blocks.interaction.fields import Fields, FieldsSettings


class SelfAttentionSettings(FieldsSettings):
    """Size of the body."""

    layers: int = Field(1, ge=1, le=12)
    heads: int = Field(2, ge=1)
    out: Literal["flatten", "mean"] = "flatten"
    """What the experts read: all tokens side by side, or their mean."""


class SelfAttention(Fields):
    """Transformer layers over told vectors and fields, each with a bias of its own that says what it is.

    As AutoInt (Song et al. 2019) has it, with pre-norm layers that begin by changing nothing.
    """

    kind: ClassVar[str] = "self_attention"
    settings_class = SelfAttentionSettings

    def __init__(self, settings: SelfAttentionSettings, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__(settings, told, fields, width, dropout)
        self.mean = settings.out == "mean"
        self.what = nn.Parameter(0.02 * torch.randn(self.count, width))
        self.layers = nn.ModuleList([Layer(width, settings.heads, dropout) for _ in range(settings.layers)])
        self.norm = nn.LayerNorm(width)
        self.width_out = width if self.mean else self.count * width

    def forward(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """`[..., width_out]`."""
        tokens = self.tokens(told, fields)
        read: Tensor = (tokens + self.what).reshape(-1, *self.what.shape)
        together = torch.zeros(1, self.count, self.count, device=read.device)  # nothing lies in the past of another
        for layer in self.layers:
            read = layer(read, together)
        read = self.norm(read).view(tokens.shape)
        return read.mean(-2) if self.mean else read.flatten(-2)
