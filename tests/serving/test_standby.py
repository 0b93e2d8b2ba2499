"""What a bundle's engine leaves for when it cannot answer, and the best list so far."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from tests import small_data

from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.event import Event
from penchant.serving.draft import Draft
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RankRequest, RecommendationAnswer, RecommendationRequest
from penchant.serving.service import Service
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore

CONTEXT = {"timestamp": small_data.FILM_NOW, "daypart": "day"}


@pytest.fixture
def recommender(tmp_path: Path) -> NetworkRecommender:
    return small_data.copy_of(small_data.film_network(), tmp_path)


def counted(events: pl.DataFrame) -> dict[str, int]:
    return dict(events["item_id"].value_counts().iter_rows())


def test_that_items_are_counted_everywhere_and_in_each_scenario(recommender: NetworkRecommender) -> None:
    standby, events = BundleEngine(recommender, "1").standby(), small_data.film_events()
    assert standby.counts[None] == counted(events)
    tabs = events["tab"].drop_nulls().unique().to_list()
    assert set(standby.counts) == {None, *tabs}
    for tab in tabs:
        assert standby.counts[tab] == counted(events.filter(pl.col("tab") == tab))
    assert list(standby.counts[None].values()) == sorted(standby.counts[None].values(), reverse=True)
    assert standby.listed[: len(standby.counts[None])] == list(standby.counts[None])
    assert set(standby.listed) == set(small_data.films()["item_id"])


def test_that_it_tells_scenario_title_and_what_was_seen_as_of_now(recommender: NetworkRecommender) -> None:
    engine = BundleEngine(recommender, "1")
    standby = engine.standby()
    assert standby.scenario(RecommendationRequest(scenario="search")) == "search"
    assert standby.scenario(RecommendationRequest(context={"tab": "search"})) == "search"
    assert standby.scenario(RecommendationRequest()) in standby.counts
    events, user = small_data.film_events(), "u0"
    assert standby.seen is not None
    assert {*standby.seen(user)} == {*events.filter(pl.col("user_id") == user)["item_id"]}
    assert list(standby.seen("nobody")) == []
    engine.upsert_items({"new": {"title": "Quite new"}})
    engine.apply_events([Event("e1", user, "new", small_data.FILM_NOW, "rating", 5.0), Event("e2", "nobody", "new", 1.0, "rating", 5.0)])
    assert "new" in standby.seen(user)
    assert list(standby.seen("nobody")) == ["new"]
    assert (standby.holds("new"), standby.title("new")) == (True, "Quite new")
    assert (standby.holds("never"), standby.title("never")) == (False, None)


def test_that_the_recipes_list_is_the_static_one_without_what_is_not_in_the_catalogue(recommender: NetworkRecommender) -> None:
    serving = recommender.recipe.serving.model_copy(update={"static_list": ["a2", "gone", "a1"], "exclude_seen": False})
    recommender.recipe_ = recommender.recipe_.model_copy(update={"serving": serving})
    standby = BundleEngine(recommender, "1").standby()
    assert (standby.listed, standby.seen) == (["a2", "a1"], None)


def service_of(recommender: NetworkRecommender, folder: Path) -> Service:
    database = Database(folder / "penchant.db")
    return Service(BundleEngine(recommender, "1"), SQLiteEventLog(database), SQLiteRecordStore(database))


def test_that_filters_hold_on_every_rung_also_of_items_put_since(
    recommender: NetworkRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = recommender.recipe.serving.model_copy(update={"filter": "genre == 'beta' or genre == 'alpha'"})
    recommender.recipe_ = recommender.recipe_.model_copy(update={"serving": serving})
    service = service_of(recommender, tmp_path)

    async def ask() -> None:
        await service.start()
        await service.recommend(RecommendationRequest(user_id="u0", n=30, context=CONTEXT, scenario="home"))
        monkeypatch.setattr(recommender, "judge", lambda *_: 1 / 0)
        monkeypatch.setattr(recommender, "retrieve", lambda *_: 1 / 0)
        records = {"new": {"title": "New", "genre": "beta"}, "other": {"title": "Other", "genre": "gamma"}, "b1": {"genre": "gamma"}}
        await service.put_items(records)
        await service.record_events([Event(f"{item}{n}", f"v{n}", item, 1.0, "rating") for item in records for n in range(30)])
        for user in ("u0", "nobody"):
            asked = RecommendationRequest(
                user_id=user, n=40, context=CONTEXT, scenario="home", filter="genre == 'beta'", exclude_seen=False
            )
            answer = await service.recommend(asked)
            assert answer.reason == "failed"
            found = {item.item_id for item in answer.items}
            assert found == {"new", *(item for item in small_data.films()["item_id"] if item.startswith("b"))} - {"b1"}
            everything = await service.recommend(replace(asked, filter=None))
            assert not {"other", "b1"} & {item.item_id for item in everything.items}
        given = RankRequest(user_id="u0", items=("a1", "new", "b1", "b2"), filter="genre == 'beta'")
        assert {item.item_id for item in (await service.rank(given)).items} == {"new", "b2"}
        assert len((await service.rank(replace(given, filter=None))).items) == 4

    asyncio.run(ask())
    service.close()


def test_that_nothing_passes_a_filter_that_cannot_be_asked(recommender: NetworkRecommender, monkeypatch: pytest.MonkeyPatch) -> None:
    standby = BundleEngine(recommender, "1").standby()
    monkeypatch.setattr("penchant.funnel.item_table.ItemTable.mask", lambda *_: 1 / 0)
    passes = standby.passes(RecommendationRequest(filter="genre == 'beta'"))
    assert passes is not None
    assert not passes("b1")
    assert standby.passes(RecommendationRequest()) is None


def asked(until: float) -> RecommendationRequest:
    return RecommendationRequest(user_id="u0", n=5, context=CONTEXT, scenario="home", draft=Draft[RecommendationAnswer](until))


def test_that_what_was_retrieved_is_left_and_ranked_only_while_there_is_time(
    recommender: NetworkRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = BundleEngine(recommender, "1")
    ranked: list[int] = []
    judge = recommender.judge
    monkeypatch.setattr(recommender, "judge", lambda *given: ranked.append(1) or judge(*given))
    early, late = asked(time.monotonic() + 60), asked(time.monotonic() - 1)
    answer = engine.recommend(early)
    assert (answer.degraded, len(ranked)) == (False, 1)
    engine.recommend(late)
    assert len(ranked) == 1
    seen = set(small_data.film_events().filter(pl.col("user_id") == "u0")["item_id"])
    for request in (early, late):
        assert request.draft is not None
        left = request.draft.answer()
        assert left is not None
        assert (left.degraded, left.fallback, left.reason, len(left.items)) == (True, "retrieved", "late", 5)
        assert not {item.item_id for item in left.items} & seen
        scores = [item.score for item in left.items]
        assert scores == sorted(scores, reverse=True)
    engine.recommend_many([early, late])
    assert len(ranked) == 2
