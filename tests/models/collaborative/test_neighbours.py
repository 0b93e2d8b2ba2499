"""User-KNN and item-KNN by hand; the events' own definitions of item-KNN are in `test_recommenders`."""

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.user_knn import UserKNN
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.errors import RecipeError
from tests.small_data import NEXT, NOON, dataset

RATED = NEXT + '[tasks.stars]\nkind = "regression"\nlabel = "rating"\n'


def small(lines: str = NEXT) -> Dataset:
    """a has x y, b has x y z, c has z w; ratings as they stand, one missing."""
    events = {
        "user_id": list("aabbbcc"),
        "item_id": list("xyxyzzw"),
        "timestamp": NOON + np.arange(7.0),
        "rating": [5.0, 3.0, 4.0, 2.0, None, 1.0, 5.0],
    }
    return dataset(events, lines)


def scores(model: Recommender, users: list[str]) -> dict[str, list[float]]:
    """By item, one per user."""
    queries = Queries.now(model.log_, users, pl.DataFrame({"timestamp": [NOON + 99] * len(users)}))
    return dict(zip(model.items["item_id"], model.scores(queries).T.tolist(), strict=True))


def test_that_user_knn_sums_the_likeness_of_those_who_had_an_item() -> None:
    found = scores(UserKNN(shrinkage=0).fit(small()), ["a", "c"])
    a_b, b_c = 2 / np.sqrt(2 * 3), 1 / np.sqrt(3 * 2)
    assert found["z"] == pytest.approx([a_b, b_c])  # b's alone: nobody is their own neighbour
    assert found["x"] == pytest.approx([a_b, b_c])
    assert found["w"] == pytest.approx([0, 0])


def test_that_asymmetry_moves_the_norm_to_the_neighbours_length() -> None:
    found = scores(UserKNN(shrinkage=0, asymmetry=0.75).fit(small()), ["a", "c"])
    assert found["x"] == pytest.approx([2 / (2**0.25 * 3**0.75), 1 / (2**0.25 * 3**0.75)])  # b's length is that of three items
    assert found["w"] == pytest.approx([0, 0])


def test_that_votes_may_be_scaled_apart_from_the_likeness() -> None:
    found = scores(UserKNN(shrinkage=0, vote_scaling=1).fit(small()), ["a", "c"])
    assert found["x"] == pytest.approx([2 / np.sqrt(6) / 2, 1 / np.sqrt(6) / 2])  # two have had x


def test_that_locality_raises_each_likeness_before_the_sum() -> None:
    found = scores(UserKNN(shrinkage=0, locality=3).fit(small()), ["a", "c"])
    assert found["z"] == pytest.approx([(2 / np.sqrt(6)) ** 3, (1 / np.sqrt(6)) ** 3])


def test_that_user_knn_asks_only_the_nearest() -> None:
    nearest = scores(UserKNN(neighbours=1, shrinkage=0).fit(small()), ["b"])
    assert nearest["x"][0] > 0
    assert nearest["w"] == [0]


def test_that_user_knn_serves_somebody_who_was_not_there_in_training() -> None:
    data = small()
    rows = np.flatnonzero(data.log.user != data.log.users["user_id"].index_of("a"))
    model = UserKNN(shrinkage=0).fit(data.part(rows))
    assert scores(model, ["a"])["z"] == pytest.approx([2 / np.sqrt(2 * 3)])


def test_that_user_knn_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model = UserKNN().fit(small())
    whole = scores(model, ["a", "b", "c", "nobody"])
    monkeypatch.setattr("penchant.models.collaborative.user_knn.CELLS", 4)
    assert scores(model, ["a", "b", "c", "nobody"]) == whole


def test_that_item_knn_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ItemKNN(similarity="pearson").fit(small()).similarities_.toarray()
    monkeypatch.setattr("penchant.models.collaborative.item_knn.BLOCK", 3)
    monkeypatch.setattr("penchant.models.collaborative.interactions.PRODUCTS_AT_ONCE", 2)
    np.testing.assert_allclose(ItemKNN(similarity="pearson").fit(small()).similarities_.toarray(), whole, atol=1e-6)
    monkeypatch.setattr("penchant.models.collaborative.similarity.CELLS", 0)
    np.testing.assert_allclose(ItemKNN(similarity="pearson").fit(small()).similarities_.toarray(), whole, atol=1e-6)


def test_that_neighbours_weigh_with_ratings() -> None:
    data = small(RATED)
    users = scores(UserKNN(shrinkage=0, values="ratings").fit(data), ["a"])
    a_b = (5 * 4 + 3 * 2) / np.sqrt((25 + 9) * (16 + 4))
    assert users["x"] == pytest.approx([4 * a_b])
    assert users["z"] == pytest.approx([0])  # b gave no rating
    items = scores(ItemKNN(shrinkage=0, values="ratings").fit(data), ["a"])
    x_y = (5 * 3 + 4 * 2) / np.sqrt((25 + 16) * (9 + 4))
    assert items["x"] == pytest.approx([3 * x_y], rel=1e-5)


def test_that_what_everybody_has_had_can_count_less() -> None:
    data = small()  # x and y have two users each, z two, w one
    users = scores(UserKNN(shrinkage=0, item_scaling=1).fit(data), ["c"])
    c_b = (1 / 2 * 1 / 2) / np.sqrt((1 / 4 + 1) * (3 / 4))
    assert users["x"] == pytest.approx([c_b / 2])
    plain, scaled = (ItemKNN(shrinkage=0, item_scaling=power).fit(data) for power in (0, 0.5))
    counts = np.array([1, 2, 2, 2])  # w x y z
    expected = plain.similarities_.toarray() / np.sqrt(np.outer(counts, counts))
    np.testing.assert_allclose(scaled.similarities_.toarray(), expected, rtol=1e-5)


def test_that_the_nearest_of_a_candidate_are_kept_where_asked() -> None:
    data = dataset({"user_id": list("aabbcc"), "item_id": list("pqpqqr"), "timestamp": NOON + np.arange(6.0)})
    by_past, by_candidate = (ItemKNN(neighbours=1, nearest_of=side).fit(data).similarities_.toarray() for side in ("past", "candidate"))
    assert np.flatnonzero(by_past[1]).tolist() == [0]  # what is nearest to q is p
    assert np.flatnonzero(by_candidate[1]).tolist() == [0, 2]  # to both others q is the nearest


def test_that_the_nearest_are_chosen_by_what_is_left_after_scaling() -> None:
    events = {"user_id": list("aaabbbcdef"), "item_id": list("pqrpqrqqqq"), "timestamp": NOON + np.arange(10.0)}
    model = ItemKNN(neighbours=1, shrinkage=0, similarity="jaccard", item_scaling=1).fit(dataset(events))
    kept = dict(zip(model.items["item_id"], model.similarities_.toarray(), strict=True))
    assert np.flatnonzero(kept["p"]).tolist() == [2]  # r, not q


def test_that_ratings_need_a_regression_task() -> None:
    with pytest.raises(RecipeError, match="must be one with a regression task"):
        ItemKNN(values="ratings").fit(small())
