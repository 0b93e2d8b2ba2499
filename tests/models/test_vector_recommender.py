"""Models of products answer through an index, exact or not, and as if every score had been worked out."""

import numpy as np
import polars as pl
import pytest

from penchant.funnel import index
from penchant.funnel.exact import Exact
from penchant.funnel.near import Near
from penchant.models.classic import classic, classic_kinds
from penchant.models.collaborative.similarity import cosines
from penchant.models.contract import check_recommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.vector_recommender import VectorRecommender
from penchant.schema.sections.part import Part
from tests.small_data import NOON, dataset, two_worlds

KINDS = [kind for kind, found in classic_kinds().items() if issubclass(found, VectorRecommender)]
STARS = '[tasks.next]\nkind = "next_item"\n[tasks.stars]\nkind = "regression"\nlabel = "rating"\n'


def test_that_models_of_products_are_known() -> None:
    assert {"als", "pure_svd", "multi_level_mf", "dlcmf", "two_tower"} <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_that_they_keep_the_contract_also_by_lists_of_near_items(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "EXACT_UP_TO", 3)
    model = classic(Part(kind=kind))
    check_recommender(model, dataset(two_worlds(users=12)))
    assert isinstance(model, VectorRecommender)
    assert isinstance(model.index, Near)


@pytest.mark.parametrize("kind", KINDS)
def test_that_their_lists_are_those_of_all_scores(kind: str) -> None:
    data = dataset(two_worlds(users=20))
    model = classic(Part(kind=kind)).fit(data)
    queries = Queries.now(data.log, [*data.log.users["user_id"], "nobody"], pl.DataFrame({"timestamp": [NOON] * 21}))
    ranked = np.arange(12) % 3 > 0
    for seen, mask in ((True, None), (False, ranked)):
        rows, scores = model.top(queries, 5, exclude_seen=seen, ranked=mask)
        _, plain = Recommender._top_block(model, queries, 5, seen, mask)
        np.testing.assert_allclose(scores, plain, atol=1e-5)
        told = np.take_along_axis(model.scores(queries), np.maximum(rows, 0), axis=1)
        np.testing.assert_allclose(np.where(rows < 0, -np.inf, told), scores, atol=1e-5)
        assert mask is None or ranked[rows[rows >= 0]].all()


def test_that_a_mean_rating_is_in_every_score() -> None:
    ratings = two_worlds(users=12).with_columns(rating=pl.Series(np.resize([3.0, 4.0, 5.0], 72)))
    model = classic(Part(kind="multi_level_mf", values="ratings")).fit(dataset(ratings, STARS))
    table = model.recommend(["u0"], 12, exclude_seen=False)
    assert 2 < table["score"].min() < table["score"].max() < 6
    np.testing.assert_allclose(model.score(["u0"] * 12, table["item_id"].to_list()), table["score"].to_numpy(), atol=1e-4)


def test_that_the_index_is_made_once_and_again_after_another_fit() -> None:
    model = classic(Part(kind="als")).fit(dataset(two_worlds(users=12)))
    assert isinstance(model, VectorRecommender)
    first = model.index
    assert isinstance(first, Exact)
    assert model.index is first
    model.fit(dataset(two_worlds(users=12, items=8)))
    assert len(model.index) == 8


def test_that_near_items_are_measured_on_known_users_or_on_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    model = classic(Part(kind="als")).fit(dataset(two_worlds(users=300)))
    assert isinstance(model, VectorRecommender)
    typical = model._typical()
    assert typical.shape == (256, 64)
    everybody = model.query_vectors(Queries.now(model.log_, model.log_.users["user_id"], pl.DataFrame({"timestamp": [3e9] * 300})))
    assert all(np.isclose(everybody, one, atol=1e-6).all(axis=1).any() for one in typical[::50])


def test_that_cosines_are_right_by_hand_and_0_without_length() -> None:
    vectors = np.array([[3, 4], [4, 3], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(cosines(vectors, np.array([0, 2])), [[1, 0.96, 0], [0, 0, 0]], rtol=1e-6)
