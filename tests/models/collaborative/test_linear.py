"""EASE, PureSVD and ALS against what their papers define, solved another way."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.collaborative import ease
from penchant.models.collaborative.als import ALS
from penchant.models.collaborative.ease import EASE
from penchant.models.collaborative.pure_svd import PureSVD
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.errors import DataError
from tests.small_data import NOON, dataset, two_worlds

USERS, ITEMS = 20, 11


def bought() -> tuple[Dataset, NDArray[np.float64]]:
    """Events, some of them twice, and the matrix of who had what."""
    random = np.random.default_rng(5)
    matrix = (random.random((USERS, ITEMS)) < 0.4).astype(float)
    matrix[np.arange(ITEMS), np.arange(ITEMS)] = 1  # every item
    matrix[:, 0] = 1  # every user
    user, item = (np.concatenate([each, each[:9]]) for each in np.nonzero(matrix))
    events = {
        "user_id": [f"u{number:02}" for number in user],
        "item_id": [f"i{number:02}" for number in item],
        "timestamp": NOON + np.arange(len(user)),
    }
    return dataset(events), matrix


def scores(model: Recommender) -> NDArray[np.float32]:
    """Of every user for every item."""
    users = model.log_.users["user_id"].to_list()
    return model.scores(Queries.now(model.log_, users, pl.DataFrame({"timestamp": [NOON + 999] * len(users)})))


def test_that_ease_is_a_ridge_regression_of_each_item_on_all_others() -> None:
    data, matrix = bought()
    model = EASE(regularisation=2.0).fit(data)
    for item in range(ITEMS):
        others = np.delete(np.arange(ITEMS), item)
        inputs = matrix[:, others]
        weights = np.linalg.solve(inputs.T @ inputs + 2 * np.eye(ITEMS - 1), inputs.T @ matrix[:, item])
        np.testing.assert_allclose(model.weights_[others, item], weights, atol=1e-5)
    assert not model.weights_.diagonal().any()
    np.testing.assert_allclose(scores(model), matrix @ model.weights_, atol=1e-5)


def test_that_users_with_many_items_can_count_less_in_ease() -> None:
    data, matrix = bought()
    weighted = matrix * matrix.sum(axis=1)[:, None] ** -0.6
    inputs = weighted[:, 1:].T @ matrix[:, 1:] + 0.5 * np.eye(ITEMS - 1)
    weights = np.linalg.solve(inputs, weighted[:, 1:].T @ matrix[:, 0])
    np.testing.assert_allclose(EASE(0.5, user_scaling=0.6).fit(data).weights_[1:, 0], weights, atol=1e-5)


def test_that_ease_with_dropout_is_the_mean_over_histories_with_items_left_out() -> None:
    data, matrix = bought()
    model = EASE(regularisation=2.0, dropout=0.25).fit(data)
    random = np.random.default_rng(0)
    seen = np.concatenate([matrix * (random.random(matrix.shape) < 0.75) for _ in range(20_000)]) / 0.75
    wanted = np.tile(matrix, (20_000, 1))
    weights = np.linalg.solve(seen[:, 1:].T @ seen[:, 1:] / 20_000 + 2 * np.eye(ITEMS - 1), seen[:, 1:].T @ wanted[:, 0] / 20_000)
    np.testing.assert_allclose(model.weights_[1:, 0], weights, atol=0.005)


def test_that_ease_refuses_a_catalogue_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "memory_bytes", lambda: 24 * 10**2)
    with pytest.raises(DataError, match=r"must be at most 10 items .* found 11 items"):
        EASE().fit(bought()[0])
    monkeypatch.setattr(ease, "memory_bytes", lambda: 24 * 11**2)
    EASE().fit(bought()[0])


def test_that_the_machine_has_memory() -> None:
    assert ease.memory_bytes() > 100 * 2**20


def test_that_pure_svd_projects_on_the_strongest_directions() -> None:
    data, matrix = bought()
    _, _, directions = np.linalg.svd(matrix)
    for factors in (1, 3):
        expected = matrix @ directions[:factors].T @ directions[:factors]
        np.testing.assert_allclose(scores(PureSVD(factors, rounds=1).fit(data)), expected, atol=1e-4)
    np.testing.assert_allclose(scores(PureSVD(99).fit(data)), matrix, atol=1e-4)


def test_that_scaled_items_are_decomposed_scaled_and_read_unscaled() -> None:
    data, matrix = bought()
    scale = matrix.sum(axis=0) ** 0.4
    _, _, directions = np.linalg.svd(matrix / scale)
    expected = (matrix / scale) @ directions[:3].T @ directions[:3] * scale
    np.testing.assert_allclose(scores(PureSVD(3, item_scaling=0.4, rounds=20).fit(data)), expected, atol=1e-4)


def als_loss(matrix: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64], model: ALS) -> float:
    """The loss as its docstring has it."""
    products, w, r, p = x @ y.T, model.unobserved_weight, model.regularisation, model.frequency_power
    held = sum(
        (((matrix.sum(axis=axis) + w * matrix.shape[axis]) ** p) * (vectors**2).sum(axis=1)).sum() for axis, vectors in ((1, x), (0, y))
    )
    return float((matrix * (1 - products) ** 2).sum() + w * (products**2).sum() + r * held)


@pytest.mark.parametrize("power", [0.0, 1.0, 0.5])
def test_that_als_stops_where_no_step_lowers_its_loss(power: float) -> None:
    data, matrix = bought()
    model = ALS(factors=3, regularisation=0.05, unobserved_weight=0.2, frequency_power=power, iterations=300).fit(data)
    y = model.vectors_.astype(float)
    x = np.linalg.lstsq(y, scores(model).T.astype(float), rcond=None)[0].T
    best = als_loss(matrix, x, y, model)
    random = np.random.default_rng(0)
    for _ in range(40):
        nudged = [vectors + 1e-2 * random.standard_normal(vectors.shape) for vectors in (x, y)]
        assert als_loss(matrix, nudged[0], y, model) > best
        assert als_loss(matrix, x, nudged[1], model) > best


def test_that_als_is_the_same_in_batches_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    data, _ = bought()
    whole = scores(ALS(factors=4).fit(data))
    monkeypatch.setattr("penchant.models.collaborative.als.CELLS", 1)
    np.testing.assert_allclose(scores(ALS(factors=4).fit(data)), whole, atol=1e-4)


def test_that_als_leans_on_its_seed_alone() -> None:
    data, _ = bought()
    one, same, other = (ALS(factors=4, iterations=1, seed=seed).fit(data).vectors_ for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("make", [EASE, lambda: PureSVD(2), lambda: ALS(factors=4)])
def test_that_two_worlds_are_told_apart_by_those_who_were_not_there_in_training(make: Callable[[], Recommender]) -> None:
    data = dataset(two_worlds(events=5))
    strangers = data.log.user % 5 == 0
    table = make().fit(data.part(np.flatnonzero(~strangers))).recommend(data.log.users["user_id"].to_list(), 1)
    assert all(int(user[1:]) % 2 == int(item[1:]) % 2 for user, item in table.select("user_id", "item_id").rows())
