"""The told vectors side by side."""

from typing import ClassVar

from torch import Tensor, nn

from penchant.schema.settings import Settings


class ConcatSettings(Settings):
    """Nothing to set."""


class Concat(nn.Module):
    """Experts read the told vectors as they are, and no field."""

    kind: ClassVar[str] = "concat"
    settings_class = ConcatSettings
    reads_told, reads_fields = True, False

    def __init__(self, settings: ConcatSettings, told: int, fields: int, width: int, dropout: float) -> None:
        super().__init__()
        self.width_out = told * width

    def forward(self, told: Tensor, fields: None) -> Tensor:
        """`[..., told * width]` from told vectors `[..., told, width]`."""
        return told.flatten(-2)
