"""Reasons as a client sees them: what is named is taken away through the same face, and the score moves as was said."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from small_engine import wait_until_ready
from starlette.testclient import TestClient
from tests import small_data
from tests.serving.test_counters import EVENTS, LATER, RECIPE, USER, data_of
from tests.serving.test_engine import same_weights
from tests.serving.test_funnel import classic_model, with_serving

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.event import Event
from penchant.schema.recipe import Recipe
from penchant.serving.app import create_app
from penchant.serving.engine import BundleEngine
from penchant.serving.keys import Keys
from penchant.serving.protocol import RankRequest, Reason, RecommendationRequest, ScoredItem
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore
from penchant.training.trainer import fit_network

EVERYTHING = "[serving.explanations]\nshare = 0.0\nhistory = 5\n"
NOW = small_data.FILM_NOW
CAUSES = {"history", "earlier_history", "profile", "context", "scenario", "item"}


def film(user: str, item: str, place: int, stars: float = 5, tab: str = "home", daypart: str = "day") -> Event:
    return Event(f"{user}-{place}", user, item, NOW - 5000 + 60.0 * place, "rating", stars, tab, {"daypart": daypart})


TASTE = [
    film("new", item, place, tab="home" if place % 2 else "search", daypart="day" if place % 3 else "night")
    for place, item in enumerate(["a2", "b1", "a4", "a4", "b3", "a6", "a8", "a1", "b5", "a3", "a10", "b2"])
]


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> NetworkRecommender:
    lines = "rank_by = { next = 1.0, stars = 0.3, like = 0.5 }\n" + EVERYTHING
    model = with_serving(small_data.film_network(), lines, tmp_path_factory.mktemp("films"))
    assert isinstance(model, NetworkRecommender)
    return model


def engine_with(recommender: NetworkRecommender, events: list[Event]) -> BundleEngine:
    engine = BundleEngine(recommender, "7")
    engine.apply_events(events)
    return engine


def rank(engine: BundleEngine, user: str = "new", items: tuple[str, ...] = ("a5", "b7"), **more: Any) -> dict[str, ScoredItem]:
    context = more.pop("context", {"timestamp": NOW, "daypart": "night"})
    request = RankRequest(
        user_id=user, items=items, n=len(items), context=context, scenario=more.pop("scenario", "search"), explain=True, **more
    )
    answer = engine.rank(request)
    assert not answer.degraded
    return {item.item_id: item for item in answer.items}


def causes(item: ScoredItem, kind: str | None = None) -> list[Reason]:
    return [reason for reason in item.reasons if reason["kind"] in CAUSES and kind in (None, reason["kind"])]


def assert_said(with_it: ScoredItem, without: ScoredItem, reason: Reason) -> None:
    """The score and each task's prediction move as the reason says, to what 32 bits tell."""
    assert reason["effect"] == pytest.approx(with_it.score - without.score, abs=2e-5)
    assert reason["effects"].keys() == with_it.tasks.keys()
    for task, effect in reason["effects"].items():
        assert effect == pytest.approx(with_it.tasks[task] - without.tasks[task], abs=2e-5), task


def event_of(reason: Reason, events: list[Event]) -> Event:
    return next(event for event in events if event.item_id == reason["name"] and event.timestamp == reason["time"])


# Take what is named away, ask again.


@pytest.mark.parametrize("count", [3, 7, 8, 9, 12])
def test_that_an_event_that_had_not_been_changes_the_score_as_was_said(recommender: NetworkRecommender, count: int) -> None:
    """Of histories that are short, just full (8 events) and more than full, where the event before moves up."""
    events = TASTE[:count]
    told = rank(engine_with(recommender, events))
    for item in told.values():
        named = causes(item, "history")
        assert len(named) == min(count, 5)
        for reason in named:
            rest = [event for event in events if event is not event_of(reason, events)]
            assert_said(item, rank(engine_with(recommender, rest))[item.item_id], reason)


def test_that_the_older_events_are_one_cause_that_says_how_many_they_are(recommender: NetworkRecommender) -> None:
    told = rank(engine_with(recommender, TASTE))
    for item in told.values():
        (reason,) = causes(item, "earlier_history")
        assert reason["events"] == 3, "eight are read, five of them one by one"
        assert "3 earlier events" in reason["text"]
        assert_said(item, rank(engine_with(recommender, TASTE[-5:]))[item.item_id], reason)


