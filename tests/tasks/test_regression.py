"""An amount."""

import numpy as np
import pytest
import torch

from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.contract import RankingTaskContract
from penchant.tasks.task import build

PART = TaskPart(kind="regression", label="rating")


class TestRegression(RankingTaskContract):
    part, labels, wrong = PART, np.array([1.0, 5.0, 3.0, 4.0]), np.array([1.0, np.inf])


class TestRegressionWithinBounds(RankingTaskContract):
    part, labels = TaskPart.model_validate({"kind": "regression", "minimum": 1, "maximum": 5}), np.array([1.0, 5.0, 3.0, 4.0])


class TestRegressionOfAmountsFarFromZero(RankingTaskContract):
    part, labels = PART, np.array([1e6, 1.001e6, 1.002e6])


def test_that_predictions_are_in_the_labels_unit_and_the_loss_in_deviations() -> None:
    task = build("stars", PART, 4)
    task.fit(np.array([1, 5], dtype=np.float32))  # mean 3, deviation 2
    output = torch.tensor([0.0, 1.0, -1.0])
    assert task.predict(output).tolist() == [3, 5, 1]
    assert task.loss(output, torch.tensor([5.0, 5.0, 5.0])).tolist() == [0.5, 0.0, 2.0]


def test_that_bounds_hold_for_predictions_on_either_side_alone_or_together() -> None:
    output = torch.tensor([-1.0, 1.0])
    for bounds, expected in (
        ({}, [-1, 1]),
        ({"minimum": 0}, [0, 1]),
        ({"maximum": 0.5}, [-1, 0.5]),
        ({"minimum": 0, "maximum": 0.5}, [0, 0.5]),
    ):
        assert build("x", TaskPart.model_validate({"kind": "regression"} | bounds), 4).predict(output).tolist() == expected


def test_that_labels_that_never_change_are_predicted_as_they_are() -> None:
    task = build("x", PART, 4)
    task.fit(np.full(3, 4, dtype=np.float32))
    assert float(task.predict(task(torch.zeros(4))).detach()) == pytest.approx(4, abs=1e-4)


def test_that_infinite_labels_and_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(DataError, match="label 'rating' of task 'x' must be finite"):
        build("x", PART, 4).fit(np.array([1, np.inf], dtype=np.float32))
    with pytest.raises(RecipeError, match="minimum must be below maximum"):
        build("x", TaskPart.model_validate({"kind": "regression", "minimum": 2, "maximum": 1}), 4)


def test_that_the_metrics_are_errors_in_the_labels_unit() -> None:
    metrics = build("x", PART, 4).metrics(np.array([1.0, 2.0]), np.array([2.0, 4.0]), np.zeros(2, dtype=int))
    assert metrics == {"rmse": pytest.approx(np.sqrt(2.5)), "mae": 1.5}
