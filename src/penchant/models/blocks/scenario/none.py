"""No scenario: the ablation."""

from typing import ClassVar

from torch import Tensor, nn

from penchant.models.blocks.scenario.scenario import Scenario
from penchant.schema.settings import Settings


class NoScenarioSettings(Settings):
    """Nothing to set."""


class NoScenario(nn.Module):
    """The scenario changes nothing here."""

    kind: ClassVar[str] = "none"
    settings_class = NoScenarioSettings

    def __init__(self, settings: NoScenarioSettings, scenario_width: int, width: int) -> None:
        super().__init__()

    def forward(self, values: Tensor, scenario: Scenario) -> Tensor:
        """`values` as they are."""
        return values
