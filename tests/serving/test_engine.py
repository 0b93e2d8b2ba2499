"""The engine: the same answers as the model offline, right after every event, item and profile, and something sensible when it fails."""

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests import small_data

from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import usual_factors
from penchant.schema.errors import TargetError
from penchant.schema.event import Event
from penchant.schema.recipe import Recipe
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import Engine, RankRequest, RecommendationAnswer, RecommendationRequest, SimilarRequest

DAY = {"timestamp": small_data.FILM_NOW, "daypart": "day"}
NIGHT = {"timestamp": small_data.FILM_NOW, "daypart": "night"}


@pytest.fixture
def engine(tmp_path: Path) -> BundleEngine:
    """An engine of the test's own."""
    return BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path), "7")


@pytest.fixture(scope="module")
def shared() -> BundleEngine:
    """One engine for all tests that change nothing."""
    return BundleEngine(small_data.film_network(), "7")


def ask(engine: Engine, user: str | None = None, n: int = 5, context: dict[str, Any] = DAY, **more: Any) -> RecommendationAnswer:
    return engine.recommend(RecommendationRequest(user_id=user, n=n, context=context, **{"scenario": "home", **more}))


def ids(answer: RecommendationAnswer) -> list[str]:
    return [item.item_id for item in answer.items]


def rated(user: str, item: str, stars: float = 5, time: float = small_data.FILM_NOW - 60, tab: str = "home", daypart: str = "day") -> Event:
    return Event(f"{user}-{item}-{time}", user, item, time, "rating", stars, tab, {"daypart": daypart})


def as_rows(events: list[Event]) -> pl.DataFrame:
    rows = [(e.user_id, e.item_id, e.timestamp, int(e.value or 0), e.scenario, e.context["daypart"]) for e in events]
    return pl.DataFrame(rows, schema=small_data.film_events().columns, orient="row")


def same_weights(recommender: NetworkRecommender, more: list[Event]) -> NetworkRecommender:
    """The network as it is, over a log that holds more events."""
    other = NetworkRecommender(recommender.recipe)
    other.features, other.network = recommender.features, recommender.network
    data = small_data.film_dataset(more=as_rows(more))
    other.log_, other.recipe_ = data.log, data.recipe
    other.refresh()
    return other


def scores(answer: RecommendationAnswer) -> dict[str, float]:
    return {item.item_id: item.score for item in answer.items}


def assert_same(found: RecommendationAnswer, wanted: RecommendationAnswer) -> None:
    assert scores(found) == pytest.approx(scores(wanted), rel=1e-5, abs=1e-5)
    assert len(found.items) == len(wanted.items) > 0
    for one, other in zip(sorted(found.items, key=lambda i: i.item_id), sorted(wanted.items, key=lambda i: i.item_id), strict=True):
        assert one.tasks == pytest.approx(other.tasks, abs=1e-5)
    assert (found.degraded, found.fallback) == (wanted.degraded, wanted.fallback)


# Who asks.


@pytest.mark.parametrize(("user", "taste"), [("u0", "a"), ("u1", "b"), ("u2", "a"), ("u5", "b")])
def test_that_a_known_user_gets_films_of_the_own_taste(shared: BundleEngine, user: str, taste: str) -> None:
    answer = ask(shared, user, n=3)
    assert {name[0] for name in ids(answer)} == {taste}
    assert (answer.model_version, answer.degraded, answer.fallback) == ("7", False, None)


@pytest.mark.parametrize(("colour", "taste"), [("red", "a"), ("blue", "b")])
def test_that_a_new_user_is_known_by_the_profile_alone(shared: BundleEngine, colour: str, taste: str) -> None:
    answer = ask(shared, "newcomer", n=5, profile={"colour": colour})
    assert {name[0] for name in ids(answer)} == {taste}
    assert answer.fallback is None


@pytest.mark.parametrize("taste", ["a", "b"])
def test_that_an_anonymous_visit_is_known_by_what_it_did(shared: BundleEngine, taste: str) -> None:
    visit = tuple(rated("visit", f"{taste}{number}", time=small_data.FILM_NOW - 60 + number) for number in (0, 2, 4))
    answer = ask(shared, None, n=4, session=visit, session_id="visit")
    assert {name[0] for name in ids(answer)} == {taste}
    assert not set(ids(answer)) & {event.item_id for event in visit}
    assert answer.fallback is None


