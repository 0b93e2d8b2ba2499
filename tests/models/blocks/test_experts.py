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
