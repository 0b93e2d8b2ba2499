"""What tasks share against its equations."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from penchant.models.blocks.experts.mmoe import MMoE, MMoESettings
from penchant.models.blocks.experts.ple import PLE, PLESettings
from penchant.models.blocks.experts.shared_bottom import SharedBottom, SharedBottomSettings
from penchant.schema.kinds import choose, kinds_in
from penchant.schema.sections.part import Part


@pytest.mark.parametrize("width", [4, 96], ids=["written out", "as a product"])
def test_that_a_mixture_is_its_equation(width: int) -> None:
    torch.manual_seed(0)
    part = MMoE(MMoESettings(experts=3, hidden=5), 7, width, 2, 0.0)
    values = torch.randn(6, 7)
    enter, bias = part.enter.weight.view(3, 5, 7), part.enter.bias.view(3, 5)
    experts = [functional.gelu(values @ enter[e].T + bias[e]) @ part.leave[e] for e in range(3)]
    gates = part.gates(values).view(6, 2, 3)
    for task in range(2):
        weights = gates[:, task].softmax(-1)
        expected = sum(weights[:, e : e + 1] * experts[e] for e in range(3))
        torch.testing.assert_close(part(values)[:, task], expected)


def test_that_a_shared_bottom_gives_every_task_the_same() -> None:
    part = SharedBottom(SharedBottomSettings(hidden=5), 7, 4, 2, 0.0)
    found = part(torch.randn(6, 3, 7))
    assert found.shape == (6, 3, 2, 4)
    assert torch.equal(found[:, :, 0], found[:, :, 1])


def test_that_a_mixture_of_layers_is_its_equation() -> None:
    """Experts given as a list end with their last layer, activation included."""
    torch.manual_seed(0)
    part = MMoE(MMoESettings(experts=3, hidden=(5, 4)), 7, 9, 2, 0.0, "relu")
    values = torch.randn(6, 7)
    enter, bias = part.enter.weight.view(3, 5, 7), part.enter.bias.view(3, 5)
    (second,) = part.deeper
    experts = [((values @ enter[e].T + bias[e]).relu() @ second.weight[e] + second.bias[e]).relu() for e in range(3)]
    gates = part.gates(values).view(6, 2, 3).softmax(-1)
    for task in range(2):
        torch.testing.assert_close(part(values)[:, task], sum(gates[:, task, e : e + 1] * experts[e] for e in range(3)))
    assert MMoE.width_of(MMoESettings(hidden=(5, 4)), 9) == 4


PLACE = "penchant.models.blocks.experts"


@pytest.mark.parametrize("hidden", [6, (6,), (6, 5, 4)])
@pytest.mark.parametrize("kind", sorted(kinds_in(PLACE)))
def test_that_every_kind_gives_the_width_it_says_for_any_shape(kind: str, hidden: int | tuple[int, ...]) -> None:
    chosen, settings = choose(Part.model_validate({"kind": kind, "hidden": hidden}), PLACE, "experts")
    part = chosen(settings, 7, 9, 3, 0.1, "relu")
    for shape in ((2, 3, 4), (5,), (0, 2)):
        found = part(torch.randn(*shape, 7, requires_grad=True))
        assert found.shape == (*shape, 3, chosen.width_of(settings, 9))
        found.sum().backward()


@pytest.mark.parametrize("kind", sorted(kinds_in(PLACE).keys() - {"shared_bottom"}))
def test_that_use_is_a_share_for_each_task(kind: str) -> None:
    chosen, settings = choose(Part(kind=kind), PLACE, "experts")
    part = chosen(settings, 7, 8, 3, 0.0)
    assert part.usage() is None
    part(torch.randn(5, 2, 7))
    used = part.usage()
    assert len(used) == 3
    torch.testing.assert_close(used.sum(1), torch.ones(3))
    assert SharedBottom(SharedBottomSettings(), 7, 8, 3, 0.0).usage() is None


def test_that_use_is_the_mean_gate_of_the_last_batch_by_hand() -> None:
    """Gates of (1, 0) and (0, 0): experts are taken for 1 / (1 + 1/e) = .731 and .269 in the first row, a half each in the second."""
    part = MMoE(MMoESettings(experts=2, hidden=3), 2, 4, 1, 0.0)
    part.gates.load_state_dict({"weight": torch.tensor([[1.0, 0.0], [0.0, 0.0]]), "bias": torch.zeros(2)})
    part(torch.tensor([[1.0, 0.0], [0.0, 5.0]]))
    used = part.usage()
    assert used is not None
    torch.testing.assert_close(used, torch.tensor([[(0.731059 + 0.5) / 2, (0.268941 + 0.5) / 2]]))


def expert(part: PLE, level: int, place: int, values: Tensor) -> Tensor:
    """What one of a level's experts makes of values `[rows, width]`; experts of the tasks first."""
    own = part.levels[level].experts
    hidden = functional.gelu(values @ own.layers[0].weight[place] + own.layers[0].bias[place])
    found: Tensor = hidden @ own.leave.weight[place] + own.leave.bias[place]
    return found


def test_that_levels_of_shared_and_own_experts_are_their_equations() -> None:
    """Two tasks with two own experts each (0, 1 and 2, 3) and a shared one (4), on two levels."""
    torch.manual_seed(0)
    part = PLE(PLESettings(levels=2, shared=1, own=2, hidden=5), 7, 4, 2, 0.0)
    values = torch.randn(6, 7)
    first = [expert(part, 0, place, values) for place in range(5)]
    told = []
    for task in range(2):
        gates = part.levels[0].gates
        weights = (values @ gates.weight[task] + gates.bias[task]).softmax(-1)
        told.append(weights[:, :1] * first[2 * task] + weights[:, 1:2] * first[2 * task + 1] + weights[:, 2:] * first[4])
    weights = part.levels[0].gate(values).softmax(-1)
    everybody = sum(weights[:, place : place + 1] * first[place] for place in range(5))
    shared = expert(part, 1, 4, everybody)
    for task in range(2):
        gates = part.levels[1].gates
        weights = (told[task] @ gates.weight[task] + gates.bias[task]).softmax(-1)
        own = [expert(part, 1, 2 * task + place, told[task]) for place in range(2)]
        torch.testing.assert_close(part(values)[:, task], weights[:, :1] * own[0] + weights[:, 1:2] * own[1] + weights[:, 2:] * shared)
    used = part.usage()
    assert used is not None
    assert (used == 0).tolist() == [[False, False, False, True, True], [False, True, True, False, False]]


def test_that_a_task_does_not_reach_the_own_experts_of_another() -> None:
    part = PLE(PLESettings(levels=1, shared=1, own=1, hidden=5), 7, 4, 2, 0.0)
    part(torch.randn(6, 7))[:, 0].square().sum().backward()
    reached = part.levels[0].experts.layers[0].weight.grad.abs().sum((1, 2)) > 0
    assert reached.tolist() == [True, False, True]  # own, the other's, shared
