"""A network whose items move: one score wherever it is asked, everything kept, and reasons found that no still item has room for."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.models.network import Network
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.saved import read_network, write_network
from penchant.models.sequential.two_tower import TwoTower
from penchant.schema.errors import RecipeError, TargetError
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RankRequest, RecommendationRequest
from penchant.training.trainer import fit_network
from tests.small_data import DAY, FILM_NOW, FILM_RECIPE, NOON, REASONS, copy_of, film_dataset, reasons_dataset

BRIEF = FILM_RECIPE.replace("epochs = 8", "epochs = 2")
PLACE = {"daypart": "night"}


def fitted(lines: str, recipe: str = BRIEF) -> tuple[Dataset, NetworkRecommender]:
    data = film_dataset(recipe.replace("[training]", f"{lines}\n[training]"))
    return data, fit_network(data.recipe, data)


def shaken(model: NetworkRecommender) -> NetworkRecommender:
    """Moved farther than two epochs do."""
    with torch.no_grad():
        for parameter in model.network.dynamic.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    model.refresh()
    return model


@pytest.fixture(scope="module")
def moving() -> tuple[Dataset, NetworkRecommender]:
    """The films' network with facets; not to be changed."""
    data, model = fitted('dynamic = { kind = "facets" }', FILM_RECIPE)
    return data, model


@pytest.mark.parametrize(
    "more", ["", 'context = { kind = "gaussian" }\n', 'repeats = { kind = "counts" }\n'], ids=["", "spread", "repeats"]
)
@pytest.mark.parametrize("kind", ["facets", "static", "low_rank"])
def test_that_a_fitted_networks_fold_is_its_moved_item(kind: str, more: str) -> None:
    """Retrieval's whole catalogue, the candidates that are judged, and the products by hand are the same scores."""
    data, model = fitted(f'dynamic = {{ kind = "{kind}" }}\n{more}')
    model = shaken(model)
    queries = Queries.at_events(data, data.rows[::37])
    encoding = model.encode(model.batch_of(queries))
    everywhere = model.retrieve(encoding, queries.moment)
    rows = np.tile(np.arange(len(model.items)), (len(queries), 1))
    np.testing.assert_allclose(model.judge(encoding, rows, queries.moment)["next"].numpy(), everywhere, rtol=1e-5, atol=1e-5)
    if not more:
        users = data.log.users["user_id"].gather(data.log.user[data.rows[::37]]).to_list()
        now = Queries.now(data.log, users, model._moment(len(users), PLACE | {"time": FILM_NOW}, "home"))
        encoding = model.encode(model.batch_of(now))
        names = model.items["item_id"].to_list()
        vectors = model.moved_items(np.repeat(users, len(names)).tolist(), names * len(users), PLACE | {"time": FILM_NOW}, "home")
        by_hand = (vectors.reshape(len(users), len(names), -1) * encoding.users.numpy()).sum(-1)
        np.testing.assert_allclose(model.retrieve(encoding, now.moment), by_hand, rtol=1e-5, atol=1e-5)


def test_that_only_facets_need_an_index_of_their_own(moving: tuple[Dataset, NetworkRecommender]) -> None:
    assert moving[1].item_index.shape == (30, 3 * 16)
    for kind in ("none", "low_rank"):
        _, model = fitted(f'dynamic = {{ kind = "{kind}" }}')
        assert model.item_index is model.item_vectors


def test_that_the_low_rank_movement_is_another_user_among_still_items() -> None:
    data, model = fitted('dynamic = { kind = "low_rank", rank = 4 }')
    model = shaken(model)
    encoding = model.encode(model.batch_of(Queries.at_events(data, data.rows[::37])))
    with torch.inference_mode():
        query = model.network.query(encoding)[:, 0]
    assert query.shape == encoding.users[:, 0].shape
    assert float((query - encoding.users[:, 0]).abs().max()) > 0.1
    np.testing.assert_allclose(model.retrieve(encoding, pl.DataFrame()), (query @ model.item_vectors.T).numpy(), atol=1e-5)


