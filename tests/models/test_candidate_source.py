"""Classic models that propose what the network ranks: what they propose, and that the network ranks just that."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.cli.recipe import read_recipe
from penchant.models.candidate_source import CandidateSource, each_once
from penchant.models.classic import classic
from penchant.models.collaborative.popularity import Popularity
from penchant.models.contract import check_recommender
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.saved import read, write
from penchant.schema.errors import BundleError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.storage.bundles import BundleStore, Metadata
from penchant.studies.fit import fit
from penchant.training.trainer import NetworkTrainer
from tests import small_data

FEW = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 2").replace("candidates = 20", "candidates = 4\nrank_by = { like = 1.0 }")
SOURCES = """
[serving.sources.neighbours]
kind = "item_knn"
recency = 0.8
candidates = 6

[serving.sources.popular]
kind = "popularity"
candidates = 3
"""
BOTH = FEW + SOURCES
ALONE = BOTH.replace('[tasks.next]\nkind = "next_item"\n', "")


@cache
def fitted(recipe: str) -> NetworkRecommender:
    data = small_data.film_dataset(recipe)
    found = fit(data.recipe, data)
    assert isinstance(found, NetworkRecommender)
    return found


class Given(Recommender):
    """Scores as they are given."""

    def __init__(self, scores: Any) -> None:
        self.given = np.array(scores, dtype=np.float32)

    def _learn(self, data: Any) -> None: ...

    def scores(self, queries: Queries) -> np.ndarray:
        return self.given.copy()


def asked(model: Recommender, users: list[str]) -> Queries:
    moment = {"timestamp": [small_data.FILM_NOW] * len(users), "daypart": ["day"] * len(users), "tab": ["home"] * len(users)}
    return Queries.now(model.log_, users, pl.DataFrame(moment))


def proposed(scores: list[list[float]], candidates: int, ranked: list[bool] | None = None) -> list[list[int]]:
    log = small_data.log_of(*((f"u{row}", "i0", 0.0) for row in range(len(scores))))
    log = replace(log, items=pl.DataFrame({"item_id": [f"i{place}" for place in range(len(scores[0]))]}))
    queries = Queries.now(log, [f"u{row}" for row in range(len(scores))], pl.DataFrame({"timestamp": [1.0] * len(scores)}))
    return CandidateSource(Given(scores), candidates).best(queries, True, None if ranked is None else np.array(ranked)).tolist()


def test_that_a_source_proposes_its_best_but_nothing_seen_and_nothing_from_the_bottom() -> None:
    assert proposed([[9, 1, 5, 3, 0], [9, 0, 0, 2, 0]], 2) == [[2, 3], [3, -1]]
    assert proposed([[9, 1, 5, 3, 0]], 10) == [[1, 2, 3, -1, -1]]
    assert proposed([[9, 1, 5, 3, 0]], 2, [True, True, False, True, True]) == [[1, 3]]


def test_that_a_source_that_scores_all_alike_proposes_nothing() -> None:
    assert proposed([[2, 2, 2]], 2) == [[-1, -1]]


def test_that_of_items_tied_for_the_last_place_those_of_lower_rows_come() -> None:
    assert proposed([[9, 0, 4, 5, 4, 4]], 2) == [[2, 3]]
    assert proposed([[9, 0, 4, 4, 4, 5]], 3) == [[2, 3, 5]]


def test_that_a_row_stands_once_where_it_stands_first() -> None:
    rows = each_once([np.array([[3, 1], [0, -1]]), np.array([[1, 2, -1], [0, 0, 4]])])
    assert rows.tolist() == [[3, 1, -1, 2, -1], [0, -1, -1, -1, 4]]


@pytest.mark.parametrize("lines", [BOTH, ALONE], ids=["beside retrieval", "alone"])
def test_that_a_network_with_sources_keeps_the_contract(lines: str) -> None:
    data = small_data.film_dataset(lines)
    check_recommender(NetworkRecommender(data.recipe, NetworkTrainer()), data)


def best_of(model: NetworkRecommender, user: str, candidates: set[int], k: int) -> list[int]:
    """The k candidates with the best combination of tasks, the plain way."""
    scores = model.scores_of(asked(model, [user]), np.arange(len(model.items))[None])[0]
    return sorted(candidates, key=lambda row: -scores[row])[:k]


def proposals(model: NetworkRecommender, user: str, seen: set[int]) -> set[int]:
    """What the sources propose, the plain way."""
    found: set[int] = set()
    for name, count in (("neighbours", 6), ("popular", 3)):
        scores = model.sources[name].model.scores(asked(model, [user]))[0]
        able = [row for row in np.argsort(-scores, kind="stable").tolist() if row not in seen and scores[row] > scores.min()]
        found |= set(able[:count])
    return found


def test_that_the_network_ranks_the_union_of_retrieval_and_sources() -> None:
    model = fitted(BOTH)
    found = dict(zip(("u0", "u1", "u8"), model.top(asked(model, ["u0", "u1", "u8"]), 4)[0].tolist(), strict=True))
    outside = 0
    for user, rows in found.items():
        queries = asked(model, [user])
        seen = set(queries.seen()[1].tolist())
        retrieval = model.scores(queries)[0]
        retrieved = {row for row in np.argsort(-retrieval, kind="stable").tolist() if row not in seen}
        retrieved = set(sorted(retrieved, key=lambda row: -retrieval[row])[:4])
        assert rows == best_of(model, user, retrieved | proposals(model, user, seen), 4)
        outside += len(set(rows) - retrieved)
    assert outside > 0, "some of the best were found by no retrieval"


def test_that_without_a_next_item_task_only_proposals_are_ranked() -> None:
    model = fitted(ALONE)
    for user in ("u0", "u1", "u8"):
        seen = set(asked(model, [user]).seen()[1].tolist())
        rows, scores = model.top(asked(model, [user]), 3)
        assert rows[0].tolist() == best_of(model, user, proposals(model, user, seen), 3)
        assert (np.diff(scores[0]) <= 0).all()


def test_that_somebody_of_whom_too_little_is_proposed_gets_the_best_of_all() -> None:
    model = fitted(ALONE)
    everything = set(range(len(model.items)))
    assert model.top(asked(model, ["nobody"]), 3)[0][0].tolist() == best_of(model, "nobody", proposals(model, "nobody", set()), 3)
    assert model.top(asked(model, ["nobody"]), 5)[0][0].tolist() == best_of(model, "nobody", everything, 5), "popularity proposes three"
    for k in (5, 12):  # twelve are more than two sources propose to anybody
        together = model.top(asked(model, ["u0", "nobody", "u1"]), k)[0]
        for user, rows in zip(("u0", "nobody", "u1"), together, strict=True):
            assert rows.tolist() == model.top(asked(model, [user]), k)[0][0].tolist()


def test_that_sources_are_learnt_from_what_the_network_is_learnt_from() -> None:
    data = small_data.film_dataset(BOTH)
    train, valid, _ = data.split()
    model = fit(data.recipe, train, valid)
    assert isinstance(model, NetworkRecommender)
    wanted = Popularity().fit(train)
    np.testing.assert_array_equal(model.sources["popular"].model.counts_, wanted.counts_)  # type: ignore[attr-defined]  # popularity's
    assert model.sources["neighbours"].model.get_params()["recency"] == 0.8
    assert [source.candidates for source in model.sources.values()] == [6, 3]


@pytest.mark.parametrize("lines", [BOTH, ALONE], ids=["beside retrieval", "alone"])
def test_that_a_bundle_keeps_sources_verified(lines: str, tmp_path: Path) -> None:
    model = fitted(lines)
    store = BundleStore(tmp_path)
    opened = store.open(store.create(lambda folder: write(model, folder), Metadata()))
    again = read(opened.path)
    users = ["u0", "u1", "nobody"]
    context = {"time": small_data.FILM_NOW, "daypart": "day"}
    assert again.recommend(users, 5, context=context).equals(model.recommend(users, 5, context=context))
    kept = opened.path / "sources" / "neighbours" / "model.safetensors"
    kept.chmod(0o644)
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match="neighbours"):
        store.open("1")


def test_that_a_source_that_draws_has_the_recipes_seed() -> None:
    assert classic(Part(kind="als"), seed=7).get_params()["seed"] == 7
    assert classic(Part(kind="als", seed=3), seed=7).get_params()["seed"] == 3


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (BOTH.replace('"item_knn"', '"item_kn"'), r"serving\.sources\.neighbours, kind must be a known kind; .* mean 'item_knn'"),
        (
            BOTH.replace("recency = 0.8", "recency = 2"),
            r"serving\.sources\.neighbours, key 'recency' must be less than or equal to 1; found 2",
        ),
        (BOTH.replace("recency =", "recent ="), r"serving\.sources\.neighbours, key 'recent' .* Did you mean 'recency'"),
        (BOTH.replace("candidates = 6", "candidates = 0"), r"serving\.sources\.neighbours\.candidates' must be greater than or equal to 1"),
        (BOTH.replace("sources.popular", 'sources."Up/.."'), r"serving\.sources' must be of names of small letters"),
        (BOTH.replace("rank_by = { like = 1.0 }", ""), "given a serving.rank_by with a task beside next_item .* 'next' alone"),
        (BOTH + '\n[model]\nkind = "ease"\n', "of kind 'network' when there are serving.sources"),
    ],
)
def test_that_a_wrong_source_is_refused_by_its_name(lines: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=told):
        read_recipe(small_data.write_film_files(tmp_path, lines))
    with pytest.raises(RecipeError, match=told):
        NetworkRecommender(Recipe.parse(lines), NetworkTrainer()).fit(small_data.film_dataset())
