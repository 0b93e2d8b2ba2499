"""Neighbours from the engine: what came a moment ago counts, and what is not known is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import small_data
from tests.models.similar.test_similar import network
from tests.serving.test_engine import rated

from penchant.schema.errors import TargetError, UnsupportedError
from penchant.serving import live_users
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import ScoredUser, SimilarAnswer, SimilarRequest

LATER = small_data.FILM_NOW + 60


@pytest.fixture
def engine(tmp_path: Path) -> BundleEngine:
    """An engine of the test's own."""
    return BundleEngine(small_data.copy_of(network(), tmp_path), "7")


def ask(engine: BundleEngine, of: Any, name: str, **more: Any) -> SimilarAnswer:
    return engine.similar(SimilarRequest(of=of, id=name, **more))()


def likeness(answer: SimilarAnswer) -> dict[str, float]:
    return {getattr(one, "user_id", None) or getattr(one, "item_id", ""): one.score for one in answer.found}


@pytest.mark.parametrize("space", ["content", "behaviour", "joint"])
@pytest.mark.parametrize("by", ["cosine", "pearson"])
def test_that_neighbours_online_are_those_offline(engine: BundleEngine, space: Any, by: Any) -> None:
    for of, name, table in (
        ("item", "a4", network().similar_items(["a4"], 31, space=space, by=by)),
        ("user", "u0", network().similar_users(["u0"], 62, space=space, by=by)),
    ):
        answer = ask(engine, of, name, n=1000, space=space, by=by)
        assert likeness(answer) == pytest.approx(dict(zip(table["other_id"], table["score"], strict=True)), abs=1e-5)
        assert (answer.space, answer.by, answer.fallback, answer.degraded, answer.model_version) == (space, by, None, False, "7")


def test_that_an_item_put_just_now_is_found_and_asked_about_by_content(engine: BundleEngine) -> None:
    ask(engine, "item", "a4", by="pearson")  # so that the vectors for Pearson are there before the item
    engine.upsert_items({"new": {"title": "Beta 99", "genre": "beta", "year": 1980}, "bare": {"title": "Bare"}})
    for by in ("cosine", "pearson"):
        near = ask(engine, "item", "b4", space="content", by=by, n=100)
        assert likeness(near)["new"] == pytest.approx(1, abs=1e-5)
        assert "bare" not in likeness(near)
        assert next(item.title for item in near.found if item.item_id == "new") == "Beta 99"  # type: ignore[union-attr]
        assert "new" not in likeness(ask(engine, "item", "b4", space="behaviour", by=by, n=100))
    for space in (None, "joint", "behaviour"):
        answer = ask(engine, "item", "new", space=space)
        assert (answer.space, answer.fallback, answer.degraded) == ("content", "no_behaviour", False)
        assert {name[0] for name in list(likeness(answer))[:7]} == {"b"}
    assert ask(engine, "item", "new", space="content").fallback is None
    nothing = ask(engine, "item", "bare")
    assert (list(nothing.found), nothing.fallback) == ([], "nothing_known")


def test_that_a_changed_item_keeps_what_was_done_with_it(engine: BundleEngine) -> None:
    before = {space: likeness(ask(engine, "item", "a4", space=space, n=100)) for space in ("content", "behaviour")}
    engine.upsert_items({"a4": {"title": "Now beta", "genre": "beta", "year": 1981}})
    after = {space: likeness(ask(engine, "item", "a4", space=space, n=100)) for space in ("content", "behaviour")}
    assert after["behaviour"] == pytest.approx(before["behaviour"], abs=1e-6)
    assert {name[0] for name in list(after["content"])[:5]} == {"b"}
    assert {name[0] for name in list(before["content"])[:5]} <= {"a", "c"}