def test_that_a_network_without_movement_is_as_it_was_and_others_begin_as_it() -> None:
    """No weight more, and every weight that both have is drawn alike, so that one starts where the other does."""
    networks: dict[str, Network] = {}
    for kind in ("none", "facets", "static", "low_rank"):
        data = film_dataset(BRIEF.replace("[training]", f'dynamic = {{ kind = "{kind}" }}\n[training]'))
        model = NetworkRecommender(data.recipe)
        model.features.fit(data)
        torch.manual_seed(0)
        networks[kind] = model.build()
    still = networks["none"].state_dict()
    assert not [name for name in still if name.startswith("dynamic")]
    for kind in ("facets", "static", "low_rank"):
        others = networks[kind].state_dict()
        assert [name for name in others if not name.startswith("dynamic")] == list(still)
        assert all(torch.equal(others[name], value) for name, value in still.items())
    sizes = {kind: sum(parameter.numel() for parameter in network.parameters()) for kind, network in networks.items()}
    assert sizes["static"] == sizes["facets"] > sizes["none"]


def test_that_the_ranking_path_reads_the_moved_item(moving: tuple[Dataset, NetworkRecommender]) -> None:
    data, model = moving
    queries = Queries.at_events(data, data.rows[::37])
    encoding = model.encode(model.batch_of(queries))
    assert encoding.gates is not None
    rows = np.tile(np.arange(6), (len(queries), 1))
    asked = model.judge(encoding, rows, queries.moment)
    at_rest = torch.eye(3)[0].expand_as(encoding.gates)
    still = model.judge(replace(encoding, gates=at_rest), rows, queries.moment)
    for name in ("like", "stars", "next"):
        assert float((asked[name] - still[name]).abs().max()) > 1e-2, name


def test_that_an_item_moves_with_the_context_and_with_the_user(moving: tuple[Dataset, NetworkRecommender]) -> None:
    _, model = moving
    by_night, by_day, strange = (
        model.moved_items([user], ["a3"], {"daypart": part, "time": FILM_NOW}, "home")
        for user, part in (("u0", "night"), ("u0", "day"), ("nobody", "night"))
    )
    assert np.abs(by_night - by_day).max() > 1e-3
    assert np.abs(by_night - strange).max() > 1e-3
    _, static = fitted('dynamic = { kind = "static" }')
    found = static.moved_items(["u0", "u1", "nobody"], ["a3"] * 3, PLACE, "home")
    np.testing.assert_allclose(found, found[:1].repeat(3, axis=0), atol=1e-6)


def test_that_an_items_usual_vector_is_that_of_the_usual_gates(moving: tuple[Dataset, NetworkRecommender]) -> None:
    _, model = moving
    gates, index = model.network.dynamic.gates.usual, model.item_index.view(30, 3, 16)
    usual = torch.nn.functional.normalize((gates[:, None] * index).sum(1), dim=1)
    found = torch.nn.functional.normalize(model.usual_item_vectors, dim=1)
    np.testing.assert_allclose(found.numpy(), usual.numpy(), atol=1e-5)
    assert not torch.allclose(usual, torch.nn.functional.normalize(model.item_vectors, dim=1), atol=1e-2)


def listed(model: NetworkRecommender) -> list[Any]:
    told = model.recommend(["u0", "u5", "stranger"], 7, scenario="home", context=PLACE | {"time": FILM_NOW})
    return [told["item_id"].to_list(), told["score"].to_list(), model.usual_item_vectors[:4].tolist()]


@pytest.mark.parametrize("kind", ["facets", "static", "low_rank"])
def test_that_it_answers_the_same_when_read_again(kind: str, tmp_path: Path) -> None:
    _, model = fitted(f'dynamic = {{ kind = "{kind}" }}')
    write_network(model, tmp_path)
    assert listed(read_network(tmp_path)) == listed(model)


