"""Multi-level matrix factorisation against its loss, its cold formula another way, and what it is made for."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.interactions import interactions
from penchant.models.collaborative.multi_level_mf import MultiLevelMF
from penchant.models.contract import check_recommender
from penchant.models.queries import Queries
from penchant.schema.errors import RecipeError
from tests.models.collaborative.worlds import LINES, told_worlds, world_of
from tests.small_data import NEXT, NOON, dataset, two_worlds


def queries(data: Dataset, users: list[str], before: int | None = None) -> Queries:
    asked = Queries.now(data.log, users, pl.DataFrame({"timestamp": [NOON] * len(users)}))
    begin = np.where(asked.user < 0, 0, data.log.offsets[asked.user])
    return asked if before is None else Queries(asked.log, asked.user, np.where(asked.user < 0, 0, begin + before), asked.moment)


@pytest.mark.parametrize("settings", [{"factors": 3, "recency": 0.5}, {"portrait_weight": 0.0, "content_weight": 9.0}])
def test_that_it_keeps_the_contract_with_what_is_told(settings: dict[str, float]) -> None:
    check_recommender(MultiLevelMF(**settings), told_worlds()[1])  # type: ignore[arg-type]  # settings of several types


def test_that_attributes_are_one_hot_scaled_to_one_and_leave_ids_out() -> None:
    _, train = told_worlds(LINES + 'item.tags = { kind = "categories", column = "title", separator = " " }\n')
    users, items = attributes(train)
    assert users.shape == (42, 4)  # unknown, missing, red and blue
    assert items.shape[1] == 4 + 2 + 6  # the shapes, and words; no ids
    stranger = train.log.users["user_id"].index_of("u41")
    assert users[[stranger]].toarray().tolist() == [[0, 1, 0, 0]]
    rows = np.unique(train.log.item[train.rows])
    np.testing.assert_allclose((items[rows].toarray() ** 2).sum(axis=1), 1, rtol=1e-5)  # half a word's, half the shape's
    words = items[rows].toarray()[:, 6:]
    np.testing.assert_allclose(words[words > 0], np.sqrt(0.5 / 3), rtol=1e-5)


def test_that_a_vector_feature_has_a_mean_square_of_its_share() -> None:
    items = {"item_id": [f"i{n}" for n in range(12)], "year": np.arange(12) * 10.0}
    data = dataset(two_worlds(items=12), NEXT + '[features]\nitem.year = { kind = "number" }\n', None, items)
    _, told = attributes(data)
    assert (told.toarray() ** 2).sum() == pytest.approx(12, rel=1e-5)


def loss(model: MultiLevelMF, matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> float:
    """As the docstring has it, less what does not depend on vectors."""
    held = 0.0
    for axis, vectors, level in ((1, x, model.portrait_), (0, y, model.content_)):
        count = matrix.sum(axis=axis) + model.unobserved_weight * matrix.shape[axis]
        held += model.regularisation * (count * ((vectors - level.centre) ** 2).sum(axis=1)).sum()
        told = level.rows.toarray() - level.mean - (vectors - level.centre) @ level.loadings.T
        held += level.weight * (told**2).sum()
    products = x @ y.T
    return float((matrix * (1 - products) ** 2).sum() + model.unobserved_weight * (products**2).sum() + held)


def test_that_no_step_lowers_the_loss_once_it_has_settled() -> None:
    random = np.random.default_rng(3)
    matrix = (random.random((14, 9)) < 0.5).astype(float)
    matrix[:, 0] = matrix[0] = 1
    user, item = np.nonzero(matrix)
    events = {"user_id": [f"u{n:02}" for n in user], "item_id": [f"i{n}" for n in item], "timestamp": NOON + np.arange(len(user))}
    users = {"user_id": [f"u{n:02}" for n in range(14)], "colour": list("abcabcabcabcab")}
    items = {"item_id": [f"i{n}" for n in range(9)], "shape": list("xyxyzzxyx")}
    data = dataset(events, LINES, users, items)
    model = MultiLevelMF(factors=3, regularisation=0.05, unobserved_weight=0.2, content_weight=2.0, iterations=400).fit(data)
    x, y = model.users_.astype(float), model.vectors_.astype(float)
    best = loss(model, matrix, x, y)
    for _ in range(40):
        step_x, step_y = 3e-2 * random.standard_normal(x.shape), 3e-2 * random.standard_normal(y.shape)
        assert loss(model, matrix, x + step_x, y) > best
        assert loss(model, matrix, x, y + step_y) > best
    level = model.portrait_
    away = x - level.centre
    told = (level.rows.toarray() - level.mean).T @ away
    expected = told @ np.linalg.inv(away.T @ away + 0.05 * 14 * np.eye(3))
    np.testing.assert_allclose(level.loadings, expected, atol=1e-3)
    unexplained = level.rows.toarray() - level.mean - away @ level.loadings.T
    assert level.noise == pytest.approx((unexplained**2).mean(), rel=1e-3)


def test_that_a_known_users_vector_is_the_same_whether_stored_or_solved_for_again() -> None:
    _, train = told_worlds()
    model = MultiLevelMF(factors=4, iterations=300).fit(train)
    known = np.unique(train.log.user[train.rows])
    asked = Queries(train.log, known.astype(np.int64), train.log.offsets[known + 1], pl.DataFrame({"timestamp": [NOON] * len(known)}))
    whole = interactions(train)[known].sum(axis=1) == np.diff(train.log.offsets)[known]  # all their events are in the part
    np.testing.assert_allclose(model.query_vectors(asked)[whole], model.users_[known][whole], atol=2e-3)


def test_that_a_recent_event_weighs_more_where_it_is_asked_to() -> None:
    data = dataset(two_worlds(events=5))
    even = Queries.now(data.log, ["u0"], pl.DataFrame({"timestamp": [NOON]}))
    mixed = data.log.item.copy()
    last = data.log.offsets[even.user[0] + 1] - 1
    odd = data.log.items["item_id"].index_of("i1")
    mixed[last] = odd
    changed = Queries(replace(data.log, item=mixed), even.user, even.before, even.moment)
    worlds = np.array(world_of(data.log.items["item_id"]))
    gaps = []
    for recency in (1.0, 0.05):
        scores = MultiLevelMF(factors=4, recency=recency).fit(data).scores(changed)[0]
        gaps.append(scores[worlds == 0].mean() - scores[worlds == 1].mean())
    assert gaps[0] > 0 > gaps[1]


def test_that_the_cold_formula_is_the_mean_given_the_portrait_of_a_gaussian() -> None:
    _, train = told_worlds()
    level = MultiLevelMF(factors=4).fit(train).portrait_
    spread, loadings = level.spread.astype(float), level.loadings.astype(float)
    told = level.rows.toarray() - level.mean
    expected = (
        level.centre + told @ np.linalg.inv(loadings @ spread @ loadings.T + level.noise * np.eye(len(level.mean))) @ loadings @ spread
    )
    np.testing.assert_allclose(level.guess(np.arange(42)), expected, atol=1e-3)
    np.testing.assert_allclose(level.guess(np.array([-1])), level.centre[None], atol=1e-6)


def test_that_new_users_are_placed_by_their_portraits_and_new_items_by_their_contents() -> None:
    data, train = told_worlds()
    model = MultiLevelMF(factors=8).fit(train)
    new = [f"u{user}" for user in range(30, 40)]
    scores = model.scores(queries(data, new, before=0))
    worlds = np.array(world_of(data.log.items["item_id"]))
    for row, world in enumerate(world_of(pl.Series(new))):
        assert scores[row][worlds == world].min() > scores[row][worlds != world].max()
    cold = ~model.warm_
    assert cold.sum() == 4
    likeness = model.item_similarities(np.flatnonzero(cold))
    same = worlds[cold][:, None] == worlds
    assert likeness[same].min() > likeness[~same].max()


def test_that_who_tells_nothing_and_had_nothing_stands_in_the_middle() -> None:
    data, train = told_worlds()
    model = MultiLevelMF(factors=8).fit(train)
    vectors = model.query_vectors(queries(data, ["nobody", "u41"], before=0))
    np.testing.assert_allclose(vectors[0], model.users_[np.unique(train.log.user[train.rows])].mean(axis=0), atol=1e-5)
    assert np.isfinite(vectors).all()


def test_that_strangers_with_a_history_are_told_apart_by_it_alone() -> None:
    data = dataset(two_worlds(events=5))
    strangers = data.log.user % 5 == 0
    model = MultiLevelMF(factors=8).fit(data.part(np.flatnonzero(~strangers)))
    table = model.recommend(data.log.users["user_id"].to_list(), 1)
    assert world_of(table["user_id"]) == world_of(table["item_id"])
    likeness = model.user_similarities(np.arange(len(data.log.users)))
    np.testing.assert_allclose(likeness.diagonal(), 1, atol=1e-5)


def test_that_ratings_of_low_rank_are_predicted() -> None:
    random = np.random.default_rng(0)
    taste, kind, bias = random.normal(size=60), random.normal(size=25), random.normal(size=25)
    rows = [
        (f"u{u:02}", f"i{i:02}", NOON + n, 3.5 + 0.5 * bias[i] + 0.6 * taste[u] * kind[i])
        for u in range(60)
        for n, i in enumerate(random.permutation(25)[:20])
    ]
    lines = NEXT + '[tasks.stars]\nkind = "regression"\nlabel = "rating"\n'
    data = dataset(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row"), lines)
    train, _, test = data.split_last(0, 3)
    model = MultiLevelMF(factors=3, values="ratings", iterations=30, regularisation=0.005).fit(train)
    asked = Queries.at_events(test, test.rows)
    predicted = model.scores(asked)[np.arange(len(test)), test.log.item[test.rows]]
    truth = test.log.series("rating", test.rows).to_numpy()
    assert np.sqrt(np.mean((predicted - truth) ** 2)) < 0.15 < np.std(truth) / 4
    nobody = model.scores(queries(data, ["nobody"]))[0]
    means = [truth_of.mean() for truth_of in (3.5 + 0.5 * bias,)]
    assert abs(nobody.mean() - means[0]) < 0.1
    assert np.corrcoef(nobody, bias)[0, 1] > 0.9
    with pytest.raises(RecipeError, match="regression task"):
        MultiLevelMF(values="ratings").fit(dataset(two_worlds()))
