"""Tables fitted row by row: the fused kernel, plain torch and the definition on a whole table give the same rows."""

import numpy as np
import pytest
import torch

from penchant.models.blocks.row_table import EPSILON, STEP, RowTable, fbgemm

RATE = 0.02
PATHS = [pytest.param(True, marks=pytest.mark.skipif(fbgemm() is None, reason="FBGEMM is not installed")), False]


def table(fused: bool, still: int | None = 0) -> RowTable:
    made = RowTable(50, 4, still=still, fused=fused)
    with torch.no_grad():
        made.weight.copy_(torch.randn(50, 4, generator=torch.Generator().manual_seed(3)))
        made.weight[0] = 0
    return made


def steps(count: int = 6) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Rows asked for, some of them several times and the unknown row among them, and what the loss makes of each."""
    random = torch.Generator().manual_seed(5)
    return [(torch.randint(0, 12, (3, 8), generator=random), torch.randn(3, 8, 4, generator=random)) for _ in range(count)]


def fit(made: RowTable, given: list[tuple[torch.Tensor, torch.Tensor]]) -> RowTable:
    for rows, told in given:
        made.begin(RATE)
        (made(rows) * told).sum().backward()
        made.finish()
    return made


def by_definition(start: torch.Tensor, given: list[tuple[torch.Tensor, torch.Tensor]]) -> tuple[np.ndarray, np.ndarray]:
    """Row-wise Adagrad on the whole table, row by row in float64."""
    weight, squares = start.double().numpy().copy(), np.zeros(len(start))
    for rows, told in given:
        gradient = np.zeros_like(weight)
        np.add.at(gradient, rows.numpy().ravel(), told.double().numpy().reshape(-1, weight.shape[1]))
        gradient[0] = 0
        squares += (gradient**2).mean(axis=1)
        weight -= RATE * STEP * gradient / (np.sqrt(squares) + EPSILON)[:, None]
    return weight, squares


@pytest.mark.parametrize("fused", PATHS)
def test_that_rows_move_as_the_definition_says(fused: bool) -> None:
    made = fit(table(fused), steps())
    weight, squares = by_definition(table(fused).weight.detach(), steps())
    np.testing.assert_allclose(made.weight.detach().numpy(), weight, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made.squares.numpy(), squares, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fused", PATHS)
def test_that_one_step_is_as_on_paper(fused: bool) -> None:
    """A gradient of (3, 4, 0, 0) from two places: mean square 25 / 4, root 2.5, so the row moves by rate * step * (1.2, 1.6, 0, 0)."""
    made = table(fused)
    before = made.weight.detach().clone()
    made.begin(RATE)
    (made(torch.tensor([7, 7])) * torch.tensor([[1.0, 4.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]])).sum().backward()
    made.finish()
    moved = (before - made.weight.detach())[7] / (RATE * STEP)
    torch.testing.assert_close(moved, torch.tensor([1.2, 1.6, 0.0, 0.0]), atol=1e-4, rtol=1e-4)
    assert float(made.squares[7]) == pytest.approx(6.25)
    rest = torch.arange(50) != 7
    assert torch.equal(made.weight.detach()[rest], before[rest])
    assert not made.squares[rest].any()


@pytest.mark.parametrize("fused", PATHS)
def test_that_each_step_has_its_own_rate(fused: bool) -> None:
    """The same gradient of ones twice: the state is 1 and then 2; at a tenth of the rate the second step is 1 / (10 * sqrt(2)) as long."""
    made, moved = table(fused), []
    for rate in (RATE, RATE / 10):
        before = made.weight.detach().clone()
        made.begin(rate)
        made(torch.tensor([7])).sum().backward()
        made.finish()
        moved.append(float((before - made.weight.detach())[7, 0]))
    assert moved == pytest.approx([RATE * STEP, RATE * STEP / (10 * 2**0.5)], rel=1e-3)


@pytest.mark.parametrize("fused", PATHS)
def test_that_the_unknown_row_stays_nothing(fused: bool) -> None:
    assert not fit(table(fused), steps()).weight[0].any()


@pytest.mark.parametrize("fused", PATHS)
def test_that_every_row_moves_where_none_is_to_stay(fused: bool) -> None:
    assert fit(table(fused, still=None), steps()).weight[0].all()


def test_that_a_table_asked_twice_in_a_step_makes_one_step_of_both() -> None:
    made, other = table(False), table(False)
    made.begin(RATE)
    (made(torch.tensor([3, 5])).sum() + made(torch.tensor([5])).sum()).backward()
    made.finish()
    fit(other, [(torch.tensor([3, 5, 5]), torch.ones(3, 4))])
    torch.testing.assert_close(made.weight, other.weight)


@pytest.mark.parametrize("fused", PATHS)
def test_that_answering_changes_nothing(fused: bool) -> None:
    made = table(fused)
    before = made.weight.detach().clone()
    with torch.no_grad():
        made(torch.tensor([1, 2]))
    made.eval()
    assert torch.equal(made(torch.tensor([[1, 2]]))[0], before[1:3])
    made.begin(RATE)
    made.finish()
    assert torch.equal(made.weight.detach(), before)


@pytest.mark.skipif(fbgemm() is None, reason="FBGEMM is not installed")
def test_that_one_path_goes_on_where_the_other_stopped() -> None:
    whole, half = fit(table(True), steps()), fit(table(True), steps()[:3])
    other = table(False)
    other.load_state_dict(half.state_dict())
    other.squares.copy_(half.squares)
    fit(other, steps()[3:])
    torch.testing.assert_close(other.weight, whole.weight, rtol=1e-4, atol=1e-5)


def test_that_no_gradient_as_large_as_the_table_is_ever_made() -> None:
    made = fit(table(False), steps())
    assert made.weight.grad is None
    assert not made.weight.requires_grad


def test_that_what_is_saved_is_the_weights_alone() -> None:
    assert list(table(False).state_dict()) == ["weight"]
