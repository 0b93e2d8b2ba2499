"""The tasks' weights as the recipe has them."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from penchant.fitting.balance.balance import Balance, Losses
from penchant.schema.settings import Settings


class FixedSettings(Settings):
    """Nothing to set: the weights stand with the tasks."""


class Fixed(Balance):
    """The sum of `tasks.*.weight` times the losses; 1 each when the recipe says nothing."""

    kind: ClassVar[str] = "fixed"
    settings_class = FixedSettings

    def total(self, losses: Losses) -> Tensor:
        """Their sum."""
        return sum(losses.values(), torch.zeros(()))


class EqualSettings(Settings):
    """Nothing to set."""


class Equal(Fixed):
    """Every loss weighs 1, whatever `tasks.*.weight` says: what balances are compared with. A task of weight 0 still counts."""

    kind: ClassVar[str] = "equal"
    settings_class = EqualSettings  # type: ignore[assignment]  # a kind of its own, with keys of its own

    def __init__(self, settings: Any, weights: Mapping[str, float]) -> None:
        super().__init__(settings, dict.fromkeys(weights, 1.0))
