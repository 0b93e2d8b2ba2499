"""Gates that the scenario sets."""

from typing import ClassVar

from torch import Tensor, nn

from penchant.models.blocks.feed_forward import feed_forward, start_at_zero
from penchant.models.blocks.scenario.scenario import Scenario
from penchant.schema.settings import Settings


class GatesSettings(Settings):
    """Nothing to set."""


class Gates(nn.Module):
    """Multiplies each input by a gate in (0, 2) that the scenario sets.

    PEPNet (Chang et al. 2023), section 3.2: the gate sees the scenario and, without gradient, the input itself. Before the experts it is
    their EPNet, before each task's tower their PPNet.
    """

    kind: ClassVar[str] = "gates"
    settings_class = GatesSettings

    def __init__(self, settings: GatesSettings, scenario_width: int, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(scenario_width, width)
        self.input = feed_forward(width, max(width // 4, 8), width)
        start_at_zero(self.own, self.input[-1])  # every gate starts at 1

    def forward(self, values: Tensor, scenario: Scenario) -> Tensor:
        """Gated `values` `[..., k, width]`."""
        read = values.detach() if self.training else values  # in training alone: who asks for gradients of a fitted network wants all
        gate: Tensor = 2 * (self.own(scenario.vector.unsqueeze(-2)) + self.input(read)).sigmoid()
        return values * gate