def test_that_a_visit_is_not_kept(shared: BundleEngine) -> None:
    before = ask(shared, "u0")
    visited = ask(shared, "u0", session=(rated("u0", "b1"), rated("u0", "b3"), rated("u0", "b5")))
    assert scores(visited) != scores(before)
    assert_same(ask(shared, "u0"), before)
    assert shared.user("visit") is None


def test_that_nobody_in_particular_gets_an_answer_that_says_so(shared: BundleEngine) -> None:
    assert ask(shared, None).fallback == "anonymous"
    unknown = ask(shared, "nobody")
    assert (unknown.fallback, unknown.degraded, len(unknown.items)) == ("unknown_user", False, 5)


# What is asked.


def test_that_context_changes_the_answer_as_it_did_in_the_log(shared: BundleEngine) -> None:
    parity = {
        name: {int(item[1:]) % 2 for item in ids(ask(shared, "u1", 3, context))} for name, context in (("day", DAY), ("night", NIGHT))
    }
    assert parity == {"day": {0}, "night": {1}}


def test_that_the_scenario_changes_what_is_predicted(shared: BundleEngine) -> None:
    home, search = ask(shared, "u1").items[0], ask(shared, "u1", scenario="search").items[0]
    assert home.tasks["like"] > 0.9 > 0.1 > search.tasks["like"]
    assert home.tasks["stars"] > 4 > 3 > search.tasks["stars"]


def test_that_without_a_scenario_the_first_declared_one_is_meant(shared: BundleEngine) -> None:
    first = shared.describe()["scenarios"][0]
    assert_same(ask(shared, "u0", scenario=None), ask(shared, "u0", scenario=first))


def test_that_every_item_has_a_share_of_the_next_event_and_each_tasks_prediction(shared: BundleEngine) -> None:
    everything = shared.rank(RankRequest(user_id="u0", n=30, items=tuple(small_data.films()["item_id"]), context=DAY, scenario="home"))
    assert sum(item.tasks["next"] for item in everything.items) == pytest.approx(1, abs=1e-4)
    assert all(list(item.tasks) == ["next", "like", "stars"] for item in everything.items)
    assert all(0 <= item.tasks["like"] <= 1 <= item.tasks["stars"] <= 5 for item in everything.items)
    assert everything.items[0].title == f"Alpha {everything.items[0].item_id[1:]}"


def test_that_scores_fall_and_no_more_items_come_than_asked_for(shared: BundleEngine) -> None:
    answer = ask(shared, "u0", n=7)
    values = [item.score for item in answer.items]
    assert len(values) == 7
    assert values == sorted(values, reverse=True)


def test_that_seen_items_are_left_out_unless_they_may_come_again(shared: BundleEngine) -> None:
    seen = set(small_data.film_events().filter(pl.col("user_id") == "u0")["item_id"])
    catalogue = set(small_data.films()["item_id"])
    assert set(ids(ask(shared, "u0", n=30))) == catalogue - seen  # also the one with a star, which no history keeps
    assert set(ids(ask(shared, "u0", n=30, exclude_seen=False))) == catalogue


def test_that_a_recipe_may_let_seen_items_come_again(tmp_path: Path) -> None:
    engine = ranking_by_tasks(tmp_path)
    context = {"time": small_data.FILM_NOW, "daypart": "day"}
    for user in ("u0", "u1", "nobody"):
        offline = engine.recommender.recommend([user], 5, context=context, scenario="home")
        assert scores(ask(engine, user)) == pytest.approx(dict(offline.select("item_id", "score").iter_rows()), abs=1e-5)


# Several at once.


BURST = (
    RecommendationRequest(user_id="u0", n=5, context=DAY, scenario="home"),
    RecommendationRequest(user_id="u1", n=30, context=NIGHT, scenario="search", exclude_seen=False),
    RecommendationRequest(n=1, context=DAY),
    RecommendationRequest(user_id="nobody", n=3, context=NIGHT, profile={"colour": "blue"}),
    RecommendationRequest(n=4, context=DAY, session=(rated("", "a1"), rated("", "a2", time=small_data.FILM_NOW - 30))),
    RecommendationRequest(user_id="u59", n=7, context=DAY, profile={"colour": "red"}),
    RecommendationRequest(user_id="stranger", n=2, context=DAY),
)


