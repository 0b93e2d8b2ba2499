"""Told vectors and fields side by side, and what every part that reads both shares."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from penchant.schema.settings import Settings


class FieldsSettings(Settings):
    """What is read beside the fields."""

    told: bool = True
    """Whether the told vectors are read too; without them nothing is computed that they alone are made of (no cross-attention)."""


class Fields(nn.Module):
    """Told vectors and fields, joined: the input of the classical networks, one embedding per field. Others build on its tokens."""

    kind: ClassVar[str] = "fields"
    settings_class: ClassVar[type[FieldsSettings]] = FieldsSettings
    reads_fields = True

    def __init__(self, settings: Any, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__()
        self.reads_told: bool = settings.told
        self.count = fields + (told if settings.told else 0)
        self.width_out = self.count * width

    def forward(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """`[..., width_out]`."""
        return self.tokens(told, fields).flatten(-2)

    def tokens(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """All that is read, `[..., count, width]`, the told vectors first."""
        return fields if told is None else torch.cat([told, fields], dim=-2)
