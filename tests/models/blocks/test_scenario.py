"""What a scenario changes: gates, adapters, nothing."""

import pytest
import torch
from torch import Tensor, nn

from penchant.models.blocks.scenario.adapters import Adapters, AdaptersSettings
from penchant.models.blocks.scenario.gates import Gates, GatesSettings
from penchant.models.blocks.scenario.none import NoScenario
from penchant.models.blocks.scenario.scenario import Scenario
from penchant.models.network import Network
from penchant.models.network_recommender import NetworkRecommender
from penchant.training.trainer import fit_network
from tests.small_data import NEXT, SMALL, dataset, weather


def scenario(device: list[int], tab: list[int], width: int = 3) -> Scenario:
    """Targets with these factors, whose vectors differ from factor to factor."""
    factors = {"device": torch.tensor(device), "tab": torch.tensor(tab)}
    tables = {name: torch.arange(5.0 * width).view(5, width).sin() * (1 + place) for place, name in enumerate(factors)}
    return Scenario(torch.stack([tables[name][index] for name, index in factors.items()]).sum(0), factors)


def test_that_gates_start_open_and_then_follow_the_scenario() -> None:
    gates = Gates(GatesSettings(), 3, 8)
    values, vector = torch.randn(5, 1, 8), torch.randn(5, 3)
    torch.testing.assert_close(gates(values, Scenario(vector, {})), values)
    torch.nn.init.normal_(gates.own.weight)
    expected = values * 2 * torch.sigmoid(vector @ gates.own.weight.T).unsqueeze(1)
    torch.testing.assert_close(gates(values, Scenario(vector, {})), expected)


def test_that_the_gate_learns_through_its_own_input_only_by_what_it_multiplies() -> None:
    gates = Gates(GatesSettings(), 3, 8)
    torch.nn.init.normal_(gates.input[-1].weight)
    values = torch.randn(5, 1, 8, requires_grad=True)
    now = Scenario(torch.randn(5, 3), {})
    gates(values, now).sum().backward()
    with torch.no_grad():
        gate = gates(values, now) / values
    torch.testing.assert_close(values.grad, gate)


def test_that_adapters_are_their_equation_for_every_row() -> None:
    torch.manual_seed(0)
    part = Adapters(AdaptersSettings(rank=2), 3, 4)
    for parameter in part.parameters():
        nn.init.normal_(parameter)
    now, values = scenario([2, 3, 2, 0], [3, 3, 3, 1]), torch.randn(4, 2, 4)
    for row in range(4):
        down, up = (layer(now.vector[row]).view(2, 4) for layer in (part.down, part.up))
        torch.testing.assert_close(part(values, now)[row], values[row] + values[row] @ down.T @ up)


def changed() -> list[nn.Module]:
    """Every part that changes something, with weights that do."""
    torch.manual_seed(1)
    parts = [Gates(GatesSettings(), 3, 4), Adapters(AdaptersSettings(), 3, 4)]
    for parameter in (parameter for part in parts for parameter in part.parameters()):
        nn.init.normal_(parameter, std=0.3)
    return parts


@pytest.mark.parametrize("part", changed(), ids=lambda part: part.kind)
def test_that_rows_of_one_scenario_are_changed_alike_wherever_they_stand(part: nn.Module) -> None:
    device, tab = [2, 0, 3, 2, 2, 0, 1], [3, 4, 0, 3, 2, 4, 1]
    values = torch.randn(7, 3, 4)
    together = part(values, scenario(device, tab))
    for row in range(7):
        alone: Tensor = part(values[row : row + 1], scenario(device[row : row + 1], tab[row : row + 1]))
        torch.testing.assert_close(alone[0], together[row])
    order = torch.tensor([3, 6, 0, 5, 2, 1, 4])
    moved = part(values[order], scenario([device[row] for row in order], [tab[row] for row in order]))
    torch.testing.assert_close(moved, together[order])


def test_that_adapters_begin_by_changing_nothing_and_are_asked_for_any_shape() -> None:
    part = Adapters(AdaptersSettings(), 3, 4)
    for shape in ((2, 3), (1, 1), (0, 2)):
        index = torch.randint(4, shape)
        values = torch.randn(*shape, 5, 4)
        torch.testing.assert_close(part(values, Scenario(torch.randn(*shape, 3), {"device": index, "tab": index})), values)


def network_of(lines: str) -> Network:
    """A fitted network with a ranking task."""
    brief = "[training]\nepochs = 1\n"
    data = dataset(weather(users=6), NEXT + '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n' + SMALL + brief + lines)
    fitted: NetworkRecommender = fit_network(data.recipe, data)
    return fitted.network


def test_that_a_recipe_without_a_scenario_has_nothing_to_gate_by() -> None:
    assert isinstance(network_of("").gate_in, NoScenario)
    assert isinstance(network_of('[scenario]\ncolumn = "sky"\n').gate_in, Gates)
