"""Ordered classes."""

import math

import numpy as np
import pytest
import torch

from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.contract import RankingTaskContract
from penchant.tasks.task import build

PART = TaskPart(kind="ordinal", label="stars")


class TestOrdinal(RankingTaskContract):
    part, labels, wrong = PART, np.array([1.0, 5.0, 3.0, 4.0, 4.0, 1.0]), np.array([1.0, np.inf])


class TestOrdinalOfTwoClasses(RankingTaskContract):
    part, labels, wrong = PART, np.array([0.0, 1.0, 1.0]), np.arange(51.0)


def test_that_it_starts_at_the_shares_of_the_classes() -> None:
    task = build("stars", PART, 4)
    task.fit(np.array([1, 2, 2, 5], dtype=np.float32))
    start = task(torch.zeros(4))
    assert task.chances(start).tolist() == pytest.approx([0.25, 0.5, 0.25])
    assert float(task.predict(start).detach()) == pytest.approx(2.5)  # 1/4 of 1 and 5, 1/2 of 2


def test_that_loss_and_expectation_are_those_of_the_cumulative_link_by_hand() -> None:
    """Thresholds -1 and +1: P(> 1) = sigmoid(s + 1), P(> 2) = sigmoid(s - 1)."""
    task = build("stars", PART, 4)
    share = 1 / (1 + math.e)  # sigmoid(-1)
    task.fit(np.repeat([1.0, 2.0, 4.0], [100_000 * share, 100_000 * (1 - 2 * share), 100_000 * share]).astype(np.float32))
    score = torch.tensor([0.0, 2.0])
    sigmoid = [1 / (1 + math.exp(-x)) for x in (1.0, -1.0, 3.0, 1.0)]
    assert task.predict(score).tolist() == pytest.approx([1 + sigmoid[0] + 2 * sigmoid[1], 1 + sigmoid[2] + 2 * sigmoid[3]], abs=1e-3)
    loss = task.loss(score.repeat(3), torch.tensor([1.0, 1.0, 2.0, 2.0, 4.0, 4.0]))
    chances = [1 - sigmoid[0], 1 - sigmoid[2], sigmoid[0] - sigmoid[1], sigmoid[2] - sigmoid[3], sigmoid[1], sigmoid[3]]
    assert loss.tolist() == pytest.approx([-math.log(chance) for chance in chances], abs=1e-3)


def test_that_the_chances_of_all_classes_are_one() -> None:
    task = build("stars", PART, 4)
    task.fit(np.arange(10, dtype=np.float32))
    chances = task.chances(torch.linspace(-20, 20, 9))
    assert chances.shape == (9, 10)
    torch.testing.assert_close(chances.sum(-1), torch.ones(9))


def test_that_the_thresholds_learn_which_classes_are_rare() -> None:
    """A class whose share the start does not know is found by descending the loss: the thresholds move, not only the score."""
    task = build("stars", PART, 4)
    task.fit(np.array([1, 2, 3], dtype=np.float32))
    label = torch.tensor([1.0] * 9 + [2.0] + [3.0] * 10)
    optimiser = torch.optim.Adam(task.parameters(), lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        task.loss(task(torch.zeros(20, 4)), label).mean().backward()
        optimiser.step()
    assert task.chances(task(torch.zeros(4))).tolist() == pytest.approx([0.45, 0.05, 0.5], abs=0.01)


def test_that_one_class_alone_is_predicted_as_it_is() -> None:
    task = build("stars", PART, 4)
    task.fit(np.full(3, 4, dtype=np.float32))
    output = torch.tensor([-3.0, 0.0, 3.0])
    assert task.predict(output).tolist() == [4, 4, 4]
    assert task.loss(output, torch.full((3,), 4.0)).tolist() == [0, 0, 0]


def test_that_what_is_no_class_is_refused() -> None:
    with pytest.raises(DataError, match="label 'stars' of task 'x' must be one of 50 classes at most; found 51 different values"):
        build("x", PART, 4).fit(np.arange(51, dtype=np.float32))
    with pytest.raises(DataError, match="label 'stars' of task 'x' must be finite; found inf in 1 of 2 rows"):
        build("x", PART, 4).fit(np.array([1, np.inf], dtype=np.float32))


def test_that_the_metrics_are_errors_in_the_labels_unit_and_the_share_of_nearest_classes() -> None:
    metrics = build("x", PART, 4).metrics(np.array([1.0, 2.0, 5.0]), np.array([1.4, 4.0, 4.0]), np.zeros(3, dtype=int))
    assert metrics == {"rmse": pytest.approx(np.sqrt(5.16 / 3)), "mae": pytest.approx(3.4 / 3), "accuracy": pytest.approx(2 / 3)}