def ranking_by_tasks(folder: Path) -> BundleEngine:
    """An engine whose final order weighs two tasks."""
    recommender = small_data.copy_of(small_data.film_network(), folder)
    serving = recommender.recipe.serving.model_copy(update={"rank_by": {"like": 1.0, "stars": 0.5}, "candidates": 12})
    recommender.recipe = recommender.recipe.model_copy(update={"serving": serving})
    return BundleEngine(recommender, "7")


@pytest.mark.parametrize("by_tasks", [False, True])
def test_that_requests_answered_together_get_the_answers_they_would_get_alone(tmp_path: Path, by_tasks: bool) -> None:
    engine = ranking_by_tasks(tmp_path) if by_tasks else BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path), "7")
    engine.apply_events([rated("u1", "b2"), rated("new", "b3", daypart="night")])
    alone = [engine.recommend(request) for request in BURST]
    judged, judge = [], engine.recommender.judge
    engine.recommender.judge = lambda *asked: judged.append(1) or judge(*asked)
    together = engine.recommend_many(BURST)
    assert len(judged) == 1
    for found, wanted in zip(together, alone, strict=True):
        assert ids(found) == ids(wanted)
        assert_same(found, wanted)
    assert [answer.fallback for answer in together] == [None, None, "anonymous", None, None, None, "unknown_user"]


def test_that_a_visit_nobody_can_read_does_not_spoil_the_others_answers(engine: BundleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.memory, "extend", fails)
    answers = engine.recommend_many(BURST)
    assert [answer.degraded for answer in answers] == [bool(request.session) for request in BURST]


def test_that_where_nothing_retrieves_each_request_ranks_the_catalogue_alone(engine: BundleEngine) -> None:
    engine.recommender.network.retrieval = None
    batches, encode = [], engine.recommender.encode
    engine.recommender.encode = lambda batch: batches.append(batch.size) or encode(batch)
    serving = engine.recommender.recipe.serving.model_copy(update={"rank_by": {"like": 1.0}})
    engine.recommender.recipe = engine.recommender.recipe.model_copy(update={"serving": serving})
    assert not any(answer.degraded for answer in engine.recommend_many(BURST))
    assert batches == [1] * len(BURST)


def some_events(seed: int) -> list[Event]:
    """Events of known and new users, in no order of time, some at equal times, some of a kind that histories leave out."""
    random = np.random.default_rng(seed)
    films = small_data.films()["item_id"]
    events: dict[tuple[str, str, float], Event] = {}
    for _ in range(40):
        user, item = random.choice(["u0", "u1", "u7", "new0", "new1"]), films[int(random.integers(len(films)))]
        time = small_data.FILM_START + 86_400.0 * int(random.integers(90)) + 3_600.0 * int(random.integers(2))
        stars, tab, daypart = random.choice([1, 2, 5]), random.choice(["home", "search"]), random.choice(["day", "night"])
        events[(str(user), item, time)] = rated(str(user), item, float(stars), time, str(tab), str(daypart))
    return list(events.values())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_that_events_online_give_the_answer_of_a_log_that_held_them(engine: BundleEngine, seed: int, at_once: int) -> None:
    events = some_events(seed)
    for start in range(0, len(events), at_once):
        engine.apply_events(events[start : start + at_once])
    offline = BundleEngine(same_weights(engine.recommender, events), "7")
    for user in ("u0", "u1", "u7", "u8", "new0", "new1"):
        assert_same(ask(engine, user, n=10, context=NIGHT), ask(offline, user, n=10, context=NIGHT))


def test_that_the_context_may_name_the_scenario(shared: BundleEngine) -> None:
    stars = {scenario: ask(shared, "u0", scenario=scenario) for scenario in ("home", "search")}
    assert stars["home"].items[0].tasks["stars"] != pytest.approx(stars["search"].items[0].tasks["stars"], abs=0.1)
    for scenario in stars:
        assert_same(ask(shared, "u0", scenario=None, context=DAY | {"tab": scenario}), stars[scenario])
    assert_same(ask(shared, "u0", scenario="home", context=DAY | {"tab": "search"}), stars["home"])
    usual = usual_factors(small_data.film_network().features)["tab"]
    assert_same(ask(shared, "u0", scenario=None, context=DAY | {"tab": None}), stars[str(usual)])


