"""Shared bottom and mixture of experts against their equations."""

import torch
from torch.nn import functional

from penchant.models.blocks.experts import MMoE, MMoESettings, SharedBottom, SharedBottomSettings


def test_that_a_mixture_is_its_equation() -> None:
    torch.manual_seed(0)
    part = MMoE(MMoESettings(experts=3, hidden=5), 7, 4, 2, 0.0)
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


def test_that_layers_of_a_list_may_be_asked_for_any_shape() -> None:
    for hidden in (6, (6,), (6, 5, 4)):
        for kind, settings in ((MMoE, MMoESettings(hidden=hidden)), (SharedBottom, SharedBottomSettings(hidden=hidden))):
            part = kind(settings, 7, 9, 2, 0.1, "relu")
            assert part(torch.randn(2, 3, 4, 7)).shape == (2, 3, 4, 2, kind.width_of(settings, 9))
