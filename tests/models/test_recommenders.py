"""Every model keeps the contract, and each finds the structure it is made for."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.auc import auc
from penchant.features.feature_set import FeatureSet
from penchant.models.classic import classic, classic_kinds
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.popularity import Popularity
from penchant.models.contract import check_recommender
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender, usual_factors
from penchant.models.saved import write
from penchant.schema.errors import RecipeError, TargetError
from penchant.schema.sections.part import Part
from penchant.training.trainer import NetworkTrainer, fit_network
from tests.small_data import DAY, NEXT, NOON, SMALL, dataset, ring, two_worlds, weather

BRIEF = "[training]\nepochs = 1\nbatch_events = 256\n"
LEARN = "[training]\nepochs = 12\nbatch_events = 256\nlearning_rate = 0.02\nweight_decay = 0.0\n"
OUTSIDE = '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n'
STARS = '[tasks.stars]\nkind = "regression"\nlabel = "rating"\n'
COUNTED = """[features]
item.fares = { kind = "counters", of = "outside", windows = ["1d", "all"], rate = true }
item.again = { kind = "counters", by = ["user_id", "item_id", "sky"] }
"""


def network(data: Dataset) -> NetworkRecommender:
    return NetworkRecommender(data.recipe, NetworkTrainer())


@pytest.mark.parametrize("kind", classic_kinds())
def test_that_every_classic_model_keeps_the_contract(kind: str) -> None:
    rated = two_worlds(users=12).with_columns(rating=(pl.col("item_id").str.slice(1).cast(pl.Int64) % 5 + 1).cast(pl.Float64))
    check_recommender(classic(Part(kind=kind)), dataset(rated, NEXT + STARS))


@pytest.mark.parametrize("model", [Popularity(window_days=1), ItemKNN(neighbours=2, similarity="jaccard", recency=0.5)])
def test_that_a_classic_model_keeps_the_contract_with_other_settings(model: Recommender) -> None:
    check_recommender(model, dataset(two_worlds(users=12)))


def test_that_a_classic_model_holds_its_settings_to_their_annotations() -> None:
    data = dataset(two_worlds(users=12))
    with pytest.raises(RecipeError, match="model 'item_knn', key 'neighbours' must be greater than or equal to 1; found 0"):
        ItemKNN(neighbours=0).fit(data)
    with pytest.raises(RecipeError, match=r"key 'similarity' must be 'cosine', .* or 'jaccard'"):
        classic(Part(kind="item_knn", similarity="cosin"))
    with pytest.raises(RecipeError, match=r"key 'neighbors' .* Did you mean 'neighbours'"):
        classic(Part(kind="item_knn", neighbors=3))
    with pytest.raises(RecipeError, match=r"model, kind must be a known kind; found 'item_kn'. Did you mean 'item_knn'"):
        classic(Part(kind="item_kn"))


def test_that_a_model_without_a_state_cannot_be_saved(tmp_path: Path) -> None:
    class Own(Popularity):
        state = Recommender.state

    with pytest.raises(TargetError, match="state"):
        write(Own().fit(dataset(two_worlds(users=12))), tmp_path)


@pytest.mark.parametrize(
    "lines",
    [
        NEXT + SMALL,
        NEXT + OUTSIDE + '[history]\nlength = 4\ncolumns.outside = { kind = "category" }\n' + SMALL,
        OUTSIDE + SMALL,
        NEXT + '[features]\ncontext.sky = { kind = "category" }\n[scenario]\ncolumn = "sky"\n' + SMALL,
        OUTSIDE + COUNTED + SMALL,
        NEXT + OUTSIDE + COUNTED + "[serving]\nrank_by = { outside = 1.0, next = 0.5 }\n" + SMALL,
    ],
    ids=["retrieval", "retrieval and ranking", "ranking alone", "context and scenario", "items counted", "retrieval, items counted"],
)
def test_that_the_network_keeps_the_contract(lines: str) -> None:
    data = dataset(weather(users=8), lines + BRIEF)
    check_recommender(network(data), data)


def test_that_popularity_counts_events_of_the_part_it_was_fitted_on() -> None:
    events = {"user_id": list("aabbc"), "item_id": list("xyxzx"), "timestamp": [NOON - 9 * DAY, NOON, NOON, NOON, NOON + 5]}
    data = dataset(events)
    table = Popularity().fit(data).recommend(["new"], 3)
    assert (table["item_id"][0], table["score"].to_list()) == ("x", [3, 1, 1])
    assert Popularity(window_days=1).fit(data).recommend(["new"], 1)["score"].to_list() == [2]
    assert Popularity().fit(data.part(np.array([1]))).recommend(["new"], 1)["item_id"].to_list() == ["y"]


def dense_similarities(bought: np.ndarray, model: ItemKNN) -> np.ndarray:
    """The definition, written down once more without sparse matrices."""
    items = bought.shape[1]
    result = np.zeros((items, items))
    for i in range(items):
        for j in range(items):
            both, one, other = (bought[:, i] * bought[:, j]).sum(), bought[:, i].sum(), bought[:, j].sum()
            norm = np.sqrt(one * other) if model.similarity == "cosine" else one + other - both
            result[i, j] = 0 if i == j or not both else both / (norm + model.shrinkage)
    return result


@pytest.mark.parametrize("similarity", ["cosine", "jaccard"])
def test_that_item_knn_is_its_definition(similarity: str) -> None:
    random = np.random.default_rng(1)
    pairs = np.unique(random.integers((15, 9), size=(60, 2)), axis=0)
    pairs = np.concatenate([pairs, [(user, 0) for user in range(15)]])  # every user, some events twice: they count once
    events = {
        "user_id": [f"u{user:02}" for user, _ in pairs],
        "item_id": [f"i{item}" for _, item in pairs],
        "timestamp": NOON + np.arange(len(pairs)),
    }
    data = dataset(events)
    model = ItemKNN(neighbours=9, shrinkage=2.0, similarity=similarity).fit(data)
    bought = np.zeros((15, 9))
    bought[pairs[:, 0], pairs[:, 1]] = 1
    similarities = dense_similarities(bought, model)
    np.testing.assert_allclose(model.similarities_.toarray(), similarities, rtol=1e-6)
    users = data.log.users["user_id"].to_list()
    scores = model.scores(Queries.now(data.log, users, pl.DataFrame({"timestamp": [NOON] * len(users)})))
    had = np.zeros((15, 9))
    np.add.at(had, (pairs[:, 0], pairs[:, 1]), 1)
    np.testing.assert_allclose(scores, had @ similarities, rtol=1e-5)


def test_that_item_knn_keeps_only_the_nearest_and_forgets_by_halves() -> None:
    data = dataset({"user_id": list("aaabbbccc"), "item_id": list("xyzxywxvz"), "timestamp": NOON + np.arange(9.0)})
    whole, nearest = (ItemKNN(neighbours=n, shrinkage=0).fit(data).similarities_.toarray() for n in (9, 2))
    assert np.count_nonzero(nearest, axis=1).max() < np.count_nonzero(whole, axis=1).max()
    for full, kept in zip(whole, nearest, strict=True):
        assert kept[kept > 0].min() >= np.sort(full)[-2]
    model = ItemKNN(neighbours=9, shrinkage=0, recency=0.5).fit(data)
    moment = pl.DataFrame({"timestamp": [NOON]})
    a = model.scores(Queries.now(data.log, ["a"], moment))[0]  # x, y, z with weights 1/4, 1/2, 1
    rows = [data.log.items["item_id"].index_of(name) for name in "xyz"]
    np.testing.assert_allclose(a, np.array([0.25, 0.5, 1.0]) @ whole[rows], rtol=1e-6)


def test_that_item_knn_tells_two_worlds_apart() -> None:
    data = dataset(two_worlds(events=5))
    table = ItemKNN().fit(data).recommend(data.log.users["user_id"].to_list(), 1)
    assert all(int(user[1:]) % 2 == int(item[1:]) % 2 for user, item in table.select("user_id", "item_id").rows())


def test_that_the_network_tells_two_worlds_apart() -> None:
    data = dataset(two_worlds(events=5), NEXT + SMALL + LEARN)
    table = fit_network(data.recipe, data).recommend(data.log.users["user_id"].to_list(), 1)
    same = [int(user[1:]) % 2 == int(item[1:]) % 2 for user, item in table.select("user_id", "item_id").rows()]
    assert np.mean(same) > 0.95


def test_that_the_network_learns_what_follows_what() -> None:
    """Counting and likeness are no help here: only the order tells."""
    data = dataset(ring(), NEXT + SMALL + LEARN)
    train, _, test = data.split_last(0, 1)
    found, _ = fit_network(data.recipe, train).top(Queries.at_events(test, test.rows), 1, exclude_seen=False)
    assert np.mean(found[:, 0] == data.log.item[test.rows]) > 0.9
    guessed, _ = Popularity().fit(train).top(Queries.at_events(test, test.rows), 1, exclude_seen=False)
    assert np.mean(guessed[:, 0] == data.log.item[test.rows]) < 0.4


def test_that_the_network_uses_a_context_that_decides_the_item() -> None:
    lines = '[features]\ncontext.sky = { kind = "category" }\nitem.item_id = { kind = "category" }\n'
    data = dataset(weather(), NEXT + OUTSIDE + lines + SMALL + LEARN.replace("256", "96"))
    train, _, test = data.split_last(0, 2)
    model = fit_network(data.recipe, train)
    found, _ = model.top(Queries.at_events(test, test.rows), 1, exclude_seen=False)
    assert np.mean(found[:, 0] == data.log.item[test.rows]) > 0.95
    for sky, item in (("sun", "i0"), ("rain", "i1"), ("snow", "i2")):
        answer = model.recommend(["u0", "a stranger"], 1, context={"sky": sky, "time": NOON + DAY}, exclude_seen=False)
        assert answer["item_id"].to_list() == [item, item]
    sunny = data.log.series("sky", test.rows).to_numpy() == "sun"
    predicted = model.predict(test)["outside"]
    assert predicted[sunny].min() > predicted[~sunny].max()


FASHION = (
    OUTSIDE
    + """[features]
