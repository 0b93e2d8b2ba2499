"""Weights of an item's features: by hand, adding up to the score, and naming the reason that was planted."""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.models import feature_weights as module
from penchant.models.feature_weights import Scores, Sets, shapley
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.saved import read_network, write_network
from penchant.schema.errors import TargetError
from penchant.training.trainer import fit_network
from tests.small_data import DAY, FILM_NOW, FILM_RECIPE, NOON, REASONS, film_dataset, film_network, reasons_dataset

NIGHT = {"daypart": "night", "time": FILM_NOW}


def by_table(table: Scores) -> Callable[[Sets], Scores]:
    """Each set's score from a table by its binary number."""
    return lambda sets: table[(sets * (1 << np.arange(sets.shape[1]))).sum(axis=1)]


def test_that_two_features_weigh_by_hand() -> None:
    """Nothing 1; the first alone 3, the second alone 0, both 10: (2 + 10) / 2 = 6 and (-1 + 7) / 2 = 3."""
    weights, nothing = shapley(by_table(np.array([1.0, 3.0, 0.0, 10.0])), 2)
    assert weights.tolist() == [6.0, 3.0]
    assert nothing == 1.0


def test_that_weights_are_means_over_all_orders() -> None:
    table = np.random.default_rng(0).normal(size=2**4)
    expected = np.zeros(4)
    orders = list(permutations(range(4)))
    for order in orders:
        known = 0
        for feature in order:
            expected[feature] += (table[known | 1 << feature] - table[known]) / len(orders)
            known |= 1 << feature
    np.testing.assert_allclose(shapley(by_table(table), 4)[0], expected, atol=1e-12)


def test_that_many_features_are_weighed_by_drawn_orders_that_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.random.default_rng(0).normal(size=2**6)
    exact, _ = shapley(by_table(table), 6)
    monkeypatch.setattr(module, "MOST_EXACT", 5)
    weights, nothing = shapley(by_table(table), 6)
    assert weights.sum() + nothing == pytest.approx(table[-1])
    assert nothing == table[0]
    assert np.abs(weights - exact).max() < 0.5
    assert not np.array_equal(weights, exact)
    monkeypatch.setattr(module, "ORDERS", 2000)
    np.testing.assert_allclose(shapley(by_table(table), 6)[0], exact, atol=0.05)


def test_that_without_features_nothing_is_left() -> None:
    weights, nothing = shapley(by_table(np.array([2.5])), 0)
    assert (weights.tolist(), nothing) == ([], 2.5)


@pytest.fixture(scope="module")
def moving() -> NetworkRecommender:
    data = film_dataset(
        FILM_RECIPE.replace("epochs = 8", "epochs = 2").replace(
            "[training]", 'dynamic = { kind = "facets" }\ncontext = { kind = "gaussian" }\nrepeats = { kind = "counts" }\n[training]'
        )
    )
    return fit_network(data.recipe, data)


@pytest.mark.parametrize("task", ["next", "like", "stars"])
def test_that_weights_add_up_to_the_score_that_orders_items(moving: NetworkRecommender, task: str) -> None:
    users, items = ["u0", "u1", "stranger"], ["a3", "b4", "a3"]
    told = moving.feature_weights(users, items, NIGHT, "home", task)
    assert told.columns == ["user_id", "item_id", "feature", "weight", "share", "nothing"]
    rows = np.array([[moving.items["item_id"].to_list().index(item)] for item in items])
    queries = Queries.now(moving.log_, users, moving._moment(3, NIGHT, "home"))
    encoding = moving.encode(moving.batch_of(queries))
    scores = moving.judge(encoding, rows, queries.moment)[task][:, 0].numpy()
    pairs = told.group_by("user_id", maintain_order=True).agg(pl.col("weight", "share").sum(), pl.col("nothing").first())
    np.testing.assert_allclose(pairs["weight"] + pairs["nothing"], scores, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(pairs["share"], 1.0)
    first = told.filter(pl.col("user_id") == "u0")
    assert sorted(first["feature"]) == ["genre", "item_id", "year"]
    assert first["share"].is_sorted(descending=True)


def test_that_an_item_of_which_nothing_is_known_is_the_same_for_all_items(moving: NetworkRecommender) -> None:
    told = moving.feature_weights(["stranger"] * 2, ["a3", "b4"], NIGHT, "home")
    assert told["nothing"].n_unique() == 1


def test_that_the_reason_is_the_feature_that_the_circumstances_name() -> None:
    """Of items that are of the kind the user likes, the kind in the respect that is asked about weighs most; elsewhere another does."""
    data = reasons_dataset('dynamic = { kind = "facets" }\n')
    model = fit_network(data.recipe, data)
    users, items = data.log.users, data.log.items
    for reason in range(REASONS):
        liked = users.head(40).join(items, left_on=f"likes{reason}", right_on=f"kind{reason}").unique("user_id", maintain_order=True)
        told = model.feature_weights(liked["user_id"], liked["item_id"], {"why": f"why{reason}", "time": NOON + DAY})
        mean = dict(told.group_by("feature").agg(pl.col("weight").mean()).iter_rows())
        named = mean.pop(f"kind{reason}")
        assert named > 2 * max(weight for name, weight in mean.items() if name != "item_id")
        assert named > mean["item_id"]


def test_that_a_network_whose_items_stand_still_tells_weights_too() -> None:
    told = film_network().feature_weights(["u0"], ["a3"], NIGHT, "home")
    assert told["feature"].len() == 3
    assert "year" in str(told)


def test_that_a_network_read_again_tells_the_same(moving: NetworkRecommender, tmp_path: Path) -> None:
    write_network(moving, tmp_path)
    asked = (["u0", "u1"], ["a3", "b4"], NIGHT, "home")
    assert read_network(tmp_path).feature_weights(*asked).equals(moving.feature_weights(*asked))


def test_that_nobody_is_told_nothing(moving: NetworkRecommender) -> None:
    assert moving.feature_weights([], [], NIGHT, "home").columns == ["user_id", "item_id", "feature", "weight", "share", "nothing"]


def test_that_a_task_that_judges_no_items_is_told(moving: NetworkRecommender) -> None:
    with pytest.raises(TargetError, match=r"a task must be one that judges items; found 'likes'\. Did you mean 'like'"):
        moving.feature_weights(["u0"], ["a3"], task="likes")
    with pytest.raises(TargetError, match="in the catalogue"):
        moving.feature_weights(["u0"], ["no such film"])
