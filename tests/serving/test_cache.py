"""Answers that stand for a moment: for the same request alone, and only until something changes for whoever asks."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from small_engine import SmallEngine, wait_until_ready
from starlette.testclient import TestClient

from penchant.schema.event import Event
from penchant.serving.app import create_app
from penchant.serving.cache import LONGEST_ANSWER, AnswerCache
from penchant.serving.limits import Limits
from penchant.serving.one_thread import OneThread
from penchant.serving.protocol import RecommendationAnswer, RecommendationRequest, ScoredItem
from penchant.serving.service import Service
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore

ASKED = RecommendationRequest(user_id="u1", context={"a": 1, "b": 2}, n=5)
ANSWER = RecommendationAnswer([ScoredItem("i1", None, 1.0)], "7")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def cache(clock: Clock, seconds: float = 1.0, most: int = 3) -> AnswerCache:
    return AnswerCache(seconds, most, clock)


def kept(clock: Clock, request: RecommendationRequest = ASKED, answer: RecommendationAnswer = ANSWER, **settings: int) -> AnswerCache:
    one = cache(clock, **settings)
    begun = one.begin()
    clock.now += 0.01
    one.keep(request, begun, answer)
    return one


def test_the_same_request_finds_it_until_it_is_too_old(clock: Clock) -> None:
    one = kept(clock)
    assert one.find(ASKED) is ANSWER
    assert one.find(replace(ASKED, context={"b": 2, "a": 1}, request_id="another")) is ANSWER
    clock.now = 100.99
    assert one.find(ASKED) is ANSWER
    clock.now = 101.0  # counted from when it was asked, not from when it was made
    assert one.find(ASKED) is None
    assert len(one) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"user_id": "u2"}, {"user_id": None}, {"session_id": "s"}, {"scenario": "home"}, {"context": {"a": 1, "b": 3}}, {"n": 4},
        {"exclude_seen": False}, {"explain": True}, {"language": "zh"}, {"filter": "price < 3"}, {"diversity": 0.5},
        {"profile": {"age": 3}},
    ],
)  # fmt: skip
def test_another_request_does_not(clock: Clock, other: dict[str, object]) -> None:
    assert kept(clock).find(replace(ASKED, **other)) is None  # type: ignore[arg-type]  # a dictionary of keywords


def test_what_is_degraded_or_drawn_or_told_in_a_visit_is_never_kept(clock: Clock) -> None:
    drawn = RecommendationAnswer([ScoredItem("i1", None, 1.0, propensity=0.9)], "7")
    visit = replace(ASKED, session=(Event("e", "u1", "i1", 1.0),))
    for request, answer in ((ASKED, replace(ANSWER, degraded=True)), (ASKED, drawn), (visit, ANSWER)):
        one = kept(clock, request, answer)
        assert len(one) == 0
        assert one.find(request) is None
    assert len(kept(clock, seconds=0)) == 0


def test_what_a_user_does_ends_their_answers_alone(clock: Clock) -> None:
    one, other = kept(clock), replace(ASKED, user_id="u2")
    one.keep(other, clock.now, ANSWER)
    one.touch(["u1"])
    assert one.find(ASKED) is None
    assert one.find(other) is ANSWER
    one.clear()
    assert one.find(other) is None


@pytest.mark.parametrize("change", [lambda one: one.touch(["u1"]), lambda one: one.clear()])
def test_an_answer_that_something_overtook_is_not_kept(clock: Clock, change: object) -> None:
    one = cache(clock)
    begun = one.begin()
    change(one)  # type: ignore[operator]  # one of the two
    clock.now += 0.01
    one.keep(ASKED, begun, ANSWER)
    assert one.find(ASKED) is None
    begun = one.begin()
    one.keep(ASKED, begun, ANSWER)
    assert one.find(ASKED) is ANSWER


def test_an_answer_that_took_too_long_is_not_kept(clock: Clock) -> None:
    one = cache(clock, seconds=60)
    begun = one.begin()
    clock.now += LONGEST_ANSWER + 1
    one.keep(ASKED, begun, ANSWER)
    assert len(one) == 0


def test_the_least_recently_used_gives_way(clock: Clock) -> None:
    one = cache(clock)
    users = [replace(ASKED, user_id=f"u{n}") for n in range(4)]
    for request in users[:3]:
        one.keep(request, clock.now, ANSWER)
    one.find(users[0])
    one.keep(users[3], clock.now, ANSWER)
    assert [one.find(request) is not None for request in users] == [True, False, True, True]


def test_memory_of_changes_is_bounded(clock: Clock) -> None:
    one = cache(clock)
    for n in range(30_000):
        clock.now += 0.01
        one.touch([f"u{n}"])
    assert len(one._touched) <= 11_001


class Served:
    """A small service that keeps answers for a minute."""

    def __init__(self, folder: object) -> None:
        self.engine = SmallEngine()
        database = Database(f"{folder}/penchant.db")
        limits = Limits(cache_seconds=60)
        self.client = TestClient(create_app(self.engine, SQLiteEventLog(database), SQLiteRecordStore(database), None, limits=limits))

    def asked(self, user: str = "u1", **more: object) -> list[str]:
        told = self.client.post("/v1/recommendations", json={"user_id": user, "n": 3, **more}).json()
        return [item["item_id"] for item in told["items"]]


@pytest.fixture
def served(tmp_path: object):  # type: ignore[no-untyped-def]  # a generator of one
    one = Served(tmp_path)
    with one.client:
        wait_until_ready(one.client)
        yield one


def test_the_engine_is_asked_once_for_the_same_request(served: Served) -> None:
    first = served.asked()
    before = len(served.engine.requests)
    answers = [served.client.post("/v1/recommendations", json={"user_id": "u1", "n": 3}).json() for _ in range(3)]
    assert len(served.engine.requests) == before
    assert [item["item_id"] for item in answers[0]["items"]] == first
    assert len({answer["request_id"] for answer in answers}) == 3
    assert "penchant_cache_hits_total 3.0" in served.client.get("/metrics").text


def test_an_event_changes_the_very_next_answer(served: Served) -> None:
    first, other = served.asked(), served.asked("u2")
    served.client.post("/v1/events", json={"events": [{"user_id": "u1", "item_id": first[0], "event": "click"}]})
    assert first[0] not in served.asked()
    before = len(served.engine.requests)
    assert served.asked("u2") == other
    assert len(served.engine.requests) == before


def test_records_put_change_the_very_next_answer(served: Served) -> None:
    served.asked()
    before = len(served.engine.requests)
    served.client.put("/v1/users/u1", json={"age": 31})
    served.asked()
    assert len(served.engine.requests) == before + 1
    served.client.put("/v1/items/i9", json={"title": "new"})
    served.asked()
    assert len(served.engine.requests) == before + 2


class Held(SmallEngine):
    """Takes in events of "gate" only when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()

    def apply_events(self, events):  # type: ignore[no-untyped-def]  # as the engine above
        if any(event.user_id == "gate" for event in events):
            self.let.wait(10)
        super().apply_events(events)


