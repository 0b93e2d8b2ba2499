"""Counters in serving: what a request is told is what the log, had it held the same events, says of that moment."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests import small_data

from penchant.data.dataset import Dataset
from penchant.features.feature_set import FeatureSet
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.event import Event
from penchant.schema.recipe import Recipe
from penchant.serving import engine, served_network
from penchant.serving.protocol import RankRequest, RecommendationRequest
from penchant.training.trainer import fit_network

COUNTERS = """context.daypart = { kind = "category" }
user.likes = { kind = "counters", of = "rating >= 4", windows = ["7d", "all"], rate = true }
context.dayparts = { kind = "counters", by = ["user_id", "daypart"] }
item.fares = { kind = "counters", of = "rating", windows = ["7d", "all"], rate = true }
item.again = { kind = "counters", by = ["user_id", "item_id"] }
item.genres = { kind = "counters", of = "rating >= 4", by = ["genre", "daypart"], rate = true }"""
RECIPE = small_data.FILM_RECIPE.replace('context.daypart = { kind = "category" }', COUNTERS).replace("epochs = 8", "epochs = 1")
RECIPE += "rank_by = { like = 1.0, next = 0.1 }\n"
EVENTS = small_data.film_events()
CANDIDATE = ("fares", "again", "genres")
USER = EVENTS["user_id"][0]
LATER = float(EVENTS["timestamp"].to_numpy().max()) + 3600


def data_of(events: pl.DataFrame) -> Dataset:
    return Dataset.from_frames(events, small_data.viewers(), small_data.films(), Recipe.parse(RECIPE), now=4e9)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    data = data_of(EVENTS)
    write_network(fit_network(data.recipe, data), folder)
    return folder


def event(item: str, place: int) -> dict[str, Any]:
    return {"user_id": USER, "item_id": item, "timestamp": LATER + 100.0 * place, "rating": 5.0, "daypart": "morning"}


def by_log(bundle: Path, happened: list[dict[str, Any]], now: float, item: str = "a9", user: str = USER) -> dict[str, Any]:
    """Counters of an event at `now`, after what happened, from a log that holds everything."""
    asked = event(item, 0) | {"timestamp": now, "user_id": user}
    more = pl.DataFrame([{**EVENTS.row(0, named=True), **each} for each in [*happened, asked]], schema=EVENTS.schema, strict=False)
    log = data_of(pl.concat([EVENTS, more])).log
    row = int(np.flatnonzero((log.series("user_id") == user).to_numpy() & (log.time == now))[0])
    encoded = FeatureSet(Recipe.parse(RECIPE)).load(bundle).encode_log(log)
    told = {**encoded.context, **encoded.candidate}
    return {name: told[name][row] for name in ("user.likes", "dayparts", *CANDIDATE)}


def test_that_events_count_online_as_they_count_in_the_log(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recommender: NetworkRecommender = read_network(bundle)
    asked = engine.BundleEngine(recommender, "1")
    told: list[dict[str, Any]] = []
    assemble = served_network.assemble
    monkeypatch.setattr(
        served_network, "assemble", lambda profile, past, moments: told.append(moments.context) or assemble(profile, past, moments)
    )
    happened: list[dict[str, Any]] = []
    for place, item in enumerate(["a1", "a2", "a3"]):
        now = LATER + 100.0 * place + 50
        request = RecommendationRequest(user_id=USER, n=3, context={"daypart": "morning", "timestamp": now})
        assert not asked.recommend(request).degraded
        for name, wanted in by_log(bundle, happened, now).items():
            if name not in CANDIDATE:
                np.testing.assert_allclose(told[-1][name][0, 0], wanted, atol=1e-6)
        happened.append(event(item, place + 1))
        said = Event(str(place), USER, item, happened[-1]["timestamp"], event="rating", value=5.0, context={"daypart": "morning"})
        asked.apply_events([said])
    assert not np.allclose(told[0]["user.likes"], told[-1]["user.likes"])


class Overheard:
    """What the ranking path is told of candidates."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, recommender: NetworkRecommender) -> None:
        self.rows: list[Any] = []
        self.standing: list[dict[str, Any]] = []
        judge, rank = recommender.judge, recommender.network.rank
        monkeypatch.setattr(recommender, "judge", lambda encoding, rows, moments: self.rows.append(rows) or judge(encoding, rows, moments))
        monkeypatch.setattr(
            recommender.network,
            "rank",
            lambda encoding, items, told, *asked: self.standing.append(told) or rank(encoding, items, told, *asked),
        )

    def last(self, query: int, item: int) -> dict[str, Any]:
        """What was last told of a catalogue row."""
        place = int(np.flatnonzero(self.rows[-1][query] == item)[0])
        return {name: told[query, 0, place].numpy() for name, told in self.standing[-1].items()}


