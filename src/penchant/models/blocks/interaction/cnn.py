"""A convolutional body over the tokens."""

from itertools import pairwise
from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.interaction.fields import Fields, FieldsSettings


class CNNSettings(FieldsSettings):
    """Size of the body."""

    channels: int = Field(64, ge=1)
    reach: int = Field(3, ge=1)
    """Neighbouring tokens read together; an even number reads one more after than before."""
    layers: int = Field(2, ge=1, le=8)


class CNN(Fields):
    """Convolutions along told vectors and fields in the recipe's order, each token with its `width` numbers as channels.

    Neighbourhood among features means nothing by itself: a body for comparison.
    """

    kind: ClassVar[str] = "cnn"
    settings_class = CNNSettings

    def __init__(self, settings: CNNSettings, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__(settings, told, fields, width, dropout)
        sizes = [width] + [settings.channels] * settings.layers
        self.layers = nn.ModuleList([nn.Conv1d(one, other, settings.reach, padding="same") for one, other in pairwise(sizes)])
        self.dropout = Dropout(dropout)
        self.width_out = self.count * settings.channels

    def forward(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """`[..., count * channels]`."""
        tokens = self.tokens(told, fields)
        maps = tokens.reshape(-1, *tokens.shape[-2:]).transpose(1, 2)  # [rows, width, count]
        for layer in self.layers:
            maps = self.dropout(nn.functional.gelu(layer(maps)))
        return maps.reshape(*tokens.shape[:-2], -1)
