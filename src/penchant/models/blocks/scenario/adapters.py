"""Small changes of low rank that the scenario makes."""

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from penchant.models.blocks.feed_forward import start_at_zero
from penchant.models.blocks.scenario.scenario import Scenario
from penchant.schema.settings import Settings


class AdaptersSettings(Settings):
    """Size of the change."""

    rank: int = Field(4, ge=1)


class Adapters(nn.Module):
    """y = x + B(s) A(s) x, with both matrices made from the scenario's vector by a hyper-network.

    Low-rank updates: Hu et al. 2022, "LoRA", section 4.1; made from what is known of the domain: Mahabadi et al. 2021, section 3. The
    vector is the sum of the factors', so that a combination never seen has its adapter. B begins at zero.
    """

    kind: ClassVar[str] = "adapters"
    settings_class = AdaptersSettings

    def __init__(self, settings: AdaptersSettings, scenario_width: int, width: int) -> None:
        super().__init__()
        self.shape = (min(settings.rank, width), width)
        size = self.shape[0] * width
        self.down, self.up = nn.Linear(scenario_width, size), nn.Linear(scenario_width, size)
        nn.init.normal_(self.down.bias, std=width**-0.5)  # a scenario's vector begins near zero: without a bias nothing would be read
        start_at_zero(self.up)

    def forward(self, values: Tensor, scenario: Scenario) -> Tensor:
        """`[..., k, width]`; matrices are made once per scenario."""
        vectors = scenario.different.vector
        down, up = self.down(vectors).unflatten(-1, self.shape), self.up(vectors).unflatten(-1, self.shape)
        return values + scenario.each(values, lambda rows, place: (rows @ down[place].T) @ up[place])