def service(engine: SmallEngine, folder: Path) -> Service:
    database = Database(folder / "penchant.db")
    return Service(engine, SQLiteEventLog(database), SQLiteRecordStore(database), Limits(cache_seconds=60))


def clicked(user: str, item: str) -> list[Event]:
    return [Event(f"{user} {item}", user, item, 1.0, "click")]


def names(answer: RecommendationAnswer) -> list[str]:
    return [item.item_id for item in answer.items]


def test_a_stored_event_ends_answers_before_the_engine_has_taken_it_in(tmp_path: Path) -> None:
    async def live() -> None:
        engine = Held()
        one = service(engine, tmp_path)
        await one.start()
        await one.recommend(ASKED)
        gate = asyncio.create_task(one.record_events(clicked("gate", "i1")))
        await asyncio.sleep(0.2)
        event = asyncio.create_task(one.record_events(clicked("u1", "i2")))
        await asyncio.sleep(0.2)
        early = asyncio.create_task(one.recommend(ASKED))  # the engine gets it before the event
        await asyncio.sleep(0.1)
        assert not early.done()
        engine.let.set()
        await asyncio.gather(gate, event, early)
        assert "i2" not in names(await one.recommend(ASKED))
        one.close()

    asyncio.run(live())


def test_another_model_ends_all_answers(tmp_path: Path) -> None:
    async def live() -> None:
        one, other = service(SmallEngine(), tmp_path), SmallEngine()
        other.model_version = "8"
        await one.start()
        assert (await one.recommend(ASKED)).model_version == "7"
        thread = OneThread("other")
        seat = one.seat_for(other, thread)
        one.follow(seat)
        await one.switch(seat, thread)
        assert (await one.recommend(ASKED)).model_version == "8"
        one.close()
        thread.close(1.0)

    asyncio.run(live())
