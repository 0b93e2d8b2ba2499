"""BPR with free vectors: who has a vector, and what becomes of those who have none."""

import numpy as np
import polars as pl
from sklearn.linear_model import Ridge

from penchant.models.collaborative.bpr_mf import BPRMF, fitted_map
from penchant.models.collaborative.popularity import Popularity
from tests.models.collaborative.worlds import asking, world_of
from tests.small_data import NEXT, dataset, two_worlds

BRIEF = {"width": 8, "epochs": 40, "batch_users": 16, "learning_rate": 0.03}


def test_that_two_worlds_are_told_apart_for_users_it_learnt_of_and_for_others_by_their_history() -> None:
    data = dataset(two_worlds(users=60, events=5))
    strangers = data.log.user % 5 == 0
    train = data.part(np.flatnonzero(~strangers))
    model = BPRMF(**BRIEF).fit(train)
    assert model.known_.sum() == 48
    row = data.log.users["user_id"].index_of("u1")
    own = model.scores(asking(data, ["u1"]))[0]
    np.testing.assert_allclose(own, model.items_ @ model.users_[row] + model.biases_, rtol=1e-5)
    table = model.recommend(data.log.users["user_id"].to_list(), 1)
    assert world_of(table["user_id"]) == world_of(table["item_id"])


def test_that_a_stranger_without_a_history_gets_what_most_want() -> None:
    events = pl.concat(
        [
            two_worlds(users=40),
            two_worlds(users=40, seed=1).filter(pl.col("item_id").is_in(["i0", "i1"])).with_columns(user_id="v" + pl.col("user_id")),
        ]
    )
    data = dataset(events)
    model = BPRMF(**BRIEF).fit(data)
    scores = model.scores(asking(data, ["nobody"]))[0]
    np.testing.assert_array_equal(scores, model.biases_)
    counts = Popularity().fit(data).scores(asking(data, ["nobody"]))[0]
    assert set(np.argsort(-scores)[:2]) == set(np.argsort(-counts)[:2])


def test_that_an_item_without_events_scores_nothing() -> None:
    data = dataset(two_worlds(users=12), NEXT, None, {"item_id": [*(f"i{n}" for n in range(12)), "new"]})
    model = BPRMF(**BRIEF).fit(data)
    assert np.all(model.scores(asking(data, ["u0", "u1", "nobody"]))[:, -1] == 0)


def test_that_the_map_is_a_ridge_regression_on_those_of_whom_something_is_told() -> None:
    random = np.random.default_rng(0)
    told, vectors = random.normal(size=(20, 3)), random.normal(size=(20, 3))
    told[5:9] = 0
    expected = Ridge(alpha=1.0, fit_intercept=False).fit(np.delete(told, range(5, 9), 0), np.delete(vectors, range(5, 9), 0)).coef_.T
    np.testing.assert_allclose(fitted_map(told.astype(np.float32), vectors.astype(np.float32)), expected, rtol=1e-4, atol=1e-6)
