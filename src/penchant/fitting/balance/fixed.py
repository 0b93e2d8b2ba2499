"""The tasks' weights as the recipe has them."""

from typing import ClassVar

import torch
from torch import Tensor

from penchant.fitting.balance.balance import Balance, Losses
from penchant.schema.settings import Settings


class FixedSettings(Settings):
    """Nothing to set: the weights stand with the tasks."""


class Fixed(Balance):
    """The sum of the losses, each times its `tasks.*.weight`: 1 when the recipe says nothing."""

    kind: ClassVar[str] = "fixed"
    settings_class = FixedSettings

    def total(self, losses: Losses) -> Tensor:
        """Their sum."""
        return sum(losses.values(), torch.zeros(()))
