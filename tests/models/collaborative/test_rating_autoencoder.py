"""The rating autoencoder: its readouts, its biases and its loss by other ways."""

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from penchant.models.collaborative.rating_autoencoder import Encoder, RatingAutoencoder, Rebuilding, item_biases
from tests.models.collaborative.worlds import STARS, asking, rated
from tests.small_data import NOON, dataset


@pytest.mark.parametrize("count", [1, 3, 4, 9])
def test_that_a_readout_is_a_ridge_regression_with_few_ratings_and_with_many(count: int) -> None:
    random = np.random.default_rng(0)
    model = RatingAutoencoder(regularisation=2.0)
    model.codes_ = random.random((12, 4)).astype(np.float32)
    items, ratings = random.permutation(12)[:count], random.normal(size=count).astype(np.float32)
    expected = Ridge(alpha=2.0, fit_intercept=False).fit(model.codes_[items].astype(float), ratings).coef_
    np.testing.assert_allclose(model._readout(items, ratings), expected, rtol=1e-4, atol=1e-6)


def test_that_biases_are_what_users_and_items_add() -> None:
    random = np.random.default_rng(0)
    users, items = random.normal(size=400), random.normal(size=300)
    found = item_biases(csr_array((users - users.mean())[:, None] + items - items.mean()))
    np.testing.assert_allclose(found, items - items.mean(), atol=0.1)
    one = item_biases(csr_array((np.array([3.0]), np.array([0]), np.array([0, 1])), shape=(1, 2)))
    assert one[1] == 0
    assert 3 / 6 - 0.1 < one[0] <= 3 / 6


def test_that_the_loss_is_the_mean_square_of_what_is_not_rebuilt_and_the_price_of_readouts() -> None:
    ratings = csr_array((np.array([1.0, -2.0, 0.5], dtype=np.float32), np.array([0, 1, 1]), np.array([0, 2, 3])), shape=(2, 2))
    network = Encoder(2, 1)
    with torch.no_grad():
        network.taken.weight.zero_()  # every code is sigmoid(0)
        network.readouts.weight.copy_(torch.tensor([[2.0], [-1.0]]))
        network.levels.copy_(torch.tensor([0.25, 0.0]))
    loss = Rebuilding(network, ratings, RatingAutoencoder(hide=0.5, price=0.1)).losses(np.array([0, 1]), 0)["ratings"]
    missed = [(1.25 - 1) ** 2, (-0.5 + 2) ** 2, (-0.5 - 0.5) ** 2]
    assert loss.item() == pytest.approx(np.mean(missed) + 0.1 * (4 + 1 + 1) / 3, rel=1e-6)


def test_that_a_code_is_a_sum_over_the_root_of_the_number_of_ratings() -> None:
    network = Encoder(4, 1)
    with torch.no_grad():
        network.taken.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]))
        network.bias.fill_(0.5)
    rows = csr_array(np.array([[1.0, 1.0, -1.0, 1.0], [0, 0, 0, 0]], dtype=np.float32))
    expected = 1 / (1 + np.exp(-np.array([(1 + 2 - 3 + 4) / 2 + 0.5, 0.5])))
    np.testing.assert_allclose(network(rows).detach().numpy()[:, 0], expected, rtol=1e-6)


def test_that_ratings_are_hidden_from_the_encoder_but_not_from_the_loss() -> None:
    ratings = csr_array(np.ones((1, 1000), dtype=np.float32))
    seen = []
    network = Encoder(1000, 1)
    network.forward = lambda rows: seen.append(rows) or torch.zeros(1, 1)  # type: ignore[method-assign]  # to look at what it gets
    Rebuilding(network, ratings, RatingAutoencoder(hide=0.75)).losses(np.array([0]), 3)
    shown = seen[0].data[seen[0].data > 0]
    assert 200 < len(shown) < 300
    assert np.all(shown == 4)  # their sum is what it was, by expectation


def test_that_without_a_history_or_ratings_of_the_item_biases_alone_speak() -> None:
    events = {"user_id": list("aabbc"), "item_id": list("xyxyz"), "timestamp": NOON + np.arange(5.0), "rating": [5.0, 4.0, 5.0, 4.0, 1.0]}
    data = dataset(events, STARS, None, {"item_id": list("wxyz")})
    model = RatingAutoencoder(hidden=4, epochs=3).fit(data)
    nobody, generous = model.scores(asking(data, ["nobody", "a"]))
    np.testing.assert_allclose(nobody, model.in_stars(model.biases_), rtol=1e-6)
    assert abs(nobody[0] - 3.8) < 1e-5
    assert generous[0] > 3.8
    assert np.all(model.codes_[0, :-1] == 0)


def test_that_the_codes_add_to_what_biases_say() -> None:
    train, _, test = rated().split_last(0, 3)
    settings = {"hidden": 16, "hide": 0.2, "price": 0.001, "batch_items": 25, "epochs": 60, "learning_rate": 0.05}
    truth = test.log.series("rating", test.rows).to_numpy()
    missed = [
        np.abs(RatingAutoencoder(**settings, regularisation=price).fit(train).predict(test)["stars"] - truth).mean()
        for price in (0.05, 1e6)
    ]
    assert missed[0] < 0.6 * missed[1]
