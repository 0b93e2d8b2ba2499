"""Matrix factorisation with biases against its equations and its loss."""

import numpy as np
from scipy.sparse import csr_array

from penchant.models.collaborative.biased_mf import BiasedMF, equations, products
from penchant.models.collaborative.interactions import ratings
from tests.models.collaborative.worlds import STARS, asking, rated
from tests.small_data import NOON, dataset


def test_that_equations_are_sums_over_the_ratings_present_even_those_of_0() -> None:
    matrix = csr_array((np.array([2.0, 0.0, -1.0]), np.array([0, 1, 1]), np.array([0, 2, 3, 3])), shape=(3, 2))
    others = np.array([[0.5, 3.0], [-0.25, 2.0]])
    left, right = equations(matrix, others)
    assert left.tolist() == [[[2, 5], [5, 9 + 4]], [[1, 2], [2, 4]], [[0, 0], [0, 0]]]
    assert right.tolist() == [[1.5 + 0.25, 1.5 * 3 + 0.25 * 2], [-0.75, -1.5], [0, 0]]
    left, right = equations(matrix, others, np.array([1.0, 10.0]))
    assert left[0].tolist() == [[11, 3 + 20], [23, 9 + 40]]
    assert right[0].tolist() == [1.5 + 2.5, 4.5 + 5]


def test_that_a_pair_is_both_biases_and_the_product() -> None:
    assert products(np.array([[1.0, 2.0, 3.0]]), np.array([[10.0, 0.5, -1.0], [0.0, 1.0, 0.0]])).tolist() == [[1 + 10 + 1 - 3, 1 + 2]]


def test_that_no_step_lowers_the_loss_once_it_has_settled() -> None:
    data = rated(users=14, items=9, each=5)
    model = BiasedMF(factors=2, regularisation=0.1, iterations=400).fit(data)
    matrix, random = model._standard(ratings(data)), np.random.default_rng(0)
    present, values = (csr_array((np.ones(matrix.nnz), matrix.indices, matrix.indptr)).toarray(), matrix.toarray())
    items = model.items_.astype(float)
    users = model._solved(matrix, items)

    def loss(x: np.ndarray, y: np.ndarray) -> float:
        held = sum(((present.sum(axis=axis) + 5) * (side**2).sum(axis=1)).sum() for axis, side in ((1, x), (0, y)))
        return float((present * (values - products(x, y)) ** 2).sum() + 0.1 * held)

    best = loss(users, items)
    for _ in range(40):
        assert loss(users + 0.03 * random.standard_normal(users.shape), items) > best
        assert loss(users, items + 0.03 * random.standard_normal(items.shape)) > best


def test_that_a_stranger_gets_the_mean_and_the_items_biases_and_an_unrated_item_what_the_user_gives() -> None:
    events = {"user_id": list("aabbc"), "item_id": list("xyxyz"), "timestamp": NOON + np.arange(5.0), "rating": [5.0, 4.0, 5.0, 4.0, 1.0]}
    data = dataset(events, STARS, None, {"item_id": list("wxyz")})
    model = BiasedMF(factors=1).fit(data)
    nobody, generous = model.scores(asking(data, ["nobody", "a"]))
    np.testing.assert_allclose(nobody, model.in_stars(model.items_[:, 0]), rtol=1e-6)
    assert abs(nobody[0] - 3.8) < 1e-5
    assert generous[0] > 3.8
