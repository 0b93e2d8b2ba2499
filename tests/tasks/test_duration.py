"""How long, of which some is only known to be longer."""

import numpy as np
import pytest
import torch
from scipy.stats import lognorm

from penchant.schema.errors import DataError, RecipeError
from penchant.schema.sections.tasks import TaskPart
from penchant.tasks.contract import RankingTaskContract
from penchant.tasks.task import build, labelled
from tests.small_data import NOON, dataset

PART = TaskPart(kind="duration", label="watched", censored="left")


class TestDuration(RankingTaskContract):
    part, wrong, best = PART, np.array([[1.0, 0.0], [0.0, 0.0]]), 20.0  # the geometric mean of 10, 20 and 40
    labels = np.array([[10.0, 0.0], [20.0, 0.0], [40.0, 0.0]])


class TestDurationInMillisecondsOfWhichSomeWereCutOff(RankingTaskContract):
    part, wrong = PART, np.array([[-1.0, 1.0]])
    labels, best = np.array([[1e6, 0.0], [4e6, 0.0], [2e6, 1.0]]), 2.48e6  # by a grid search over location and scale, see below


def surprise(location: float, scale: float) -> float:
    """Of the labels above, by scipy."""
    of = lognorm(scale, scale=np.exp(location))
    return -float(of.logpdf([1e6, 4e6]).sum() + of.logsf(2e6))


def test_that_the_best_constant_of_the_contract_is_the_best_of_a_grid() -> None:
    locations, scales = np.log(np.linspace(2.3e6, 2.7e6, 41)), np.linspace(0.4, 0.8, 21)
    values = np.array([[surprise(location, scale) for scale in scales] for location in locations])
    best = np.exp(locations[values.min(axis=1).argmin()])
    assert best == pytest.approx(TestDurationInMillisecondsOfWhichSomeWereCutOff.best, rel=0.01)


def test_that_the_loss_is_the_surprise_of_a_log_normal_cut_off_or_not() -> None:
    task = build("watch", PART, 4)
    task.fit(np.array([[1, 0], [np.exp(2), 0]], dtype=np.float32))  # logs 0 and 2: mean 1, deviation 1
    with torch.no_grad():
        task.log_scale.fill_(np.log(0.5))
    label = torch.tensor([[3.0, 0.0], [3.0, 1.0], [50.0, 1.0]])
    loss = task.loss(torch.tensor([0.25, 0.25, 0.25]), label)  # location 1.25 in logs
    of = lognorm(0.5, scale=np.exp(1.25))
    assert loss.tolist() == pytest.approx([-(of.logpdf(3) + np.log(3)), -of.logsf(3), -of.logsf(50)], rel=1e-4)


def test_that_what_was_cut_off_pulls_the_prediction_up_and_not_to_itself() -> None:
    """Of exponential-like waits cut off at 10 the median is beyond that of the amounts, which are all at most 10."""
    random = np.random.default_rng(0)
    waited = np.exp(random.normal(2.5, 1.0, 4000))
    label = np.stack([np.minimum(waited, 10), waited > 10], axis=1).astype(np.float32)
    task = build("watch", PART, 4)
    task.fit(label)
    optimiser = torch.optim.Adam(task.parameters(), lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        task.loss(task(torch.zeros(4000, 4)), torch.from_numpy(label)).mean().backward()
        optimiser.step()
    assert float(task.predict(task(torch.zeros(4))).detach()) == pytest.approx(np.exp(2.5), rel=0.05)
    assert float((task.log_scale.exp() * task.deviation).detach()) == pytest.approx(1.0, rel=0.1)


def test_that_labels_are_amounts_and_where_the_end_was_not_seen() -> None:
    events = {
        "user_id": list("aab"),
        "item_id": list("pqr"),
        "timestamp": NOON + np.arange(3.0),
        "watched": [5.0, None, 7.0],
        "left": [1, 1, 0],
    }
    lines = '[tasks.watch]\nkind = "duration"\nlabel = "watched"\ncensored = "left == 1"\n'
    data = dataset(events, lines)
    task = build("watch", data.recipe.tasks["watch"], 4)
    labels = task.labels(data, "watch")
    np.testing.assert_array_equal(labels, np.array([[5, 1], [np.nan, 1], [7, 0]], dtype=np.float32))
    assert labelled(labels).tolist() == [True, False, True]
    without = dataset(events, lines.replace('censored = "left == 1"', ""))
    assert task.labels(without, "watch")[:, 1].tolist() == [0, 0, 0]


def test_that_only_durations_are_cut_off_and_none_is_0() -> None:
    with pytest.raises(RecipeError, match="must be of kind 'duration' when it has censored; found kind = 'binary'"):
        dataset({}, '[tasks.like]\nkind = "binary"\ncensored = "left"\n')
    with pytest.raises(DataError, match="label 'watched' of task 'x' must be above 0 and finite; found 0 in 1 of 2 rows"):
        build("x", PART, 4).fit(np.array([[1, 0], [0, 0]], dtype=np.float32))


def test_that_the_metrics_are_those_of_a_log_normal() -> None:
    task = build("x", PART, 4)
    task.fit(np.array([[1, 0], [np.exp(2), 0]], dtype=np.float32))
    label, prediction = np.array([[3.0, 0], [9.0, 1], [1.0, 0]]), np.array([4.0, 4.0, 2.0])
    metrics = task.metrics(label, prediction, np.zeros(3, dtype=int))
    assert metrics["mae"] == pytest.approx(1.0)
    assert metrics["concordance"] == pytest.approx(2.5 / 3)  # the 1 lies below both; of 3 and the cut off 9 the scores are equal
    expected = [lognorm(1.0, scale=4).logpdf(3), lognorm(1.0, scale=4).logsf(9), lognorm(1.0, scale=2).logpdf(1)]
    assert metrics["log_likelihood"] == pytest.approx(np.mean(expected), rel=1e-4)
