"""Logistic regression."""

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.linear_model import LogisticRegression

from penchant.training.logistic import logistic_regression


def rows(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(500, 2))
    chance = 1 / (1 + np.exp(-(1.5 * inputs[:, 0] - 0.7 * inputs[:, 1] - 0.5)))
    return inputs, (random.random(500) < chance).astype(float)


def test_that_it_is_that_of_scikit_learn() -> None:
    inputs, label = rows()
    reference = LogisticRegression(C=np.inf, tol=1e-8).fit(inputs, label)
    found = logistic_regression(inputs, label, np.zeros(3), 0.0, -np.inf)
    assert found == pytest.approx([*reference.coef_[0], reference.intercept_[0]], abs=1e-3)


def test_that_it_is_drawn_towards_its_start_and_stays_there_without_rows() -> None:
    inputs, label = rows()
    start = np.array([3.0, 3.0, 3.0])
    free, held, tied = (logistic_regression(inputs, label, start, ridge, -np.inf) for ridge in (0.0, 50.0, 1e9))
    assert (np.abs(held - start) < np.abs(free - start)).all()
    assert tied == pytest.approx(start, abs=1e-3)
    assert logistic_regression(inputs[:0], label[:0], start, 1.0, 0.0).tolist() == start.tolist()


def test_that_no_coefficient_but_the_offset_falls_below_the_bound() -> None:
    inputs, label = rows()
    found = logistic_regression(inputs, label, np.zeros(3), 0.0, 0.0)
    alone = logistic_regression(inputs[:, :1], label, np.zeros(2), 0.0, 0.0)
    assert found[1] == 0
    assert found[2] < 0
    assert found[[0, 2]] == pytest.approx(alone, abs=1e-3)


def test_that_a_ridge_of_ten_weighs_as_ten_rare_positives_do() -> None:
    """With 10 positives among very many the offset moves about halfway from the start to its own."""
    label = np.zeros(100_000)
    label[:10] = 1
    start = np.log(40 / 100_000)  # four times as many were expected
    own = np.log(10 / 100_000)
    found = logistic_regression(np.zeros((100_000, 0)), label, np.array([start]), 10.0, 0.0)[0]
    assert 0.3 < (found - start) / (own - start) < 0.9


def test_that_the_ridge_balances_the_rows_where_the_derivative_says() -> None:
    """30 of 100 rows, an offset alone, drawn to 1 by a ridge of 10: 100 σ(b) − 30 + 10 (b − 1) = 0."""
    label = np.repeat([1.0, 0.0], [30, 70])
    found = logistic_regression(np.zeros((100, 0)), label, np.array([1.0]), 10.0, 0.0)[0]
    assert found == pytest.approx(brentq(lambda b: 100 / (1 + np.exp(-b)) - 30 + 10 * (b - 1), -5, 5), abs=1e-4)
