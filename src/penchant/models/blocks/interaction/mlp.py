"""A plain multi-layer body."""

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from penchant.models.blocks.feed_forward import layers
from penchant.models.blocks.interaction.fields import Fields, FieldsSettings


class MLPSettings(FieldsSettings):
    """Size of the body."""

    hidden: tuple[int, ...] = Field((256,), min_length=1)
    """Sizes of its layers."""


class MLP(Fields):
    """Layers over everything joined; the experts read the last of them."""

    kind: ClassVar[str] = "mlp"
    settings_class = MLPSettings

    def __init__(self, settings: MLPSettings, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__(settings, told, fields, width, dropout)
        self.layers = layers(self.count * width, settings.hidden, dropout)
        self.width_out = settings.hidden[-1]

    def forward(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """`[..., width_out]`."""
        body: Tensor = self.layers(super().forward(told, fields))
        return body