def test_that_an_event_changes_the_very_next_answer_of_this_user_only(engine: BundleEngine) -> None:
    before = {user: ask(engine, user) for user in ("u0", "u1")}
    engine.apply_events([rated("u0", ids(before["u0"])[0])])
    assert ids(before["u0"])[0] not in ids(ask(engine, "u0", n=30))
    assert_same(ask(engine, "u1"), before["u1"])


def test_that_an_event_a_history_leaves_out_changes_nothing_but_what_is_seen(engine: BundleEngine) -> None:
    before = ask(engine, "u0", exclude_seen=False)
    disliked = ids(before)[0]
    engine.apply_events([rated("u0", disliked, stars=1)])
    assert_same(ask(engine, "u0", exclude_seen=False), before)
    assert disliked not in ids(ask(engine, "u0", n=30))


def test_that_an_event_with_an_unknown_item_is_passed_over(engine: BundleEngine) -> None:
    before = ask(engine, "u0", n=30)
    engine.apply_events([rated("u0", "no such film"), rated("stranger", "no such film")])
    assert_same(ask(engine, "u0", n=30), before)
    assert ask(engine, "stranger").fallback == "unknown_user"
    assert engine.user("stranger") is None


# Items and users that are new or changed.


def test_that_a_new_item_can_be_recommended_at_once_by_its_content(engine: BundleEngine) -> None:
    engine.upsert_items({"a99": {"title": "Alpha 99", "genre": "alpha", "year": 1980}, "b99": {"genre": "beta", "year": 1981}})
    answer = ask(engine, "u0", n=32)
    place = {name: row for row, name in enumerate(ids(answer))}
    assert place["a99"] < place["b99"]
    assert answer.items[place["a99"]].title == "Alpha 99"
    assert answer.items[place["b99"]].title is None
    assert engine.item("a99") == {"item_id": "a99", "title": "Alpha 99", "genre": "alpha", "year": 1980}
    engine.apply_events([rated("u0", "a99")])
    assert "a99" not in ids(ask(engine, "u0", n=32))


def test_that_events_before_their_item_count_as_soon_as_it_is_there(engine: BundleEngine, tmp_path: Path) -> None:
    other = BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path / "other"), "7")
    item = {"b99": {"genre": "beta", "year": 1981}}
    early = [rated("u0", "b99"), rated("new", "b99")]
    engine.apply_events(early)
    engine.upsert_items(item)
    other.upsert_items(item)  # the order of a restart
    other.apply_events(early)
    for user in ("u0", "new"):
        assert_same(ask(engine, user, n=31), ask(other, user, n=31))
        assert "b99" not in ids(ask(engine, user, n=31))


def test_that_the_same_content_again_gives_the_same_vector(engine: BundleEngine) -> None:
    before = engine.recommender.item_vectors.clone()
    engine.upsert_items({record["item_id"]: record for record in small_data.films().to_dicts()[:20]})
    np.testing.assert_allclose(engine.recommender.item_vectors, before, atol=1e-6)


def test_that_changed_content_gives_another_vector_and_title(engine: BundleEngine) -> None:
    engine.upsert_items({"a1": {"genre": "beta", "title": "Changed", "year": 1981}})
    assert engine.item("a1") == {"item_id": "a1", "title": "Changed", "genre": "beta", "year": 1981}
    first = engine.rank(RankRequest(user_id="u0", n=1, items=("a1",))).items[0]
    assert first.title == "Changed"
    before, after = small_data.film_network().item_vectors, engine.recommender.item_vectors
    row = small_data.film_network().items["item_id"].to_list().index("a1")
    moved = (before - after).abs().amax(dim=1) > 1e-3
    assert moved.nonzero().flatten().tolist() == [row]


def test_that_items_together_are_the_items_one_by_one(engine: BundleEngine, tmp_path: Path) -> None:
    other = BundleEngine(small_data.copy_of(small_data.film_network(), tmp_path / "other"), "7")
    records: dict[str, dict[str, Any]] = {"x": {"genre": "alpha", "year": 3}, "y": {"genre": 3, "year": "three"}, "z": {"genre": True}}
    engine.upsert_items(records)
    for name, record in records.items():
        other.upsert_items({name: record})
    np.testing.assert_allclose(engine.recommender.item_vectors, other.recommender.item_vectors, atol=1e-6)


