"""Products of small matrices where they lie: the numbers and gradients of torch's own, written out one after the other."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor

from penchant.models.blocks import side_by_side as part
from penchant.models.blocks.side_by_side import mixture, rectified, side_by_side

EXPERTS, ROWS, IN, OUT, TASKS = 3, 5, 4, 6, 2


def leaf(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def gradients(found: Tensor, of: list[Tensor]) -> list[Tensor]:
    told = torch.randn(found.shape, generator=torch.Generator().manual_seed(9), dtype=found.dtype)
    return list(torch.autograd.grad((found * told).sum(), of))


def test_that_each_layer_multiplies_its_own_input() -> None:
    """One expert on paper: (1, 2) times ((1, 0), (3, -1)) plus (10, 20) is (17, 18)."""
    values, weight = torch.tensor([[[1.0, 2.0]], [[0.0, 0.0]]]), torch.tensor([[[1.0, 0.0], [3.0, -1.0]], [[5.0, 5.0], [5.0, 5.0]]])
    bias = torch.tensor([[[10.0, 20.0]], [[1.0, 2.0]]])
    assert side_by_side(values, weight, bias).tolist() == [[[17.0, 18.0]], [[1.0, 2.0]]]


@pytest.mark.parametrize("interleaved", [False, True])
def test_that_products_side_by_side_are_a_batched_product(interleaved: bool) -> None:
    given = [leaf(ROWS, EXPERTS, IN, seed=1) if interleaved else leaf(EXPERTS, ROWS, IN, seed=1)]
    given += [leaf(EXPERTS, IN, OUT, seed=2), leaf(EXPERTS, 1, OUT, seed=3)]

    def values() -> Tensor:
        return given[0].transpose(0, 1) if interleaved else given[0]

    found, expected = side_by_side(values(), *given[1:]), torch.baddbmm(given[2], values(), given[1])
    torch.testing.assert_close(found, expected)
    for one, other in zip(gradients(found, given), gradients(expected, given), strict=True):
        torch.testing.assert_close(one, other)


def test_that_a_mixture_is_the_weighted_sum() -> None:
    weights, experts = leaf(ROWS, TASKS, EXPERTS, seed=4), leaf(EXPERTS, ROWS, OUT, seed=5)
    found, expected = mixture(weights, experts), torch.einsum("rte,erw->rtw", weights, experts)
    assert found.shape == (ROWS, TASKS, OUT)
    torch.testing.assert_close(found, expected)
    for one, other in zip(gradients(found, [weights, experts]), gradients(expected, [weights, experts]), strict=True):
        torch.testing.assert_close(one, other)


def stacks(*sizes: int) -> list[Tensor]:
    """Values `[rows, sizes[0]]`, and of each layer a weight, torch's own way round or transposed by turns, and a bias."""
    made = [leaf(ROWS, sizes[0], seed=6)]
    for place, (one, other) in enumerate(pairwise(sizes)):
        made += [leaf(EXPERTS, *((one, other) if place % 2 else (other, one)), seed=7 + place), leaf(EXPERTS, other, seed=17 + place)]
    return made


def written_out(values: Tensor, weights: list[Tensor], biases: list[Tensor]) -> Tensor:
    found = []
    for place in range(EXPERTS):
        read = values
        for weight, bias in zip(weights, biases, strict=True):
            read = torch.relu(torch.nn.functional.linear(read, weight[place], bias[place]))
        found.append(read)
    return torch.stack(found)


@pytest.mark.parametrize("sizes", [(4, 6), (4, 6, 5), (4, 6, 5, 3)])
def test_that_rectified_stacks_are_linear_layers_and_relus(sizes: tuple[int, ...]) -> None:
    given = stacks(*sizes)

    def parts() -> tuple[Tensor, list[Tensor], list[Tensor]]:
        return given[0], [w.transpose(1, 2) if place % 2 else w for place, w in enumerate(given[1::2])], given[2::2]

    found, expected = torch.stack(rectified(*parts())), written_out(*parts())
    assert (expected == 0).any()
    assert (expected > 0).any()
    torch.testing.assert_close(found, expected)
    for one, other in zip(gradients(found, given), gradients(expected, given), strict=True):
        torch.testing.assert_close(one, other)


def half() -> tuple[Tensor, list[Tensor], list[Tensor]]:
    random = torch.Generator().manual_seed(1)
    sizes = [(64, 32), (2, 48, 32), (2, 16, 48), (2, 48), (2, 16)]
    values, one, other, *biases = (torch.randn(*size, generator=random).bfloat16().requires_grad_() for size in sizes)
    return values, [one, other], biases


def test_that_the_fused_product_and_the_plain_one_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    found = rectified(*half())
    monkeypatch.setattr(part.torch.backends.mkldnn, "is_available", lambda: False)
    torch.testing.assert_close(found, rectified(*half()), rtol=2e-2, atol=5e-1)


def test_that_half_precision_is_asked_for_by_the_circumstances_and_gradients_come_back_whole() -> None:
    values, weight, bias = torch.randn(7, 4), torch.randn(2, 6, 4, requires_grad=True), torch.randn(2, 6, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = rectified(values, [weight], [bias])
    assert found.dtype == torch.bfloat16
    found.float().sum().backward()
    assert weight.grad is not None
    assert weight.grad.dtype == torch.float32
