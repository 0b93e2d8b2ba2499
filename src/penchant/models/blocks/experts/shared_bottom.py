"""One expert for all tasks."""

from typing import ClassVar

from torch import Tensor, nn

from penchant.models.blocks.experts.layers import Hidden, width_of
from penchant.models.blocks.feed_forward import Activation, feed_forward, layers
from penchant.schema.settings import Settings


class SharedBottomSettings(Settings):
    """Size of the one shared expert."""

    hidden: Hidden = 128
    """One hidden layer of this size before the network's width; or the sizes of all layers, the last of which the tasks read."""


class SharedBottom(nn.Module):
    """One expert for all tasks (Caruana 1997)."""

    kind: ClassVar[str] = "shared_bottom"
    settings_class = SharedBottomSettings

    def __init__(
        self, settings: SharedBottomSettings, width_in: int, width: int, tasks: int, dropout: float, activation: Activation = "gelu"
    ) -> None:
        super().__init__()
        self.tasks = tasks
        if isinstance(settings.hidden, int):
            self.bottom = feed_forward(width_in, settings.hidden, width, dropout)
        else:
            self.bottom = layers(width_in, settings.hidden, dropout, activation)

    @staticmethod
    def width_of(settings: SharedBottomSettings, width: int) -> int:
        """Width of the representations."""
        return width_of(settings.hidden, width)

    def forward(self, values: Tensor) -> Tensor:
        """Representations `[..., tasks, width_out]` from `[..., width_in]`."""
        shared: Tensor = self.bottom(values)
        return shared.unsqueeze(-2).expand(*shared.shape[:-1], self.tasks, -1)

    def usage(self) -> None:
        """There is nothing to choose from."""
