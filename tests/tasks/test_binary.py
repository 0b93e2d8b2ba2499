"""Yes or no."""

import math

import numpy as np
import pytest
import torch

from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.contract import RankingTaskContract
from penchant.tasks.task import build

PART = TaskPart(kind="binary", label="liked")


class TestBinary(RankingTaskContract):
    part, labels, wrong = PART, np.array([0.0, 1.0, 1.0, 0.0, 1.0]), np.array([0.0, 2.0])


def test_that_the_loss_is_cross_entropy_by_hand() -> None:
    task = build("like", PART, 4)
    output = torch.tensor([0.0, math.log(3), math.log(3), -1000.0])  # probabilities 1/2, 3/4, 3/4, 0
    loss = task.loss(output, torch.tensor([1.0, 1.0, 0.0, 1.0]))
    assert loss.tolist() == pytest.approx([math.log(2), math.log(4 / 3), math.log(4), 1000.0])
    assert task.predict(output).tolist() == pytest.approx([0.5, 0.75, 0.75, 0.0])


def test_that_it_starts_at_the_rate_of_the_labels() -> None:
    task = build("like", PART, 4)
    task.fit(np.array([1, 0, 0, 0], dtype=np.float32))
    assert float(task.predict(task(torch.zeros(4))).detach()) == pytest.approx(0.25)
    task.fit(np.ones(3, dtype=np.float32))  # a rate of 1 would be an infinite bias
    assert 0.99 < float(task.predict(task(torch.zeros(4))).detach()) < 1


def test_that_a_label_other_than_yes_or_no_is_counted_and_located() -> None:
    labels = np.zeros(10_000, dtype=np.float32)
    labels[[31, 500]] = 2
    with pytest.raises(DataError) as error:
        build("conversion", TaskPart(kind="binary", label="buy"), 4).fit(labels)
    assert str(error.value).startswith(
        "label 'buy' of task 'conversion' must be 0 or 1; found 2 in 2 of 10,000 rows, first at training row 31."
    )


def test_that_the_metrics_are_those_of_the_predictions() -> None:
    label, prediction = np.array([0, 1, 1, 0]), np.array([0.1, 0.8, 0.4, 0.5])
    metrics = build("like", PART, 4).metrics(label, prediction, np.zeros(4, dtype=int))
    assert metrics["auc"] == 0.75  # three of four pairs in order
    assert metrics["log_loss"] == pytest.approx(-np.mean(np.log([0.9, 0.8, 0.4, 0.5])))
