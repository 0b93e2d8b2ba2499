"""Classic models behind the engine: as offline, right after every event, and something sensible for what they cannot know."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests import small_data
from tests.serving.test_engine import alike, as_rows, ask, ids, rated, scores, some_events

from penchant.models.classic import classic
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.saved import read, write
from penchant.schema.errors import TargetError, UnsupportedError
from penchant.schema.event import Event
from penchant.schema.sections.part import Part
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RankRequest, RecommendationRequest, SimilarRequest

KINDS: dict[str, dict[str, Any]] = {
    "recent": {"kind": "item_knn", "recency": 0.8},
    "rated": {"kind": "item_knn", "values": "ratings"},
    "ease": {"kind": "ease", "regularisation": 5.0},
    "users": {"kind": "user_knn", "neighbours": 5},
    "order": {"kind": "sasrec", "width": 8, "epochs": 1, "length": 12},
    "tabs": {"kind": "popularity", "per_scenario": True},
}
CATALOGUE = tuple(small_data.films()["item_id"])


@cache
def fitted(name: str) -> Recommender:
    return classic(Part(**KINDS[name])).fit(small_data.film_dataset())


def engine_of(name: str = "recent") -> BundleEngine:
    return BundleEngine(fitted(name), "3")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("at_once", [1, 1000])
def test_that_events_online_give_the_scores_of_a_log_that_held_them(name: str, at_once: int) -> None:
    events, engine = some_events(3), engine_of(name)
    for start in range(0, len(events), at_once):
        engine.apply_events(events[start : start + at_once])
    log = small_data.film_dataset(more=as_rows(events)).log
    for user in ("u0", "u1", "u7", "u8", "new0"):
        moment = pl.DataFrame({"timestamp": [small_data.FILM_NOW], "tab": ["search"], "daypart": ["day"]})
        asked = Queries.now(log, [user], moment)
        known = fitted(name).log_.users["user_id"]
        asked = Queries(log, np.array([known.index_of(user) if user in set(known) else -1]), asked.before, moment, log.offsets[asked.user])
        wanted = dict(zip(log.items["item_id"], fitted(name).scores(asked)[0], strict=True))
        answer = engine.rank(RankRequest(user_id=user, n=30, items=CATALOGUE, scenario="search"))
        assert (answer.degraded, answer.fallback) == (False, None)
        assert scores(answer) == pytest.approx(wanted, abs=1e-5)
        assert max(wanted.values()) > min(wanted.values())


@pytest.mark.parametrize("name", KINDS)
def test_that_a_bundle_answers_as_the_model_does_offline(name: str, tmp_path: Path) -> None:
    write(fitted(name), tmp_path)
    engine = BundleEngine(read(tmp_path), "3")
    for user in ("u0", "u1"):
        wanted = fitted(name).recommend([user], 5, scenario="home")
        answer = ask(engine, user)
        assert [item.score for item in answer.items] == pytest.approx(wanted["score"].to_list())
        assert len(set(ids(answer)) & set(wanted["item_id"])) >= 4, "but for ties the same items"


def test_that_the_very_next_answer_knows_of_an_event() -> None:
    engine = engine_of()
    assert ask(engine, "new").fallback == "unknown_user"
    engine.apply_events([rated("new", "b2"), rated("new", "b4", time=small_data.FILM_NOW - 30)])
    answer = ask(engine, "new", n=4)
    assert ({name[0] for name in ids(answer)}, answer.fallback, answer.degraded) == ({"b"}, None, False)
    assert not {"b2", "b4"} & set(ids(ask(engine, "new", n=30)))
    assert engine.user("new") == {"user_id": "new", "seen_items": 2}


@pytest.mark.parametrize("taste", ["a", "b"])
def test_that_an_anonymous_visit_is_known_by_what_it_did_and_not_kept(taste: str) -> None:
    engine = engine_of()
    visit = tuple(rated("visit", f"{taste}{number}", time=small_data.FILM_NOW - 60 + number) for number in (0, 2, 4))
    answer = ask(engine, None, n=3, session=visit)
    assert ({name[0] for name in ids(answer)}, answer.fallback) == ({taste}, None)
    assert engine.user("visit") is None


def test_that_who_tells_nothing_gets_what_most_have_had() -> None:
    counts = dict(small_data.film_events()["item_id"].value_counts().iter_rows())
    answer = ask(engine_of(), None, n=6)
    assert [counts[name] for name in ids(answer)] == sorted(counts.values(), reverse=True)[:6]
    assert (answer.fallback, answer.degraded) == ("anonymous", False)
    assert ask(engine_of(), "nobody", profile={"colour": "red"}).fallback == "unknown_user", "no classic model reads a new profile"


def test_that_a_new_item_is_kept_and_shown_but_neither_recommended_nor_ranked() -> None:
    engine = engine_of()
    before = ask(engine, "u0", n=30)
    engine.apply_events([rated("u0", "a99")])
    engine.upsert_items({"a99": {"title": "Alpha 99"}, "a1": {"title": "Changed"}})
    engine.apply_events([rated("u0", "a99", time=small_data.FILM_NOW)])
    after = ask(engine, "u0", n=40)
    assert scores(after) == scores(before), "nor does it weigh among what a user has had"
    assert engine.item("a99") == {"item_id": "a99", "title": "Alpha 99"}
    assert [item.title for item in after.items if item.item_id == "a1"] in ([], ["Changed"])
    assert ids(engine.rank(RankRequest(user_id="u1", n=3, items=("a99", "b2")))) == ["b2"]
    assert engine.rank(RankRequest(user_id="u1", n=3, items=("a99",))).items == []
    assert engine.describe()["counts"]["items"] == 31
    with pytest.raises(TargetError, match="among those the model has learnt"):
        alike(engine, "a99", 3)


@pytest.mark.parametrize("name", ["recent", "ease", "order"])
def test_that_similar_items_are_the_models_own_nearest(name: str) -> None:
    engine = engine_of(name)
    row = engine.recommender.items["item_id"].index_of("a4")
    values = engine.recommender.item_similarities(np.array([row]))[0].astype(float)
    found = alike(engine, "a4", 1000)
    wanted = {item: value for item, value in zip(engine.recommender.items["item_id"], values, strict=True) if value > 0 and item != "a4"}
    assert {item.item_id: item.score for item in found} == pytest.approx(wanted)
    assert len(found) > 3
    assert [item.score for item in found] == sorted(wanted.values(), reverse=True)
    if name != "order":  # one epoch teaches no vectors
        assert {item.item_id[0] for item in found[:3]} == {"a"}


def test_that_a_model_without_similarities_says_so() -> None:
    with pytest.raises(UnsupportedError, match="one that holds items against each other; found a Popularity"):
        alike(engine_of("tabs"), "a4", 3)
    with pytest.raises(UnsupportedError, match="one that holds users against each other; found a Popularity"):
        engine_of("tabs").similar(SimilarRequest(of="user", id="u1"))


def test_that_a_model_of_products_has_neighbours_of_users_as_offline() -> None:
    model = classic(Part(kind="als")).fit(small_data.film_dataset())
    answer = BundleEngine(model, "3").similar(SimilarRequest(of="user", id="u4", n=5, by="pearson"))()
    wanted = model.similar_users(["u4"], 5, by="pearson")
    assert [user.user_id for user in answer.found] == wanted["other_id"].to_list()
    assert (answer.space, answer.by, answer.fallback) == ("behaviour", "pearson", None)
    assert {int(name[1:]) % 2 for name in wanted["other_id"]} == {0}
    with pytest.raises(UnsupportedError, match="space 'content'"):
        BundleEngine(model, "3").similar(SimilarRequest(of="item", id="a4", space="content"))


def test_that_requests_answered_together_get_the_answers_they_would_get_alone() -> None:
    for name in KINDS:
        engine = engine_of(name)
        engine.apply_events([rated("u1", "b2"), rated("new", "b3", daypart="night")])
        requests = [
            RecommendationRequest(user_id="u0", n=5, scenario="home"),
            RecommendationRequest(n=1),
            RecommendationRequest(user_id="u1", n=30, scenario="search", exclude_seen=False),
            RecommendationRequest(user_id="new", n=3),
            RecommendationRequest(n=4, session=(rated("", "a1"),)),
        ]
        for alone, together in zip(map(engine.recommend, requests), engine.recommend_many(requests), strict=True):
            assert scores(together) == pytest.approx(scores(alone), abs=1e-6)
            assert (together.fallback, together.degraded) == (alone.fallback, False)


def test_that_the_description_tells_what_may_be_asked() -> None:
    told = engine_of().describe()
    assert json.loads(json.dumps(told)) == told
    assert (told["tasks"], told["context"], told["profile"]) == ([], [], [])
    assert set(told["scenarios"]) == {"home", "search"}
    assert told["events"] == [{"name": "rating", "values": [1.0, 2.0, 5.0]}]
    assert told["counts"] == {"users": 60, "items": 30, "events": 720}


def test_that_when_the_model_fails_popular_items_come(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Any:
        raise RuntimeError

    engine = engine_of()
    monkeypatch.setattr(engine.recommender, "scores", fails)
    answer = ask(engine, "u0", n=4)
    assert (len(answer.items), answer.degraded, answer.fallback) == (4, True, "popular")


def test_that_an_event_without_its_amount_is_no_rating() -> None:
    engine = engine_of("rated")
    engine.apply_events([Event("e1", "new", "b2", small_data.FILM_NOW - 60, "rating", None)])
    assert scores(ask(engine, "new", n=30)).keys() == set(CATALOGUE) - {"b2"}
