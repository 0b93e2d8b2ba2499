"""Several lines, mixed by what the vector says."""

import torch
from torch import nn

from penchant.features.feature import Form
from penchant.models.blocks.adaptor.experts import Experts, ExpertsSettings
from penchant.models.blocks.adaptor.linear import Linear, LinearSettings


def experts(many: int = 2, size: int = 1, width: int = 1, noise: bool = True) -> Experts:
    torch.manual_seed(0)
    return Experts(ExpertsSettings(experts=many, noise=noise), Form("vector", size), width)


def test_that_the_gate_mixes_the_experts() -> None:
    """By hand: experts 2x and 10x + 1, gate logits (x, 0): at x = 0 half of each, at x = 9 nearly all of the first."""
    part = experts().eval()
    told = {"experts.weight": torch.tensor([[2.0], [10.0]]), "experts.bias": torch.tensor([0.0, 1.0])}
    told |= {"gate.weight": torch.tensor([[1.0], [0.0]]), "gate.bias": torch.zeros(2)}
    part.load_state_dict(told, strict=False)
    found = part(torch.tensor([[0.0], [9.0]]))[:, 0]
    share = torch.tensor(9.0).sigmoid()
    torch.testing.assert_close(found, torch.stack([torch.tensor(0.5), share * 18 + (1 - share) * 91]))


def test_that_each_vector_decides_for_itself_in_any_shape() -> None:
    part = experts(3, 5, 4).eval()
    nn.init.normal_(part.gate.weight)
    vectors = torch.randn(2, 7, 5)
    torch.testing.assert_close(part(vectors)[1, 3], part(vectors[1, 3]))
    torch.testing.assert_close(part.weights(vectors).sum(-1), torch.ones(2, 7))


def test_that_only_training_shakes_the_gate() -> None:
    part, vectors = experts(3, 5, 4), torch.randn(6, 5)
    assert not torch.equal(part.train().weights(vectors), part.weights(vectors))
    assert torch.equal(part.eval().weights(vectors), part.weights(vectors))
    assert torch.equal(experts(3, 5, 4, noise=False).train().weights(vectors), torch.full((6, 3), 1 / 3))


def test_that_it_begins_as_long_as_a_line_would_and_quieter_when_told() -> None:
    vectors = torch.randn(400, 256)
    part, line = experts(8, 256, 64).eval(), Linear(LinearSettings(), Form("vector", 256), 64)
    ratio = part(vectors).norm() / line(vectors).norm()
    assert 0.8 < ratio < 1.25
    before, gate = part(vectors), part.gate.weight.clone()
    nn.init.ones_(part.gate.bias)
    part.quieten(0.1)
    torch.testing.assert_close(part(vectors), before / 10)
    assert torch.equal(part.gate.weight, gate)


def test_that_what_no_line_can_do_is_learnt() -> None:
    """|x|: one expert falls, the other rises, and the gate tells the sides apart; a line's best guess is the mean."""
    part = experts(2, 1, 1, noise=False)
    vectors = torch.linspace(-1, 1, 64).unsqueeze(1)
    optimiser = torch.optim.Adam(part.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        (part(vectors) - vectors.abs()).square().mean().backward()
        optimiser.step()
    assert (part(vectors) - vectors.abs()).square().mean() < 0.1 * vectors.abs().var()
