"""Each balance by numbers on paper: two tasks that share two numbers x, and pull at them as they are told to."""

import math
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from penchant.fitting.balance.balance import Balance, cosines, gradients
from penchant.schema.kinds import choose, kinds_in
from penchant.schema.sections.part import Part

KINDS = ("equal", "famo", "fixed", "uncertainty")


def balance(kind: str, weights: Mapping[str, float] | None = None, **settings: Any) -> Balance:
    chosen, own = choose(Part(kind=kind, **settings), "penchant.fitting.balance", "training.balance")
    made: Balance = chosen(own, weights or {"like": 1.0, "buy": 1.0})
    return made


class Toy:
    """Losses `a . x` and `b . x` of a shared representation x = (1, 1) + shift, and a number of each task's own, 0 at first."""

    def __init__(self, like: tuple[float, float], buy: tuple[float, float]) -> None:
        self.pulls = {"like": torch.tensor(like), "buy": torch.tensor(buy)}
        self.shift = nn.Parameter(torch.zeros(2))
        self.own = {name: nn.Parameter(torch.zeros(())) for name in self.pulls}

    def losses(self) -> dict[str, Tensor]:
        return {name: pull @ (1 + self.shift) + self.own[name] for name, pull in self.pulls.items()}

    def step(self, kind: Balance, rate: float = 0.0) -> list[float]:
        """One step with so much of the gradient; gives the gradient of the shift."""
        kind.backward(self.losses())
        assert self.shift.grad is not None
        found: list[float] = self.shift.grad.tolist()
        with torch.no_grad():
            self.shift -= rate * self.shift.grad
        self.shift.grad = None
        with torch.no_grad():
            kind.settle(lambda: self.losses())
        return found


def test_that_all_kinds_are_found_by_name() -> None:
    assert tuple(sorted(kinds_in("penchant.fitting.balance"))) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_that_every_balance_bears_a_task_without_loss_and_a_batch_without_any(kind: str) -> None:
    made, toy = balance(kind), Toy((3.0, 4.0), (1.0, 0.0))
    made.backward({"buy": toy.losses()["buy"]})
    with torch.no_grad():
        made.settle(lambda: {"buy": toy.losses()["buy"]})
    assert toy.shift.grad is not None
    assert toy.shift.grad[0] > 0
    assert toy.own["like"].grad is None
    made.backward({})
    made.settle(dict)


@pytest.mark.parametrize("kind", KINDS)
def test_that_what_a_balance_learnt_can_be_carried_over(kind: str) -> None:
    one, other = balance(kind), balance(kind)
    for _ in range(3):
        Toy((3.0, 4.0), (1.0, 0.0)).step(one, rate=0.1)
    other.load_state_dict(one.state_dict())
    if one.optimiser is not None:
        assert other.optimiser is not None
        other.optimiser.load_state_dict(deepcopy(one.optimiser.state_dict()))
    found = [Toy((3.0, 4.0), (1.0, 0.0)).step(each, rate=0.1) for each in (one, other)]
    assert found[0] == found[1]
    assert all(torch.equal(one.state_dict()[name], value) for name, value in other.state_dict().items())


def test_that_equal_counts_each_loss_once_and_fixed_as_the_recipe_weighs_it() -> None:
    """Pulls (3, 4) and (1, 0): (4, 4) together, and (0.5 * 3 + 2 * 1, 0.5 * 4) with weights of 0.5 and 2."""
    weights = {"like": 0.5, "buy": 2.0}
    assert Toy((3.0, 4.0), (1.0, 0.0)).step(balance("equal", weights)) == [4.0, 4.0]
    assert Toy((3.0, 4.0), (1.0, 0.0)).step(balance("fixed", weights)) == [3.5, 2.0]
    assert Toy((3.0, 4.0), (1.0, 0.0)).step(balance("fixed")) == [4.0, 4.0]
    assert Toy((3.0, 4.0), (1.0, 0.0)).step(balance("fixed", {"like": 0.0, "buy": 1.0})) == [1.0, 0.0]


def test_that_uncertainty_descends_the_formula() -> None:
    """With s = log 2 for a loss of 7: 7 / 2 + log(2) / 2, whose slope by s is -7 / 2 + 1 / 2."""
    made = balance("uncertainty")
    with torch.no_grad():
        made.get_parameter("log_variance")[0] = math.log(2)
    losses = {"like": torch.tensor(7.0, requires_grad=True)}
    made.backward(losses)
    assert losses["like"].grad is not None
    assert float(losses["like"].grad) == pytest.approx(0.5)
    slope = made.get_parameter("log_variance").grad
    assert slope is not None
    assert slope.tolist() == pytest.approx([-3.0, 0.0])


def test_that_uncertainty_rests_where_each_weighted_loss_is_a_half() -> None:
    made = balance("uncertainty", learning_rate=0.05)
    for _ in range(600):
        made.backward({"like": torch.tensor(4.0), "buy": torch.tensor(0.1)})
        made.settle(dict)
    assert (-made.get_parameter("log_variance")).exp().tolist() == pytest.approx([1 / 8, 1 / 0.2], rel=0.02)


def test_that_famo_descends_log_losses_by_its_weights() -> None:
    """Losses 7 and 1 at equal weights: z / loss is 1/14 and 1/2, normed 1/8 and 7/8; times the pulls (3, 4) and (1, 0)."""
    assert Toy((3.0, 4.0), (1.0, 0.0)).step(balance("famo")) == pytest.approx([3 / 8 + 7 / 8, 4 / 8])


def test_that_famo_turns_to_the_task_whose_loss_fell_least() -> None:
    """x goes to (0.75, 0.9): the losses fall from 7 to 5.85, by 16 %, and from 1 to 0.75, by 25 %. Adam's first step is its rate."""
    made = balance("famo", decay=0.0)
    Toy((3.0, 4.0), (1.0, 0.0)).step(made, rate=0.2)
    assert made.get_parameter("logits").tolist() == pytest.approx([0.025, -0.025], rel=1e-3)


def test_that_gradients_are_taken_by_all_shared_tensors_and_are_nothing_where_a_task_does_not_look() -> None:
    x, y = torch.ones(2, requires_grad=True), torch.ones(1, requires_grad=True)
    found = gradients({"like": (2 * x).sum(), "buy": (3 * y).sum()}, [x, y])
    assert found.tolist() == [[2.0, 2.0, 0.0], [0.0, 0.0, 3.0]]


def test_that_cosines_tell_agreement_from_conflict() -> None:
    found = cosines(torch.tensor([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [0.0, 0.0]]))
    expected = [[1.0, -1.0, 0.0, 0.0], [-1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
    assert found.tolist() == expected
