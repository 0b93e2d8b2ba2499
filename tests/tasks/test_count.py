"""How often."""

import numpy as np
import pytest
import torch
from scipy.stats import nbinom

from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.contract import RankingTaskContract
from penchant.tasks.task import build

PART = TaskPart(kind="count", label="plays")


class TestCount(RankingTaskContract):
    part, labels, wrong = PART, np.array([0.0, 7.0, 1.0, 0.0, 2.0]), np.array([1.0, -1.0])


class TestCountOfPartsOfThings(RankingTaskContract):
    part, labels, wrong = PART, np.array([3.0, 4.0, 3.0]), np.array([1.0, 1.5])


def test_that_the_loss_is_the_surprise_of_a_negative_binomial() -> None:
    task = build("plays", PART, 4)
    with torch.no_grad():
        task.log_dispersion.fill_(np.log(2.5))
    mean, count = 3.0, np.array([0, 1, 4, 40])
    loss = task.loss(torch.full((4,), np.log(mean)), torch.tensor(count, dtype=torch.float32))
    assert loss.tolist() == pytest.approx(-nbinom.logpmf(count, 2.5, 2.5 / (2.5 + mean)), rel=1e-4)


def test_that_the_dispersion_is_learnt() -> None:
    """Counts drawn with mean 5 and dispersion 0.8 have variance 5 + 25 / 0.8; a Poisson's would be 5."""
    counts = np.random.default_rng(0).negative_binomial(0.8, 0.8 / 5.8, size=4000).astype(np.float32)
    task = build("plays", PART, 4)
    task.fit(counts)
    with torch.no_grad():
        task.log_dispersion.fill_(2.0)
    optimiser = torch.optim.Adam(task.parameters(), lr=0.1)
    for _ in range(150):
        optimiser.zero_grad()
        task.loss(task(torch.zeros(4000, 4)), torch.from_numpy(counts)).mean().backward()
        optimiser.step()
    assert float(task.log_dispersion.detach().exp()) == pytest.approx(0.8, rel=0.1)


def test_that_predictions_are_expected_counts_and_utilities_their_logs() -> None:
    task = build("plays", PART, 4)
    task.fit(np.array([0, 6], dtype=np.float32))
    assert float(task.predict(task(torch.zeros(4))).detach()) == pytest.approx(3)
    output = torch.tensor([0.0, np.log(2.0), 99.0])
    assert task.predict(output).tolist() == pytest.approx([1, 2, 60])  # ten times the largest
    assert task.utility(output).tolist() == output.tolist()


def test_that_what_is_no_count_is_refused() -> None:
    with pytest.raises(DataError, match=r"label 'plays' of task 'x' must be a whole number from 0 on; found 1\.5 in 1 of 2 rows"):
        build("x", PART, 4).fit(np.array([1, 1.5], dtype=np.float32))


def test_that_the_metrics_are_deviance_and_errors() -> None:
    metrics = build("x", PART, 4).metrics(np.array([2.0, 0.0]), np.array([1.0, 3.0]), np.zeros(2, dtype=int))
    assert metrics == {"deviance": pytest.approx((4 * np.log(2) - 2 + 6) / 2), "mae": 2.0, "rmse": pytest.approx(np.sqrt(5))}
