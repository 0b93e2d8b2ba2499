"""Which of two."""

import math

import numpy as np
import pytest
import torch

from penchant.schema.errors import RecipeError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.contract import RankingTaskContract
from penchant.tasks.pairwise import Pairwise
from penchant.tasks.task import build
from tests.small_data import NOON, dataset

PART = TaskPart(kind="pairwise", label="chosen")
EVENTS = {
    "user_id": list("aaab"),
    "item_id": list("pqrs"),
    "timestamp": NOON + np.arange(4.0),
    "chosen": [1, 0, None, 1],
    "stars": [5, 5, 1, 1],
}


class TestPairwise(RankingTaskContract):
    part, labels, wrong, orders_only = PART, np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.0, 2.0]), True


def built(**settings: object) -> Pairwise:
    task: Pairwise = build("first", TaskPart.model_validate({"kind": "pairwise"} | settings), 4)
    return task


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_that_each_wanted_target_is_held_against_the_users_unwanted_ones_by_hand() -> None:
    output = torch.tensor([[2.0, 0.0, 1.0, 9.0], [1.0, 3.0, 0.0, 0.0]])
    label = torch.tensor([[1.0, 0.0, 0.0, 1.0], [1.0, 1.0, 0.0, 0.0]])
    known = torch.tensor([[True, True, True, False], [True, True, False, False]])  # the second user has no unwanted target that is known
    loss = built().mean_loss(output, label, known)
    assert loss is not None
    assert loss.item() == pytest.approx((softplus(-2.0) + softplus(-1.0)) / 2)
    assert built().mean_loss(output[1:], label[1:], known[1:]) is None


def test_that_drawn_items_that_the_user_wants_do_not_count() -> None:
    output, drawn = torch.tensor([1.0, 0.0, 5.0]), torch.tensor([[0.0, 2.0], [1.0, 1.0], [0.0, 0.0]])
    counted = torch.tensor([[True, True], [True, False], [False, False]])
    loss = built().drawn_loss(output, drawn, counted)
    assert loss is not None
    assert loss.item() == pytest.approx(((softplus(-1.0) + softplus(1.0)) / 2 + softplus(1.0)) / 2)
    assert built().drawn_loss(output[2:], drawn[2:], counted[2:]) is None


def test_that_only_tasks_against_the_catalogue_draw() -> None:
    assert built(negatives=7).negatives == 0
    assert built(negatives=7, against="catalogue").negatives == 7
    ones = torch.tensor([[1.0, 0.0]])
    assert built(against="catalogue").mean_loss(ones, ones, torch.ones(1, 2, dtype=torch.bool)) is None


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('label = "chosen"', [1, 0, np.nan, 1]),
        ('label = "chosen"\npositive_where = "stars > 3"', [1, 0, np.nan, 0]),
        ('positive_where = "stars > 3"', [1, 1, 0, 0]),
        ('against = "catalogue"', [1, 1, 1, 1]),
        ('against = "catalogue"\npositive_where = "stars > 3"\nonly_where = "missing(chosen) or chosen == 1"', [1, np.nan, 0, 0]),
    ],
)
def test_that_labels_say_what_is_wanted(lines: str, expected: list[float]) -> None:
    data = dataset(EVENTS, f'[tasks.first]\nkind = "pairwise"\n{lines}\n')
    np.testing.assert_array_equal(Pairwise.labels(data, "first"), np.array(expected, dtype=np.float32))


def test_that_what_is_shown_needs_a_label() -> None:
    with pytest.raises(RecipeError, match="task 'first', key 'label'"):
        Pairwise.labels(dataset(EVENTS, '[tasks.first]\nkind = "pairwise"\n'), "first")


def test_that_the_metric_is_the_order_within_users() -> None:
    metrics = built().metrics(np.array([1, 0, 1, 0]), np.array([0.2, 0.1, 0.9, 5.0]), np.array([3, 3, 8, 8]))
    assert metrics == {"grouped_auc": 0.5}
