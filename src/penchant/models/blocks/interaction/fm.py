"""Every pair of tokens multiplied: factorisation machines."""

from typing import ClassVar

import torch
from torch import Tensor

from penchant.models.blocks.interaction.fields import Fields, FieldsSettings


class FM(Fields):
    """The joined tokens, and beside them the sum over all pairs of their products.

    Rendle 2010, "Factorization Machines", lemma 3.1, kept as a vector (bi-interaction pooling: He and Chua 2017, equation 4).
    """

    kind: ClassVar[str] = "fm"
    settings_class = FieldsSettings

    def __init__(self, settings: FieldsSettings, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__(settings, told, fields, width, dropout)
        self.width_out += width

    def forward(self, told: Tensor | None, fields: Tensor) -> Tensor:
        """`[..., (count + 1) * width]`, the pairs last."""
        tokens = self.tokens(told, fields)
        pairs = (tokens.sum(-2).square() - tokens.square().sum(-2)) / 2
        return torch.cat([tokens.flatten(-2), pairs], dim=-1)
