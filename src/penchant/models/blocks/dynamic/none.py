"""Items that stand still."""

from typing import ClassVar

from torch import Tensor, nn

from penchant.schema.settings import Settings


class NoMovementSettings(Settings):
    """Nothing to set."""


class NoMovement(nn.Module):
    """An item is the same for everybody, everywhere."""

    kind: ClassVar[str] = "none"
    settings_class = NoMovementSettings
    moves: ClassVar[bool] = False

    def __init__(self, settings: NoMovementSettings, width: int, dropout: float) -> None:
        super().__init__()

    def index(self, vectors: Tensor) -> Tensor:
        """The vectors themselves."""
        return vectors

    def gates(self, users: Tensor, context: Tensor, present: Tensor) -> None:
        """Nothing to move by."""

    def query(self, users: Tensor, gates: Tensor | None) -> Tensor:
        """The users themselves."""
        return users

    def moved(self, index: Tensor, gates: Tensor | None) -> Tensor:
        """The vectors themselves."""
        return index

    def usual(self, index: Tensor) -> Tensor:
        """The vectors themselves."""
        return index

    def squares(self, weights: Tensor, gates: Tensor | None, index: Tensor) -> Tensor:
        """Weighted sums of squares `[m, n]` of items `[n, width]` for weights `[m, width]`."""
        return weights @ index.square().T
