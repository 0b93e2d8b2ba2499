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
from penchant.serving import engine
from penchant.serving.protocol import RecommendationRequest
from penchant.training.trainer import fit_network

COUNTERS = """context.daypart = { kind = "category" }
user.likes = { kind = "counters", of = "rating >= 4", windows = ["7d", "all"], rate = true }
context.dayparts = { kind = "counters", by = ["user_id", "daypart"] }"""
RECIPE = small_data.FILM_RECIPE.replace('context.daypart = { kind = "category" }', COUNTERS).replace("epochs = 8", "epochs = 1")
EVENTS = small_data.film_events()
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


def by_log(bundle: Path, happened: list[dict[str, Any]], now: float) -> dict[str, Any]:
    """Counters of an event at `now`, after what happened, from a log that holds everything."""
    asked = event("a9", 0) | {"timestamp": now}
    more = pl.DataFrame([{**EVENTS.row(0, named=True), **each} for each in [*happened, asked]], schema=EVENTS.schema, strict=False)
    log = data_of(pl.concat([EVENTS, more])).log
    row = int(np.flatnonzero((log.series("user_id") == USER).to_numpy() & (log.time == now))[0])
    encoded = FeatureSet(Recipe.parse(RECIPE)).load(bundle).encode_log(log).context
    return {name: encoded[name][row] for name in ("user.likes", "dayparts")}


def test_that_events_count_online_as_they_count_in_the_log(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recommender: NetworkRecommender = read_network(bundle)
    asked = engine.BundleEngine(recommender, "1")
    told: list[dict[str, Any]] = []
    assemble = engine.assemble
    monkeypatch.setattr(engine, "assemble", lambda profile, past, moments: told.append(moments.context) or assemble(profile, past, moments))
    happened: list[dict[str, Any]] = []
    for place, item in enumerate(["a1", "a2", "a3"]):
        now = LATER + 100.0 * place + 50
        request = RecommendationRequest(user_id=USER, n=3, context={"daypart": "morning", "timestamp": now})
        assert not asked.recommend(request).degraded
        for name, wanted in by_log(bundle, happened, now).items():
            np.testing.assert_allclose(told[-1][name][0, 0], wanted, atol=1e-6)
        happened.append(event(item, place + 1))
        said = Event(str(place), USER, item, happened[-1]["timestamp"], event="rating", value=5.0, context={"daypart": "morning"})
        asked.apply_events([said])
    assert not np.allclose(told[0]["user.likes"], told[-1]["user.likes"])
