"""Every loss alike."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from penchant.fitting.balance.balance import Balance, Losses
from penchant.schema.settings import Settings


class EqualSettings(Settings):
    """Nothing to set."""


class Equal(Balance):
    """Every loss weighs 1, whatever `tasks.*.weight` says: what other balances are compared with. A task of weight 0 counts too."""

    kind: ClassVar[str] = "equal"
    settings_class = EqualSettings

    def __init__(self, settings: Any, weights: Mapping[str, float]) -> None:
        super().__init__(settings, dict.fromkeys(weights, 1.0))

    def total(self, losses: Losses) -> Tensor:
        """Their sum."""
        return sum(losses.values(), torch.zeros(()))