def test_that_events_of_the_log_are_causes_as_those_posted_since_are(recommender: NetworkRecommender) -> None:
    """Two events of u4 are in the log; of the engine that is asked again one of them is not."""

    def over(events: list[Event]) -> BundleEngine:
        other = same_weights(recommender, events)
        other.recipe_ = recommender.recipe
        return BundleEngine(other, "7")

    more = [film("u4", "a7", 1), film("u4", "b9", 2)]
    item = rank(over(more), "u4")["a5"]
    for gone, rest in zip(more, reversed(more), strict=True):
        reason = next(each for each in causes(item, "history") if each["name"] == gone.item_id and each["time"] == gone.timestamp)
        assert_said(item, rank(over([rest]), "u4")["a5"], reason)


def test_that_events_of_a_visit_are_causes(recommender: NetworkRecommender) -> None:
    engine = BundleEngine(recommender, "7")
    visit = tuple(TASTE[:4])
    item = rank(engine, "u1", session=visit)["a5"]
    for reason in causes(item, "history")[:4]:
        if reason["time"] >= visit[0].timestamp:
            rest = tuple(event for event in visit if event is not event_of(reason, list(visit)))
            assert_said(item, rank(engine, "u1", session=rest)["a5"], reason)


def test_that_columns_of_profile_context_and_scenario_change_the_score_as_was_said(recommender: NetworkRecommender) -> None:
    engine = engine_with(recommender, TASTE)
    item = rank(engine, profile={"colour": "red"})["a5"]
    (colour,), (daypart,), (tab,) = causes(item, "profile"), causes(item, "context"), causes(item, "scenario")
    assert (colour["name"], colour["value"]) == ("colour", "red")
    assert_said(item, rank(engine)["a5"], colour)
    assert (daypart["name"], daypart["value"]) == ("daypart", "night")
    assert_said(item, rank(engine, profile={"colour": "red"}, context={"timestamp": NOW})["a5"], daypart)
    assert (tab["name"], tab["value"]) == ("tab", "search")
    assert_said(item, rank(engine, profile={"colour": "red"}, scenario=None)["a5"], tab)
    usual = next(name for name in ("home", "search") if rank(engine, scenario=None)["a5"].score == rank(engine, scenario=name)["a5"].score)
    assert not causes(rank(engine, scenario=usual)["a5"], "scenario"), "a request without a scenario is asked in this one"


def test_that_columns_of_an_item_change_the_score_as_was_said(tmp_path: Path, recommender: NetworkRecommender) -> None:
    """Also of an item put since, and of one put anew."""
    own = small_data.copy_of(recommender, tmp_path)
    engine = engine_with(own, TASTE)
    records = {"a5": {"genre": "alpha", "year": 1981, "title": "Alpha 5"}, "fresh": {"genre": "beta", "year": 1980.0}}
    engine.upsert_items({"fresh": records["fresh"]})
    for item_id, record in records.items():
        item = rank(engine, items=(item_id, "b7"))[item_id]
        assert {reason["name"] for reason in causes(item, "item")} == {"item_id", "genre", "year"}
        for reason in causes(item, "item"):
            if reason["name"] != "item_id":
                engine.upsert_items({item_id: {**record, reason["name"]: None}})
                assert_said(item, rank(engine, items=(item_id, "b7"))[item_id], reason)
                engine.upsert_items({item_id: record})
        other = {**record, "genre": "alpha" if record["genre"] == "beta" else "beta"}
        engine.upsert_items({item_id: other})  # what was made of the item before counts no more
        item = rank(engine, items=(item_id, "b7"))[item_id]
        (year,) = [reason for reason in causes(item, "item") if reason["name"] == "year"]
        engine.upsert_items({item_id: {**other, "year": None}})
        assert_said(item, rank(engine, items=(item_id, "b7"))[item_id], year)


@pytest.fixture(scope="module")
def counting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("counting")
    data = data_of(EVENTS)
    write_network(fit_network(data.recipe, data), folder)
    return folder


def counted(folder: Path) -> NetworkRecommender:
    model = read_network(folder)
    model.recipe = model.recipe_ = Recipe.parse(RECIPE + EVERYTHING)
    return model