def test_that_candidates_are_told_of_what_happened_to_them_as_the_log_tells_it(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every candidate, of whoever asks, after events of others too, for one request and for several together."""
    recommender: NetworkRecommender = read_network(bundle)
    asked = engine.BundleEngine(recommender, "1")
    heard = Overheard(monkeypatch, recommender)
    happened: list[dict[str, Any]] = []
    begun = {}
    for place, (user, item) in enumerate([(USER, "a1"), ("u7", "a1"), ("somebody new", "b2"), (USER, "a1")]):
        now = LATER + 100.0 * place + 50
        requests = [
            RecommendationRequest(user_id=name, n=30, context={"daypart": "morning", "timestamp": now}, exclude_seen=False)
            for name in (USER, "u7", None)
        ]
        assert not any(answer.degraded for answer in asked.recommend_many(requests))
        for query, name in enumerate((USER, "u7")):
            for candidate in ("a1", "b2", "a3"):
                found = heard.last(query, recommender.items["item_id"].index_of(candidate))
                wanted = by_log(bundle, happened, now, candidate, name)
                for feature in CANDIDATE:
                    np.testing.assert_allclose(found[feature], wanted[feature], atol=1e-6, err_msg=f"{feature} of {candidate}")
        a1 = recommender.items["item_id"].index_of("a1")
        assert heard.last(2, a1)["again"] == by_log(bundle, [], LATER, "a1", "never here")["again"]  # nobody has had nothing
        begun.setdefault("a1", heard.last(0, a1))
        happened.append(event(item, place + 1) | {"user_id": user})
        said = Event(str(place), user, item, happened[-1]["timestamp"], event="rating", value=5.0, context={"daypart": "morning"})
        asked.apply_events([said])
    assert all(not np.allclose(begun["a1"][name], heard.last(0, a1)[name]) for name in CANDIDATE)


def test_that_an_item_of_today_is_counted_by_its_id_and_by_what_its_record_says(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recommender: NetworkRecommender = read_network(bundle)
    asked = engine.BundleEngine(recommender, "1")
    asked.upsert_items({"a99": {"genre": "alpha"}, "b3": {"genre": "alpha"}, "c1": {"genre": "gamma"}})
    heard = Overheard(monkeypatch, recommender)
    told = {}
    for place in range(2):
        request = RankRequest(
            user_id=USER, items=("a99", "a1", "b3", "c1", "b4"), context={"daypart": "morning", "timestamp": LATER + 100.0 * place + 50}
        )
        assert not asked.rank(request).degraded
        rows = {name: row for row, name in enumerate([*recommender.items["item_id"], "a99", "c1"])}
        told[place] = {name: heard.last(0, rows[name]) for name in request.items}
        said = Event(str(place), USER, "a99", LATER + 100.0 * place + 60, event="rating", value=5.0, context={"daypart": "morning"})
        asked.apply_events([said])
    now, then = told[1], told[0]
    assert {name for name in now if not np.allclose(now[name]["fares"], then[name]["fares"])} == {"a99"}
    assert {name for name in now if not np.allclose(now[name]["genres"], then[name]["genres"])} == {"a99", "a1", "b3"}
    np.testing.assert_array_equal(now["b3"]["genres"], now["a1"]["genres"])


def test_that_a_bundle_read_back_ranks_as_the_network_that_was_written(tmp_path: Path) -> None:
    data = data_of(EVENTS)
    model = fit_network(data.recipe, data)
    write_network(model, tmp_path)
    moment = {"timestamp": LATER, "daypart": "night"}
    users = [USER, "u8", "nobody"]
    one, other = (each.recommend(users, 30, context=moment, exclude_seen=False) for each in (model, read_network(tmp_path)))
    assert one.equals(other)
