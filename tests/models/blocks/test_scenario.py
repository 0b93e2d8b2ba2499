"""Scenario gates, and where there are none."""

import torch

from penchant.models.blocks.scenario import Gates, GatesSettings, NoGates
from penchant.models.network import Network
from penchant.models.network_recommender import NetworkRecommender
from penchant.training.trainer import fit_network
from tests.small_data import NEXT, SMALL, dataset, weather


def test_that_gates_start_open_and_then_follow_the_scenario() -> None:
    gates = Gates(GatesSettings(), 3, 8)
    values, scenario = torch.randn(5, 8), torch.randn(5, 3)
    torch.testing.assert_close(gates(values, scenario), values)
    torch.nn.init.normal_(gates.own.weight)
    expected = values * 2 * torch.sigmoid(scenario @ gates.own.weight.T)
    torch.testing.assert_close(gates(values, scenario), expected)


def test_that_the_gate_learns_through_its_own_input_only_by_what_it_multiplies() -> None:
    gates = Gates(GatesSettings(), 3, 8)
    torch.nn.init.normal_(gates.input[-1].weight)
    values = torch.randn(5, 8, requires_grad=True)
    scenario = torch.randn(5, 3)
    gates(values, scenario).sum().backward()
    with torch.no_grad():
        gate = gates(values, scenario) / values
    torch.testing.assert_close(values.grad, gate)


def network_of(lines: str) -> Network:
    """A fitted network with a ranking task."""
    brief = "[training]\nepochs = 1\n"
    data = dataset(weather(users=6), NEXT + '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n' + SMALL + brief + lines)
    fitted: NetworkRecommender = fit_network(data.recipe, data)
    return fitted.network


def test_that_a_recipe_without_a_scenario_has_nothing_to_gate_by() -> None:
    assert isinstance(network_of("").gate_in, NoGates)
    assert isinstance(network_of('[scenario]\ncolumn = "sky"\n').gate_in, Gates)