def test_that_counters_have_not_counted_an_event_that_had_not_been(counting: Path) -> None:
    """Of users, of their dayparts, of items, of pairs and of genres; the item itself is among those that were had."""
    events = [
        Event(str(place), USER, item, LATER + 100.0 * place, "rating", stars, "home", {"daypart": daypart})
        for place, (item, stars, daypart) in enumerate(
            [("a9", 5.0, "morning"), ("b1", 1.0, "morning"), ("a3", 4.0, "night"), ("a9", 2.0, "morning")]
        )
    ]
    context = {"daypart": "morning", "timestamp": LATER + 1000}
    asked: dict[str, Any] = {"user": USER, "items": ("a9", "b1"), "context": context, "scenario": "home"}
    told = rank(engine_with(counted(counting), events), **asked)
    for item in told.values():
        for gone in events:
            reason = next(
                (each for each in causes(item, "history") if each["name"] == gone.item_id and each["time"] == gone.timestamp), None
            )
            rest = [event for event in events if event is not gone]
            if reason is not None:
                assert_said(item, rank(engine_with(counted(counting), rest), **asked)[item.item_id], reason)
    assert {reason["name"] for reason in causes(told["a9"], "history")} >= {"a9", "a3"}
    plain = rank(engine_with(counted(counting), events), **asked | {"context": {"timestamp": LATER + 1000}})
    (daypart,) = [reason for reason in causes(told["a9"], "context") if reason["name"] == "daypart"]
    assert_said(told["a9"], plain["a9"], daypart)


def test_that_a_number_of_a_request_counts_beside_the_usual_scenarios_text(tmp_path: Path) -> None:
    """A scenario that is a number, by which is counted: as a request tells it and as the log does it means the same."""
    lines = RECIPE.replace("context.dayparts = {", 'context.tabs = { kind = "counters", by = ["tab"] }\ncontext.dayparts = {') + EVERYTHING
    events = EVENTS.with_columns(tab=pl.when(pl.col("tab") == "home").then(1).otherwise(2))
    data = Dataset.from_frames(events, small_data.viewers(), small_data.films(), Recipe.parse(lines), now=4e9)
    engine = BundleEngine(fit_network(data.recipe, data), "7")
    for tab in (1, 2):
        asked: dict[str, Any] = {"scenario": None, "context": {"tab": tab, "timestamp": LATER, "daypart": "day"}}
        item = rank(engine, USER, session=tuple(TASTE[:3]), **asked)["a5"]
        (reason,) = [each for each in causes(item, "history") if each["time"] == TASTE[2].timestamp]
        assert_said(item, rank(engine, USER, session=tuple(TASTE[:2]), **asked)["a5"], reason)


def test_that_events_of_a_visit_are_not_taken_from_counts(counting: Path) -> None:
    engine = BundleEngine(counted(counting), "7")
    visit = (Event("", USER, "a9", LATER + 50, "rating", 5.0, "home", {"daypart": "morning"}),)
    asked: dict[str, Any] = {"items": ("a9", "b1"), "context": {"daypart": "morning", "timestamp": LATER + 1000}, "scenario": "home"}
    item = rank(engine, USER, session=visit, **asked)["a9"]
    (reason,) = [each for each in causes(item, "history") if each["time"] == LATER + 50]
    assert_said(item, rank(engine, USER, **asked)["a9"], reason)


@pytest.mark.parametrize("kind", ["ease", "als"])
def test_that_a_classic_model_tells_of_the_past_alone(kind: str, tmp_path: Path) -> None:
    model = with_serving(classic_model(kind), EVERYTHING, tmp_path)
    events = TASTE[:9]

    def asked(stored: list[Event]) -> ScoredItem:
        engine = BundleEngine(model, "7")
        engine.apply_events(stored)
        (item,) = engine.rank(RankRequest(user_id="new", items=("a5",), n=1, explain=True)).items
        return item

    item = asked(events)
    assert {reason["kind"] for reason in causes(item)} == {"history", "earlier_history"}
    for reason in causes(item, "history"):
        rest = [event for event in events if event is not event_of(reason, events)]
        assert reason["effect"] == pytest.approx(item.score - asked(rest).score, abs=2e-5)
    assert {reason["text"][:8] for reason in causes(item, "history")} == {"You gave"}
    (of_log,) = BundleEngine(model, "7").rank(RankRequest(user_id="u0", items=("a5",), n=1, explain=True)).items
    stars = dict(small_data.film_events().filter(pl.col("user_id") == "u0").select("timestamp", "rating").iter_rows())
    for reason in causes(of_log, "history"):
        assert reason["text"].startswith(f"You gave “{reason['value']}” {stars[reason['time']]}: ")
    (older,) = causes(item, "earlier_history")
    assert older["effect"] == pytest.approx(item.score - asked(events[-5:]).score, abs=2e-5)