item.item_id = { kind = "category" }
item.fares = { kind = "counters", of = "outside", windows = ["10m"], rate = true }
"""
)


def fashion() -> Dataset:
    """Eight items; each half hour four others of them are liked, by everybody who comes, each of whom comes once."""
    random = np.random.default_rng(0)
    liked = np.array([random.permutation(8) < 4 for _ in range(40)])
    turns, items = random.integers(40, size=3000), random.integers(8, size=3000)
    times = NOON + 1800.0 * turns + random.integers(1800, size=3000)
    frame = {"user_id": [f"u{n}" for n in range(3000)], "item_id": [f"i{n}" for n in items], "timestamp": times}
    return dataset(pl.DataFrame({**frame, "outside": liked[turns, items]}), FASHION + SMALL + LEARN.replace("12", "4"))


def test_that_the_network_knows_how_an_item_fares_at_the_moment() -> None:
    """Neither the user nor the item tells anything, what the item met with in the last minutes nearly everything."""
    data = fashion()
    train, _, test = data.split()
    model = fit_network(data.recipe, train)
    label, predicted = labels_of(test, "outside"), model.predict(test)["outside"]
    begun = test.log.time[test.rows] % 1800 > 600
    assert auc(label[begun], predicted[begun]) > 0.9
    asked = Queries.at_events(test, test.rows)
    expected = np.log(predicted)  # the final score is the logarithm of the probability
    found = model.scores(asked)
    np.testing.assert_allclose(found[np.arange(len(test)), test.log.item[test.rows]], expected, atol=1e-4)
    np.testing.assert_allclose(model.scores_of(asked, test.log.item[test.rows][:, None])[:, 0], expected, atol=1e-4)
    rows, best = model.top(asked, 8, exclude_seen=False)
    np.testing.assert_allclose(np.take_along_axis(found, rows, axis=1), best, atol=1e-4)
    at = float(test.log.time[test.rows][0])
    now, soon = (model.recommend(["anybody"], 8, context={"time": moment}).sort("item_id")["score"] for moment in (at, at + DAY))
    assert (now - soon).abs().max() > 0.1
    assert soon.std() < 0.2 * now.std()  # a day later nothing has been seen for long


def scenes() -> Dataset:
    """Four events of each of 8 users in the rain, two in the sun, and four more in the sun from the next day on."""
    sky = ["rain"] * 4 + ["a sun"] * 6
    rows = [
        (f"u{user}", f"i{(user + place) % 5}", NOON + user + 60.0 * place + DAY * (place > 5), sky[place], user % 2 == 0)
        for user in range(8)
        for place in range(10)
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "sky", "outside"], orient="row")
    lines = NEXT + OUTSIDE + '[scenario]\ncolumn = "sky"\n[serving]\nrank_by = { outside = 1.0 }\n'
    return dataset(frame, lines + SMALL + LEARN)


def test_that_a_scenario_nobody_names_is_the_training_parts_most_frequent() -> None:
    data = scenes()
    model = fit_network(data.recipe, data.part(np.flatnonzero(data.log.time < NOON + DAY)))
    assert usual_factors(model.features) == {"sky": "rain"}
    asked = {"users": ["u0", "u1"], "k": 5, "exclude_seen": False}
    time = {"time": NOON + DAY}
    unnamed, rain, sun = (model.recommend(**asked, context=time, scenario=name) for name in (None, "rain", "a sun"))
    assert unnamed.equals(rain)
    assert not unnamed.equals(sun)
    in_context = model.recommend(**asked, context=time | {"sky": "a sun"})
    assert in_context.equals(sun)
    assert model.recommend(**asked, context=time | {"sky": "a sun"}, scenario="rain").equals(rain)
    pairs = unnamed.filter(user_id="u0")
    assert np.allclose(model.score(["u0"] * 5, pairs["item_id"], time), pairs["score"].to_numpy(), atol=1e-5)


def test_that_nothing_stands_for_a_scenario_where_there_is_none() -> None:
    data = dataset(weather(users=8), NEXT + SMALL)
    assert usual_factors(FeatureSet(data.recipe).fit(data)) == {}
    assert usual_factors(None) == {}
    empty = dataset(weather(users=8).with_columns(sky=pl.lit(None, dtype=pl.String)), NEXT + '[scenario]\ncolumn = "sky"\n')
    assert usual_factors(FeatureSet(empty.recipe).fit(empty)) == {}
    assert len(Popularity().fit(empty).recommend(["u0"], 1, exclude_seen=False)) == 1


def test_that_an_item_without_events_in_training_can_still_be_scored() -> None:
    events = ring(users=10)
    items = {"item_id": [*(f"i{n}" for n in range(10)), "new"], "year": [*range(10), 3]}
    data = dataset(
        events, '[features]\nitem.item_id = { kind = "category" }\nitem.year = { kind = "number" }\n' + NEXT + SMALL + BRIEF, None, items
    )
    model = fit_network(data.recipe, data)
    assert np.isfinite(model.score(["u0"], ["new"])).all()


def test_that_a_second_fit_starts_from_nothing() -> None:
    data = dataset(weather(users=10), NEXT + SMALL + BRIEF)
    part = data.part(np.arange(40))
    once = network(data).fit(part)
    twice = network(data).fit(data).fit(part)
    moment = {"time": NOON + DAY}
    assert once.recommend(["u0"], 3, context=moment).equals(twice.recommend(["u0"], 3, context=moment))
    assert once.features.forms("item") == twice.features.forms("item")


def test_that_a_recipe_set_later_is_the_one_that_is_fitted() -> None:
    data = dataset(weather(users=8), NEXT + SMALL + BRIEF)
    other = dataset(weather(users=8), NEXT + '[features]\ncontext.sky = { kind = "category" }\n' + SMALL + BRIEF)
    model = network(data).set_params(recipe=other.recipe).fit(other)
    assert list(model.features.forms("context")) == ["sky"]


def test_that_a_network_without_a_trainer_says_how_to_get_one() -> None:
    data = dataset(weather(users=8), NEXT + SMALL)
    with pytest.raises(TargetError, match="Pass trainer="):
        NetworkRecommender(data.recipe).fit(data)


def test_that_a_model_that_failed_to_learn_is_not_fitted() -> None:
    data = dataset(weather(users=8), '[tasks.outside]\nkind = "binary"\nlabel = "timestamp"\n' + SMALL)
    model = network(data)
    with pytest.raises(Exception, match="must be 0 or 1"):
        model.fit(data)
    with pytest.raises(Exception, match="must be fitted first"):
        model.recommend(["u0"], 1)


def test_that_lists_longer_than_the_catalogue_are_padded() -> None:
    data = dataset(weather(users=8))
    rows, scores = Popularity().fit(data).top(Queries.first_of_each_user(data), 5, exclude_seen=False)
    assert rows.shape == scores.shape == (8, 5)
    assert np.all(rows[:, 3:] == -1)
    assert np.all(np.sort(rows[:, :3], axis=1) == [0, 1, 2])
    assert np.all(np.isneginf(scores[:, 3:]))