def test_that_no_items_change_nothing(engine: BundleEngine) -> None:
    engine.upsert_items({})
    engine.upsert_users({})
    assert len(engine.recommender.item_vectors) == small_data.FILMS


def test_that_a_profile_counts_from_the_next_answer_on(engine: BundleEngine) -> None:
    engine.upsert_users({"newcomer": {"colour": "blue"}})
    answer = ask(engine, "newcomer")
    assert ({name[0] for name in ids(answer)}, answer.fallback) == ({"b"}, None)
    assert_same(answer, ask(engine, "other", profile={"colour": "blue"}))
    assert engine.user("newcomer") == {"user_id": "newcomer", "colour": "blue", "seen_items": 0}


def test_that_a_changed_profile_goes_before_the_logs(engine: BundleEngine) -> None:
    before = ask(engine, "u0", n=30)
    told = ask(engine, "u0", n=30, profile={"colour": "blue"})
    assert max(abs(scores(told)[name] - score) for name, score in scores(before).items()) > 0.01
    engine.upsert_users({"u0": {"colour": "blue"}})
    assert_same(ask(engine, "u0", n=30), told)


def test_that_a_requests_profile_goes_before_the_stored_one(engine: BundleEngine) -> None:
    engine.upsert_users({"newcomer": {"colour": "blue"}})
    assert {name[0] for name in ids(ask(engine, "newcomer", profile={"colour": "red"}))} == {"a"}


def test_that_what_is_known_of_users_and_items_is_told(shared: BundleEngine) -> None:
    seen = small_data.film_events().filter(pl.col("user_id") == "u1")["item_id"].n_unique()
    assert shared.user("u1") == {"user_id": "u1", "colour": "blue", "seen_items": seen}
    assert shared.user("nobody") is None
    assert shared.item("b3") == {"item_id": "b3", "title": "Beta 3", "genre": "beta", "year": 1981}
    assert shared.item("nothing") is None


# Given items, and items like another.


def test_that_ranking_keeps_the_known_items_and_scores_them_as_the_list_does(shared: BundleEngine) -> None:
    wanted = scores(ask(shared, "u0", n=30, exclude_seen=False))
    answer = shared.rank(RankRequest(user_id="u0", n=10, items=("b3", "a2", "nothing", "a7"), context=DAY, scenario="home"))
    assert scores(answer) == pytest.approx({name: wanted[name] for name in ("b3", "a2", "a7")}, abs=1e-5)
    assert ids(answer) == sorted(ids(answer), key=lambda name: -wanted[name])
    assert len(shared.rank(RankRequest(user_id="u0", n=1, items=("b3", "a2"))).items) == 1


def test_that_ranking_unknown_items_only_gives_none(shared: BundleEngine) -> None:
    answer = shared.rank(RankRequest(user_id="u0", items=("nothing",)))
    assert (answer.items, answer.degraded) == ([], False)


def alike(engine: BundleEngine, item: str, n: int) -> Sequence[Any]:
    return engine.similar(SimilarRequest(of="item", id=item, n=n))().found


def test_that_similar_items_are_of_the_same_taste_and_never_the_item_itself(shared: BundleEngine) -> None:
    near = [item.item_id for item in alike(shared, "a4", 5)]
    assert {name[0] for name in near} == {"a"}
    everything = [item.item_id for item in alike(shared, "a4", 1000)]
    assert sorted([*everything, "a4"]) == sorted(small_data.films()["item_id"])


def test_that_likeness_is_mutual_and_at_most_one(shared: BundleEngine) -> None:
    likeness = {(one, other.item_id): other.score for one in ("a4", "b3") for other in alike(shared, one, 1000)}
    assert likeness["a4", "b3"] == pytest.approx(likeness["b3", "a4"], abs=1e-6)
    assert all(-1.00001 <= value <= 1.00001 for value in likeness.values())


def test_that_an_unknown_item_has_no_similar_ones(shared: BundleEngine) -> None:
    with pytest.raises(TargetError, match="in the catalogue"):
        alike(shared, "nothing", 3)


# When something fails.


