"""The ladder: whatever becomes of the engine, a list comes in time and says what it is."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from failing_engine import FailingEngine

from penchant.schema.errors import TargetError
from penchant.schema.event import Event
from penchant.serving import service as services
from penchant.serving.admission import OverloadedError
from penchant.serving.breaker import FAILURES, Breaker
from penchant.serving.limits import Limits
from penchant.serving.protocol import RankRequest, RecommendationAnswer, RecommendationRequest, Standby
from penchant.serving.service import LateError, Service
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore

T = TypeVar("T")
DEADLINE = 0.2
SLACK = 0.3  # what a busy machine adds


@pytest.fixture
def engine() -> Iterator[FailingEngine]:
    engine = FailingEngine()
    yield engine
    engine.go.set()


@pytest.fixture
def run(tmp_path: Path, engine: FailingEngine) -> Callable[..., Any]:
    """Runs a test against a started service."""

    def run(test: Callable[[Service], Coroutine[Any, Any, T]], limits: Limits | None = None) -> T:
        async def whole() -> T:
            database = Database(tmp_path / "penchant.db")
            service = Service(engine, SQLiteEventLog(database), SQLiteRecordStore(database), limits or Limits(deadline=DEADLINE))
            await service.start()
            engine.asked_for = 0  # it has warmed up
            try:
                return await test(service)
            finally:
                engine.go.set()
                await asyncio.to_thread(service.close)

        return asyncio.run(whole())

    return run


def asked(**fields: Any) -> RecommendationRequest:
    return RecommendationRequest(**{"user_id": "u1", "n": 2} | fields)


def ids(answer: RecommendationAnswer) -> list[str]:
    return [item.item_id for item in answer.items]


def rung(answer: RecommendationAnswer) -> tuple[bool, str | None, str | None]:
    return answer.degraded, answer.fallback, answer.reason


@pytest.mark.parametrize(("harm", "reason"), [("fails", "failed"), ("late", "late"), ("hangs", "late")])
def test_that_every_answer_comes_in_time_whatever_becomes_of_the_engine(run: Any, engine: FailingEngine, harm: str, reason: str) -> None:
    async def test(service: Service) -> None:
        if harm == "hangs":
            engine.go.clear()
        else:
            setattr(engine, harm, 10 * DEADLINE if harm == "late" else True)
        slowest = 0.0
        for place in range(FAILURES + 5):
            begun = time.monotonic()
            answer = await service.recommend(asked())
            slowest = max(slowest, time.monotonic() - begun)
            assert rung(answer) == (True, "popular", reason if place < FAILURES else "breaker_open")
            assert ids(answer) == ["i5", "i4"]
        assert slowest < DEADLINE + SLACK
        assert service.parts["engine"] == "resting"
        assert engine.asked_for <= FAILURES
        engine.late = 0.0

    run(test)


def test_that_a_user_gets_the_last_good_list_of_the_scenario_and_nobody_elses(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        good = await service.recommend(asked(scenario="home", n=3))
        assert rung(good) == (False, None, None)
        engine.fails = True
        assert ids(await service.recommend(asked(scenario="home"))) == ids(good)[:2]
        assert rung(await service.recommend(asked(scenario="home"))) == (True, "last_list", "failed")
        for other in (
            asked(scenario="search"),
            asked(user_id="u2", scenario="home"),
            asked(user_id=None, session_id="u1", scenario="home"),
        ):
            assert (await service.recommend(other)).fallback != "last_list"

    run(test)


def test_that_a_list_is_filled_up_from_the_rungs_below_and_scores_fall(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        await service.recommend(asked(scenario="search", n=1))
        engine.fails = True
        answer = await service.recommend(asked(scenario="search", n=5))
        assert ids(answer) == ["i1", "i4", "i5", "i3"]  # last list, the scenario's popular, popular, static
        scores = [item.score for item in answer.items]
        assert scores == sorted(scores, reverse=True)
        assert len(set(scores)) == 4
        assert [item.title for item in answer.items] == ["Item 1", "Item 4", "Item 5", "Item 3"]
        assert rung(await service.recommend(asked(user_id="new", scenario="search"))) == (True, "popular_in_scenario", "failed")

    run(test)


def test_that_the_static_list_is_the_last_rung(run: Any, engine: FailingEngine) -> None:
    engine.counts_told = {}

    async def test(service: Service) -> None:
        engine.fails = True
        answer = await service.recommend(asked())
        assert (ids(answer), rung(answer)) == (["i3"], (True, "static", "failed"))

    run(test)


def test_that_what_was_seen_stays_out_also_of_memory(run: Any, engine: FailingEngine) -> None:
    engine.once_seen = {"u1": ["i5"]}

    async def test(service: Service) -> None:
        engine.go.clear()
        await service.recommend(asked())
        writing = asyncio.create_task(service.record_events([Event("e1", "u1", "i4", 1.0)]))
        await asyncio.sleep(0.1)
        session = (Event("", "u1", "i3", 1.0),)
        assert ids(await service.recommend(asked(n=5))) == ["i3"]
        assert ids(await service.recommend(asked(n=5, session=session))) == []
        assert ids(await service.recommend(asked(n=5, exclude_seen=False))) == ["i5", "i4", "i3"]
        assert ids(await service.recommend(asked(n=5, user_id="u2"))) == ["i5", "i4", "i3"]
        engine.go.set()
        await writing

    run(test)


def test_that_items_may_come_again_where_the_recipe_lets_them(run: Any, engine: FailingEngine) -> None:
    engine.standby = lambda: Standby(counts={None: {"i5": 1}}, seen=None)  # type: ignore[method-assign]

    async def test(service: Service) -> None:
        engine.fails = True
        assert ids(await service.recommend(asked(session=(Event("", "u1", "i5", 1.0),)))) == ["i5"]

    run(test)


def test_that_events_count_at_once_but_not_those_with_items_nobody_knows(run: Any, engine: FailingEngine) -> None:
    engine.counts_told = {None: {"i5": 2}, "search": {}}

    async def test(service: Service) -> None:
        events = [Event(f"e{n}", f"v{n}", "i2", 1.0, scenario="search") for n in range(3)]
        await service.record_events([*events, *(Event(f"x{n}", f"v{n}", "<script>", 1.0, scenario="new") for n in range(9))])
        engine.fails = True
        assert ids(await service.recommend(asked(n=5))) == ["i2", "i5", "i3"]
        assert rung(await service.recommend(asked(n=1, scenario="search")))[1] == "popular_in_scenario"

    run(test)


def test_that_the_best_list_so_far_is_given_when_the_engine_has_left_one(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        engine.leaves, engine.late = True, 3 * DEADLINE
        answer = await service.recommend(asked())
        assert (ids(answer), rung(answer)) == (["i2"], (True, "retrieved", "late"))
        engine.late = 0.0

    run(test)


def test_that_given_items_are_ordered_by_popularity_when_the_engine_fails(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        given = ("i1", "unknown", "i4", "i5", "i2")
        assert not (await service.rank(RankRequest(user_id="u1", items=("i1", "i2")))).degraded
        engine.fails = True
        assert ids(await service.rank(RankRequest(user_id="u1", items=given, n=10))) == ["i5", "i4", "i1", "i2"]
        assert (await service.recommend(asked())).fallback == "popular"  # what was once ranked for somebody is no list of theirs
        answer = await service.rank(RankRequest(user_id="u1", items=given, n=2, scenario="search"))
        assert (ids(answer), rung(answer)) == (["i4", "i5"], (True, "popular_in_scenario", "failed"))

    run(test)


def test_that_the_engine_answers_again_as_soon_as_its_rest_is_over(
    run: Any, engine: FailingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "Breaker", lambda: Breaker(rest=0.3))

    async def test(service: Service) -> None:
        engine.go.clear()
        for _ in range(FAILURES):
            await service.recommend(asked())
        assert (await service.recommend(asked())).reason == "breaker_open"
        engine.go.set()
        back = time.monotonic()
        while (await service.recommend(asked())).degraded:
            assert time.monotonic() - back < 0.3 + SLACK
            await asyncio.sleep(0.01)
        assert service.parts["engine"] == "answering"

    run(test)


def test_that_a_question_the_engine_cannot_answer_is_no_failure(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        def refuse(_: Any) -> None:
            raise TargetError("scenario", must="known", came="another", do="Name one.")

        engine.recommend = refuse  # type: ignore[assignment,method-assign]
        for _ in range(2 * FAILURES):
            with pytest.raises(TargetError):
                await service.recommend(asked())
        assert service.parts["engine"] == "answering"

    run(test)


def test_that_items_without_numbers_are_counted_and_the_list_filled_up(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        engine.bad_numbers = {"i1", "i2"}
        answer = await service.recommend(asked(n=3))
        assert ids(answer) == ["i3", "i5", "i4"]
        assert rung(answer) == (True, "nonfinite_scores", "nonfinite_scores")
        scores = [item.score for item in answer.items]
        assert scores == sorted(scores, reverse=True)
        assert b"penchant_nonfinite_scores_total 2.0" in service.metrics.text()
        engine.fails = True
        assert (await service.recommend(asked(n=3))).fallback == "popular"  # such a list is not remembered as a good one

    run(test)


def test_that_events_are_acknowledged_while_the_engine_hangs_and_taken_in_later(
    run: Any, engine: FailingEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "TAKE_IN_PATIENCE", 0.1)

    async def test(service: Service) -> None:
        engine.go.clear()
        assert (await service.record_events([Event("e1", "u1", "i1", 1.0)])).accepted == 1
        assert service.behind == 1
        for _ in range(FAILURES):
            await service.recommend(asked())
        monkeypatch.setattr(services, "TAKE_IN_PATIENCE", 60.0)
        begun = time.monotonic()
        assert (await service.record_events([Event("e2", "u1", "i2", 1.0)])).accepted == 1
        assert time.monotonic() - begun < 5  # an engine that rests is not waited for
        engine.go.set()
        while service.behind:
            await asyncio.sleep(0.01)
        assert engine.seen["u1"] == ["i1", "i2"]

    run(test)


def test_that_a_fact_that_does_not_come_is_told_late(run: Any, engine: FailingEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "FACT_PATIENCE", 0.1)

    async def test(service: Service) -> None:
        held = threading.Event()
        engine.user = lambda _: held.wait(5)  # type: ignore[assignment,method-assign,return-value]
        with pytest.raises(LateError):
            await service.user("u1")
        held.set()

    run(test)


def test_that_what_cannot_be_answered_in_time_is_refused_at_once(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        engine.late = 0.03
        for _ in range(30):
            await service.recommend(asked())
        asking = [asyncio.create_task(service.recommend(asked())) for _ in range(100)]
        begun = time.monotonic()
        await asyncio.wait(asking, timeout=0)
        await asyncio.sleep(0)
        refused = [task for task in asking if task.done() and isinstance(task.exception(), OverloadedError)]
        assert time.monotonic() - begun < SLACK
        assert len(refused) > 90
        answers = await asyncio.gather(*(task for task in asking if task not in refused))
        assert sum(not answer.degraded for answer in answers) >= 2
        assert engine.asked_for <= 30 + len(answers)
        assert f'penchant_refused_total{{what="waiting"}} {len(refused)}'.encode() in service.metrics.text()
        assert not (await service.recommend(asked())).degraded

    run(test, Limits(deadline=0.4))


def test_that_no_more_wait_than_may(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        engine.go.clear()
        waiting = [asyncio.create_task(service.recommend(asked())) for _ in range(3)]
        writing = [asyncio.create_task(service.record_events([Event(f"e{n}", "u1", "i1", 1.0)])) for n in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await service.recommend(asked())
        with pytest.raises(OverloadedError):
            await service.record_events([Event("e9", "u1", "i1", 1.0)])
        engine.go.set()
        await asyncio.gather(*waiting, *writing)
        await service.recommend(asked())
        assert (await service.record_events([Event("e9", "u1", "i1", 1.0)])).accepted == 1

    run(test, Limits(waiting=3, writing=2))


def test_that_a_hung_engine_does_not_keep_the_service_from_closing(run: Any, engine: FailingEngine) -> None:
    begun = time.monotonic()

    async def test(service: Service) -> None:
        engine.go.clear()
        await service.recommend(asked())
        await asyncio.to_thread(service.close)

    run(test)
    assert time.monotonic() - begun < services.STOP_PATIENCE + 2


def test_that_after_another_model_took_over_memory_is_of_that_one(run: Any, engine: FailingEngine) -> None:
    async def test(service: Service) -> None:
        for _ in range(FAILURES):
            engine.fails = True
            await service.recommend(asked())
        assert service.parts["engine"] == "resting"
        other, told = FailingEngine(), []
        other.counts_told = {None: {"i2": 4}}
        standby = other.standby

        def standby_while_items_come() -> Standby:
            asyncio.run_coroutine_threadsafe(service.put_items({"i9": {"title": "Nine"}}), loop).result(5)
            return replace(standby(), tell=told.append)

        other.standby = standby_while_items_come  # type: ignore[method-assign]
        loop, thread = asyncio.get_running_loop(), ThreadPoolExecutor(1)
        seat = service.seat_for(other, thread)
        service.follow(seat)
        await seat.rebuild()
        await service.switch(seat, thread)
        assert not (await service.recommend(asked())).degraded  # the breaker was the earlier model's
        other.fails = True
        assert ids(await service.recommend(asked(user_id="u7", n=1))) == ["i2"]
        assert told == [{"i9": {"title": "Nine"}}]
        thread.shutdown()

    run(test)
