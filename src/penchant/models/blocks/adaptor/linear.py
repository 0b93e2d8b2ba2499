"""One line: what every vector takes unless told otherwise."""

from typing import ClassVar

from torch import nn

from penchant.features.feature import Form
from penchant.models.blocks.embedding import SCALE
from penchant.schema.settings import Settings


class LinearSettings(Settings):
    """Nothing to set."""


class Linear(nn.Linear):
    """`W·x + b`: `[..., size]` to `[..., width]`."""

    kind: ClassVar[str] = "linear"
    settings_class: ClassVar[type[Settings]] = LinearSettings

    def __init__(self, settings: LinearSettings, form: Form, width: int) -> None:
        super().__init__(form.size, width)
        nn.init.normal_(self.weight, std=SCALE * form.size**-0.5)
        nn.init.zeros_(self.bias)