def test_that_events_a_moment_ago_change_whom_a_user_is_like(engine: BundleEngine) -> None:
    events = [rated("new", f"b{number}", time=LATER + number) for number in range(6)]
    events += [rated("u0", f"b{number}", time=LATER + number) for number in range(8)]
    before = ask(engine, "user", "u0", space="behaviour", n=5)
    assert {int(name[1:]) % 2 for name in likeness(before)} == {0}
    engine.apply_events(events)
    answer = ask(engine, "user", "new", space="behaviour", n=100)
    assert {int(name[1:]) % 2 for name in list(likeness(answer))[:10] if name != "u0"} == {1}
    assert "u0" in list(likeness(answer))[:10]
    assert likeness(ask(engine, "user", "u1", n=100, space="behaviour"))["new"] > 0.3, "others find the newcomer too"
    assert ask(engine, "user", "new").fallback == "no_content"
    names = {event.item_id for event in events if event.user_id == "new"}
    catalogue = {name: place for place, name in enumerate(network().items["item_id"])}
    vector = network().similar.behaviour.into[[catalogue[name] for name in names]].sum(axis=0)
    other = network().similar.neighbours("user").units("cosine")[network().log_.users["user_id"].index_of("u3")][-len(vector) :]
    assert likeness(answer)["u3"] == pytest.approx(float(vector @ other / np.linalg.norm(vector)), abs=1e-5)


def test_that_a_profile_told_just_now_counts(engine: BundleEngine) -> None:
    engine.upsert_users({"first": {"colour": "red"}})
    assert ask(engine, "user", "first", space="content", n=1).found[0].score == pytest.approx(1, abs=1e-5)
    engine.upsert_users({"second": {"colour": "blue"}, "u2": {"colour": "blue"}, "nothing": {"age": 3}})
    near = likeness(ask(engine, "user", "second", space="content", n=100))
    assert near["u2"] > 0.5, "but for the circle of friends it is in, it is told the same"
    assert near["u3"] == pytest.approx(1, abs=1e-5)
    assert near.get("first", 0) < 0.1
    answer = ask(engine, "user", "second")
    assert (answer.space, answer.fallback) == ("content", "no_behaviour")
    assert ask(engine, "user", "nothing").fallback == "nothing_known"


def test_that_many_changes_are_taken_in_without_being_asked_for(engine: BundleEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_users, "MOST_CHANGED", 3)
    ask(engine, "user", "u0")
    for number in range(7):
        engine.apply_events([rated(f"n{number}", "b2", time=LATER)])
    assert len(engine.model._users._changed) < 3  # type: ignore[attr-defined]
    near = likeness(ask(engine, "user", "n0", space="behaviour", n=6))
    assert near == pytest.approx({f"n{number}": 1.0 for number in range(1, 7)}, abs=1e-5)


def test_that_friends_are_marked_alone_or_left_out(engine: BundleEngine) -> None:
    everybody = ask(engine, "user", "u0", n=100)
    assert {user.user_id for user in everybody.found if isinstance(user, ScoredUser) and user.related} == {"u1", "u2"}
    assert set(likeness(ask(engine, "user", "u0", friends="only"))) == {"u1", "u2"}
    assert not {"u0", "u1", "u2"} & set(likeness(ask(engine, "user", "u0", friends="none", n=100)))
    engine.upsert_users({"newcomer": {"colour": "red"}})
    assert likeness(ask(engine, "user", "newcomer", friends="only")) == {}


def test_that_who_is_unknown_is_refused(engine: BundleEngine) -> None:
    for of in ("item", "user"):
        with pytest.raises(TargetError, match=f"{of} must be") as caught:
            ask(engine, of, "stranger")
        assert not isinstance(caught.value, UnsupportedError)
    engine.apply_events([rated("stranger", "an item nobody added")])
    with pytest.raises(TargetError):
        ask(engine, "user", "stranger")


def test_that_a_search_that_fails_shows_as_degraded(
    engine: BundleEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    search = engine.similar(SimilarRequest(of="item", id="a4"))
    monkeypatch.setattr("penchant.models.similar.neighbours.Exact", lambda _: 1 / 0)
    answer = search()
    assert (list(answer.found), answer.degraded, answer.fallback) == ([], True, "search_failed")
    assert "ZeroDivisionError" in caplog.text
    assert "a4" not in caplog.text


def test_that_whom_a_user_is_like_goes_by_the_events_that_histories_hold(tmp_path: Path) -> None:
    """One event more is remembered, for explanations; it makes nobody more alike."""
    length = network().recipe.history.length
    events = [rated("new", f"{'b' if place < 1 else 'a'}{place % 9}", time=LATER + place) for place in range(length + 1)]
    found = []
    for place, some in enumerate((events, events[1:])):
        engine = BundleEngine(small_data.copy_of(network(), tmp_path / str(place)), "7")
        engine.apply_events(some)
        found.append(likeness(ask(engine, "user", "new", space="behaviour", n=100)))
    assert found[0] == pytest.approx(found[1])