# What is told, and how.


def test_that_small_causes_are_left_out_and_the_strongest_come_first(recommender: NetworkRecommender) -> None:
    every = causes(rank(engine_with(recommender, TASTE))["a5"])
    sizes = [abs(reason["effect"]) for reason in every]
    assert sizes == sorted(sizes, reverse=True)
    some = {"a5": 0, "b7": 0}
    for share in (0.2, 0.05, 0.0):
        settings = recommender.recipe.serving.explanations.model_copy(update={"share": share})
        serving = recommender.recipe.serving.model_copy(update={"explanations": settings})
        own = same_weights(recommender, [])
        own.recipe = own.recipe_ = recommender.recipe.model_copy(update={"serving": serving})
        told = rank(engine_with(own, TASTE))
        for name, item in told.items():
            for of_item in (True, False):
                side = [
                    abs(reason["effect"])
                    for reason in causes(rank(engine_with(recommender, TASTE))[name])
                    if (reason["kind"] == "item") == of_item
                ]
                kept = [abs(reason["effect"]) for reason in causes(item) if (reason["kind"] == "item") == of_item]
                assert kept == pytest.approx([size for size in side if size >= share * sum(side)], abs=1e-4)
            assert len(causes(item)) > some[name], "a lower share keeps more"
            some[name] = len(causes(item))


def test_that_reasons_say_what_lowered_a_score_as_such_in_both_languages(recommender: NetworkRecommender) -> None:
    engine = engine_with(recommender, TASTE)
    for language, words in (("en", ("for it", "against it")), ("zh", ("提高", "降低"))):
        told = [reason for item in rank(engine, language=language).values() for reason in causes(item)]
        assert {reason["effect"] > 0 for reason in told} == {True, False}
        for reason in told:
            assert words[reason["effect"] < 0] in reason["text"]
    summary = rank(engine)["a5"].reasons[0]
    assert summary["kind"] == "summary"
    assert summary["text"].startswith("Because ")
    assert rank(engine, language="zh")["a5"].reasons[0]["text"].startswith("因为")


@pytest.fixture
def client(tmp_path: Path, recommender: NetworkRecommender) -> Iterator[TestClient]:
    database = Database(tmp_path / "penchant.db")
    log, records = SQLiteEventLog(database), SQLiteRecordStore(database)
    keys = Keys(records)
    with TestClient(create_app(BundleEngine(recommender, "7"), log, records, keys), headers={"X-API-Key": keys.add("test")}) as client:
        wait_until_ready(client)
        yield client


def test_that_reasons_go_over_http_in_the_language_of_the_reader(client: TestClient) -> None:
    body = {"user_id": "u0", "scenario": "search", "context": {"daypart": "day"}, "n": 3, "explain": True}
    told = client.post("/v1/recommendations", json=body).json()
    for item in told["items"]:
        kinds = [reason["kind"] for reason in item["reasons"]]
        assert kinds[:2] == ["source", "summary"]
        assert CAUSES >= set(kinds[2:]) >= {"history", "context", "item"}
        for reason in item["reasons"][2:]:
            assert reason["effects"].keys() == {"next", "like", "stars"}
            assert isinstance(reason["effect"], float)

    def language(asked: dict[str, Any], accepted: str) -> bool:
        answer = client.post("/v1/recommendations", json={**body, **asked}, headers={"Accept-Language": accepted})
        return answer.json()["items"][0]["reasons"][1]["text"].startswith("因为")

    assert language({}, "fr;q=0.9, zh-CN;q=0.8, en;q=0.1")
    assert not language({}, "fr")
    assert not language({"language": "en"}, "zh")
    assert language({"language": "zh"}, "en")
    assert client.post("/v1/recommendations", json={**body, "language": "fr"}).status_code == 422
    silent = client.post("/v1/recommendations", json={**body, "explain": False}).json()
    assert all(item["reasons"] == [] for item in silent["items"])


def test_that_a_list_is_answered_without_causes_when_they_cannot_be_found(
    recommender: NetworkRecommender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = BundleEngine(recommender, "7")

    def broken(*_: Any) -> None:
        raise ValueError("no")

    monkeypatch.setattr(engine.model, "explain", broken)
    answer = engine.recommend(RecommendationRequest(user_id="u0", n=3, explain=True))
    assert not answer.degraded
    assert [[reason["kind"] for reason in item.reasons] for item in answer.items] == [["source"]] * 3
    assert "no causes were found (ValueError)" in caplog.text
