"""Shared weights times own ones."""

from functools import reduce
from typing import ClassVar

import torch
from torch import Tensor, nn

from penchant.features.feature import Form
from penchant.models.blocks.embedding import key
from penchant.models.blocks.feed_forward import start_at_zero
from penchant.models.blocks.scenario.scenario import Scenario
from penchant.schema.settings import Settings


class StarSettings(Settings):
    """Nothing to set."""


class Star(nn.Module):
    """A layer whose weights are the shared ones times those of every factor's value: y = (W ⊙ Π W_f) x + b + Σ b_f.

    STAR (Sheng et al. 2021), equations 4 and 5, with a product over factors in place of one domain. An unknown value's weights are ones, so
    that a combination never seen is made of what is known of it. The layer begins by changing nothing: W = 1, b = 0.
    """

    kind: ClassVar[str] = "star"
    settings_class = StarSettings

    def __init__(self, settings: StarSettings, forms: dict[str, Form], scenario_width: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.shared = nn.Parameter(torch.eye(width))
        self.bias = nn.Parameter(torch.zeros(width))
        # what a value's weights are above one, and its bias; the first row, unknown, stays zero
        self.own = nn.ModuleDict({key(name): nn.Embedding(form.size, width * (width + 1), padding_idx=0) for name, form in forms.items()})
        start_at_zero(self.own)

    def forward(self, values: Tensor, scenario: Scenario) -> Tensor:
        """`[..., k, width]`; weights are made once per scenario."""
        own = [self.own[key(name)](index) for name, index in scenario.different.factors.items()]
        factors = [1 + each[:, self.width :].unflatten(-1, (self.width, self.width)) for each in own]
        weights = reduce(torch.mul, factors, self.shared.unsqueeze(0))
        biases = sum((each[:, : self.width] for each in own), self.bias)
        return scenario.each(values, lambda rows, place: nn.functional.linear(rows, weights[place], biases[place]))