def test_that_new_items_and_strangers_are_served_by_moved_items(moving: tuple[Dataset, NetworkRecommender], tmp_path: Path) -> None:
    _, model = moving
    engine = BundleEngine(copy_of(model, tmp_path), "7")
    twin = {name: value for name, value in model.items.row(0, named=True).items() if name != "item_id"}
    unknown = dict.fromkeys(twin)
    engine.upsert_items({"new": twin, "blank": unknown, str(model.items["item_id"][3]): twin})
    assert engine.recommender.item_index.shape == (32, 48)
    for user in ("u0", "nobody"):
        context = PLACE | {"timestamp": FILM_NOW}
        answer = engine.recommend(RecommendationRequest(user_id=user, n=32, context=context, scenario="home", exclude_seen=False))
        found = {item.item_id: item for item in answer.items}
        assert {"new", "blank"} <= found.keys()
        assert not answer.degraded
        ranked = engine.rank(RankRequest(user_id=user, n=3, context=context, scenario="home", items=("new", "blank", "a0")))
        for item in ranked.items:
            assert item.score == pytest.approx(found[item.item_id].score, abs=1e-4)


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.2}])
def test_that_two_towers_fold_too(settings: dict[str, Any]) -> None:
    data = reasons_dataset('dynamic = { kind = "facets" }\n')
    model = TwoTower(width=8, epochs=2, **settings).fit(data)
    queries = Queries.at_events(data, data.rows[:20])
    scores = model.scores(queries)
    towers = model.towers_
    encoding = towers.encode(towers.batch_of(queries))
    items = towers.known.at(torch.arange(len(towers.items)).expand(20, 1, -1))
    if not settings:
        moved = towers.network.move(encoding, items).vectors[:, 0]
        np.testing.assert_allclose(scores, (moved * encoding.users).sum(-1).numpy(), rtol=1e-5, atol=1e-5)
    assert model.item_vectors.shape == (len(towers.items), 3 * 8)
    again = TwoTower(width=8, epochs=2, **settings)
    again.log_, again.recipe_ = model.log_, model.recipe_
    again.restore(model.state())
    np.testing.assert_array_equal(again.scores(queries), scores)
    np.testing.assert_array_equal(again.item_similarities(np.arange(3)), model.item_similarities(np.arange(3)))


def test_that_half_precision_learns_it_too() -> None:
    _, model = fitted('dynamic = { kind = "facets" }', BRIEF.replace("epochs = 2", 'epochs = 2\nprecision = "bfloat16"'))
    assert all(np.isfinite(scores).all() for scores in listed(model)[1:])


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('dynamic = { kind = "facet" }', "network.dynamic, kind must be a known kind; found 'facet'. Did you mean 'facets'"),
        ('dynamic = { kind = "facets", facets = 5 }', "facets"),
        ('dynamic = { kind = "static", facets = 1 }', "facets"),
        ('dynamic = { kind = "facets", facet = 2 }', "network.dynamic, key 'facet' must be a known key"),
        ('dynamic = { kind = "low_rank", rank = 0 }', "rank"),
        ('dynamic = { kind = "none", facets = 2 }', "network.dynamic, key 'facets' must be a known key"),
    ],
)
def test_that_wrong_settings_are_told(lines: str, told: str) -> None:
    with pytest.raises(RecipeError) as error:
        fitted(lines)
    assert told in str(error.value)
    assert "network.dynamic" in str(error.value)


def test_that_movement_nobody_would_see_is_refused() -> None:
    recipe = BRIEF.replace('[tasks.next]\nkind = "next_item"\n', "")
    lines = 'history = { kind = "none" }\ninteraction = { kind = "fields", told = false }\n'
    with pytest.raises(RecipeError, match=r"network\.dynamic must be 'none' where no task reads items' vectors; found 'facets'"):
        fitted(lines + 'dynamic = { kind = "facets" }', recipe)
    fitted(lines, recipe)


def test_that_pairs_that_are_none_are_refused(moving: tuple[Dataset, NetworkRecommender]) -> None:
    with pytest.raises(TargetError, match="one per user"):
        moving[1].moved_items(["u0"], ["a1", "a2"])
    with pytest.raises(TargetError, match="in the catalogue"):
        moving[1].moved_items(["u0"], ["no such film"])


# An item wanted for different reasons in different contexts.


def share_wanted(kind: str) -> float:
    """Of the eight items listed first, how many are of the kind the user likes in the circumstances asked about; a quarter of all are."""
    data = reasons_dataset(f'dynamic = {{ kind = "{kind}" }}\n')
    model = fit_network(data.recipe, data)
    found = []
    for reason in range(REASONS):
        listed = model.recommend(data.log.users["user_id"], 8, context={"why": f"why{reason}", "time": NOON + DAY}, exclude_seen=False)
        told = listed.join(data.log.items, on="item_id").join(data.log.users, on="user_id")
        found.append(told.select((pl.col(f"kind{reason}") == pl.col(f"likes{reason}")).mean()).item())
    return float(np.mean(found))


def test_that_facets_find_reasons_that_a_still_item_has_no_room_for() -> None:
    """Three reasons of four values each, of which the circumstances name one, in items of eight numbers."""
    assert share_wanted("facets") > share_wanted("static") + 0.05