def fails(*_: object, **__: object) -> Any:
    raise RuntimeError("a message that names user u0")


@pytest.mark.parametrize("broken", ["encode", "judge", "retrieve"])
def test_that_when_the_network_fails_popular_items_come_and_the_log_names_nobody(
    engine: BundleEngine, broken: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine.recommender, broken, fails)
    with caplog.at_level(logging.DEBUG):
        answer = ask(engine, "u0", n=4)
    counts = dict(small_data.film_events()["item_id"].value_counts().iter_rows())
    seen = set(small_data.film_events().filter(pl.col("user_id") == "u0")["item_id"])
    assert [counts[name] for name in ids(answer)] == sorted((counts[name] for name in counts if name not in seen), reverse=True)[:4]
    assert not set(ids(answer)) & seen
    assert (answer.degraded, answer.fallback) == (True, "popular")
    (record,) = caplog.records
    assert record.exc_info is None
    assert "u0" not in caplog.text
    assert "RuntimeError" in caplog.text


def test_that_an_item_added_later_survives_the_networks_failure(engine: BundleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.upsert_items({"a99": {"genre": "alpha"}})
    monkeypatch.setattr(engine.recommender, "encode", fails)
    assert ids(ask(engine, "u0", n=40))[-1] == "a99"


def test_that_ranking_without_the_network_is_by_popularity(engine: BundleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = dict(small_data.film_events()["item_id"].value_counts().iter_rows())
    names = ("a1", "b5", "a6", "b9")
    monkeypatch.setattr(engine.recommender, "judge", fails)
    answer = engine.rank(RankRequest(user_id="u0", n=4, items=(*names, "nothing")))
    assert [counts[name] for name in ids(answer)] == sorted((counts[name] for name in names), reverse=True)
    assert (answer.degraded, answer.fallback) == (True, "popular")


def test_that_a_visit_nobody_can_read_still_gets_a_list(engine: BundleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.memory, "extend", fails)
    answer = ask(engine, "u0", session=(rated("u0", "a1"),))
    assert answer.degraded
    assert "a1" not in ids(ask(engine, "u0", n=30, session=(rated("u0", "a1"),)))


# What a person needs to know to ask.


def test_that_the_description_is_json_and_right(shared: BundleEngine) -> None:
    told = shared.describe()
    assert json.loads(json.dumps(told)) == told
    assert told["tasks"] == [
        {"name": "next", "kind": "next_item", "low": 0.0, "high": 0.05},
        {"name": "like", "kind": "binary", "low": 0.0, "high": 1.0},
        {"name": "stars", "kind": "regression", "low": 1.0, "high": 5.0},
    ]
    assert set(told["scenarios"]) == {"home", "search"}
    assert [(column["name"], column["kind"], set(column["values"])) for column in told["context"]] == [
        ("daypart", "category", {"day", "night"})
    ]
    assert [(column["name"], column["kind"], set(column["values"])) for column in told["profile"]] == [
        ("colour", "category", {"red", "blue"})
    ]
    assert told["events"] == [{"name": "rating", "values": [1.0, 2.0, 5.0]}]
    assert told["title"] == "title"
    assert told["counts"] == {"users": 60, "items": 30, "events": 720}
    counts = small_data.film_events()["item_id"].value_counts(sort=True)
    assert told["sample_items"][0]["item_id"] in counts.filter(pl.col("count") == counts["count"][0])["item_id"].to_list()
    assert len(set(told["sample_users"])) == len(told["sample_users"]) == 50


def test_that_new_items_are_counted(engine: BundleEngine) -> None:
    engine.upsert_items({"a99": {"genre": "alpha"}, "a1": {"genre": "alpha"}})
    assert engine.describe()["counts"]["items"] == 31


def test_that_titles_of_several_words_are_joined(shared: BundleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    title: Callable[[dict[str, Any]], str | None] = shared._title
    assert title({"title": ["Star", "Wars"]}) == "Star Wars"
    assert title({"title": None}) is None
    assert title({"title": 1984}) == "1984"
    untitled = Recipe.parse(small_data.FILM_RECIPE.replace('title = "title"\n', ""))
    monkeypatch.setattr(shared.recommender, "recipe_", untitled)
    assert title({"title": "Star Wars"}) is None
