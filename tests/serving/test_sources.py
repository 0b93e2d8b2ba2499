"""Sources online: the network ranks the same union as offline, right after every event, for items and users old and new."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests import small_data
from tests.models.test_candidate_source import ALONE, BOTH, fitted
from tests.serving.test_engine import as_rows, ask, ids, rated, scores, some_events

from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read, write
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest

LINES = pytest.mark.parametrize("lines", [BOTH, ALONE], ids=["beside retrieval", "alone"])


def engine_of(lines: str, folder: Path) -> BundleEngine:
    """An engine over a network of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    write(fitted(lines), folder)
    return BundleEngine(read(folder), "5")


@LINES
@pytest.mark.parametrize("n", [2, 5, 12])
def test_that_the_service_answers_as_the_model_does_offline(lines: str, n: int, tmp_path: Path) -> None:
    engine = engine_of(lines, tmp_path)
    for user in ("u0", "u1", "u7", "nobody"):
        context = {"time": small_data.FILM_NOW, "daypart": "day"}
        wanted = fitted(lines).recommend([user], n, context=context, scenario="home")
        answer = ask(engine, user, n=n)
        assert (ids(answer), answer.degraded) == (wanted["item_id"].to_list(), False)
        assert scores(answer) == pytest.approx(dict(wanted.select("item_id", "score").iter_rows()), abs=1e-5)


@LINES
def test_that_events_online_give_the_answer_of_a_log_that_held_them(lines: str, tmp_path: Path) -> None:
    engine, events = engine_of(lines, tmp_path), some_events(5)
    engine.apply_events(events)
    assert isinstance(engine.recommender, NetworkRecommender)
    other = NetworkRecommender(engine.recommender.recipe)
    other.features, other.network, other.sources = engine.recommender.features, engine.recommender.network, engine.recommender.sources
    data = small_data.film_dataset(lines, more=as_rows(events))
    other.log_, other.recipe_ = data.log, data.recipe
    other.refresh()
    for user in ("u0", "u1", "u7", "u8", "new0", "new1"):
        wanted = other.recommend([user], 4, context={"time": small_data.FILM_NOW, "daypart": "day"}, scenario="home")
        assert scores(ask(engine, user, n=4)) == pytest.approx(dict(wanted.select("item_id", "score").iter_rows()), abs=1e-5)


@LINES
def test_that_only_what_was_found_or_proposed_is_ranked(lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(lines, tmp_path)
    judged, judge = [], engine.recommender.judge
    monkeypatch.setattr(
        engine.recommender, "judge", lambda encoding, rows, moments: judged.append(rows.shape) or judge(encoding, rows, moments)
    )
    ask(engine, "u0", n=3)
    ((one, ranked),) = judged
    assert (one, 3 <= ranked <= (13 if lines is BOTH else 9)) == (1, True)


def test_that_an_event_changes_what_is_proposed(tmp_path: Path) -> None:
    engine = engine_of(ALONE, tmp_path)
    before = ask(engine, "new", n=3)
    assert before.fallback == "unknown_user"
    engine.apply_events([rated("new", "b2"), rated("new", "b4", time=small_data.FILM_NOW - 30)])
    asked = engine.model._queries([engine._person(RecommendationRequest(user_id="new"))])  # type: ignore[attr-defined]  # the network's
    found = engine.recommender.sources["neighbours"].best(asked, True, None)[0]  # type: ignore[attr-defined]
    names = engine.recommender.items["item_id"].gather(found[found >= 0])
    assert len(names) == 6
    assert set(names.str.head(1)) == {"b"}
    assert not {"b2", "b4"} & set(ids(ask(engine, "new", n=30)))


@LINES
def test_that_an_item_added_since_can_be_ranked_and_its_events_do_no_harm(lines: str, tmp_path: Path) -> None:
    engine = engine_of(lines, tmp_path)
    engine.apply_events([rated("u0", "a99")])
    engine.upsert_items({"a99": {"genre": "alpha", "year": 1980}, "a98": {"genre": "alpha", "year": 1980}})
    engine.apply_events([rated("u1", "a98")])
    whole = engine.model._whole_memory  # type: ignore[attr-defined]  # the network's
    assert (30 in whole.of("u0").seen, 31 in whole.of("u1").seen, whole._waiting) == (True, True, {})
    everything = ids(ask(engine, "u0", n=40))
    assert ("a98" in everything, "a99" in everything) == (True, False)
    if lines is ALONE:
        few = ask(engine, "u2", n=8)
        assert not few.degraded
        rows = {item.item_id for item in few.items}
        assert len(rows) == 8
    assert not ask(engine, "u1", n=5).degraded


@LINES
def test_that_requests_answered_together_get_the_answers_they_would_get_alone(lines: str, tmp_path: Path) -> None:
    engine = engine_of(lines, tmp_path)
    engine.apply_events([rated("u1", "b2"), rated("new", "b3", daypart="night")])
    context = {"timestamp": small_data.FILM_NOW}
    requests = [
        RecommendationRequest(user_id="u0", n=5, context=context),
        RecommendationRequest(user_id="u1", n=30, context=context, exclude_seen=False),
        RecommendationRequest(n=1, context=context),
        RecommendationRequest(n=4, context=context, session=(rated("", "a1"), rated("", "a2", time=small_data.FILM_NOW - 30))),
        RecommendationRequest(user_id="nobody", n=3, context=context, profile={"colour": "blue"}),
    ]
    for alone, together in zip(map(engine.recommend, requests), engine.recommend_many(requests), strict=True):
        assert (ids(together), together.fallback, together.degraded) == (ids(alone), alone.fallback, False)
        assert len(together.items) > 0


def test_that_newcomers_are_proposed_the_newest_first(tmp_path: Path) -> None:
    engine = engine_of(ALONE, tmp_path)
    engine.upsert_items({f"a{number}": {"genre": "alpha", "year": 1980} for number in range(90, 97)})
    served = engine.model
    asked = served._ask([engine._person(RecommendationRequest(user_id="u0", context={"timestamp": small_data.FILM_NOW}))])  # type: ignore[attr-defined]
    (newest,) = [proposer for proposer in served._proposers() if proposer.source == served._newcomers]  # type: ignore[attr-defined]
    (found,) = newest.source(asked)
    assert found.best(newest.width).items.tolist() == [36, 35, 34, 33]
    catalogue = [*fitted(ALONE).items["item_id"], *(f"a{number}" for number in range(90, 97))]
    assert [catalogue[row] for row in found.items] == [f"a{number}" for number in range(90, 97)]
    assert pl.Series(catalogue).is_unique().all()
    assert np.isfinite(found.scores).all()
