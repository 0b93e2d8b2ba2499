"""Requests that wait together: one call for them all, each its own answer."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from small_engine import SmallEngine

from penchant.serving.protocol import RecommendationAnswer, RecommendationRequest
from penchant.serving.service import MOST_TOGETHER, Service
from penchant.serving.together import Together


class Doubling:
    """Answers twice the number; the first call waits until it is let go. A call with a 13 fails."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.calls.append(numbers)
        self.begun.set()
        assert self.go.wait(5)
        if 13 in numbers:
            raise ValueError("thirteen")
        return [2 * number for number in numbers]


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as thread:
        yield thread


def burst(thread: ThreadPoolExecutor, answer: Doubling, numbers: list[int], most: int = 3) -> list[int | BaseException]:
    """Asks for the first number, and for the others while the thread is busy with it."""

    async def ask() -> list[int | BaseException]:
        together = Together(thread, answer, most)
        asked = [asyncio.create_task(together.ask(numbers[0]))]
        await asyncio.to_thread(answer.begun.wait, 5)
        asked += [asyncio.create_task(together.ask(number)) for number in numbers[1:]]
        await asyncio.sleep(0)
        answer.go.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(ask())


def test_that_those_who_wait_are_answered_together_and_each_with_its_own(thread: ThreadPoolExecutor) -> None:
    answer = Doubling()
    assert burst(thread, answer, [1, 2, 3, 4, 5, 6]) == [2, 4, 6, 8, 10, 12]
    assert answer.calls == [[1], [2, 3, 4], [5, 6]]


def test_that_one_at_a_time_stays_one_at_a_time(thread: ThreadPoolExecutor) -> None:
    answer = Doubling()
    assert burst(thread, answer, [1, 2, 3], most=1) == [2, 4, 6]
    assert answer.calls == [[1], [2], [3]]


def test_that_a_failure_reaches_those_of_its_call_and_no_others(thread: ThreadPoolExecutor) -> None:
    first, *others, last = burst(thread, Doubling(), [1, 2, 13, 3, 4])
    assert (first, last) == (2, 8)
    assert [str(error) for error in others] == ["thirteen"] * 3


@pytest.mark.parametrize("leaves", [True, False])
def test_that_who_has_left_is_not_answered_and_who_stays_is_told_at_the_end(leaves: bool) -> None:
    answer, thread = Doubling(), ThreadPoolExecutor(1)

    async def ask() -> None:
        together = Together(thread, answer, 3)
        first = asyncio.create_task(together.ask(1))
        await asyncio.to_thread(answer.begun.wait, 5)
        second = asyncio.create_task(together.ask(2))
        await asyncio.sleep(0)
        if leaves:
            second.cancel()
            await asyncio.sleep(0)
            answer.go.set()
            thread.shutdown()
        else:  # the service closes while somebody waits
            threading.Timer(0.05, answer.go.set).start()
            await asyncio.to_thread(thread.shutdown, cancel_futures=True)
            together.close()
        assert await first == 2
        await asyncio.wait([second], timeout=1)
        assert second.cancelled()

    asyncio.run(asyncio.wait_for(ask(), 5))
    assert answer.calls == [[1]]


class Counting(SmallEngine):
    """Notes how many requests come at once; the first one keeps the thread until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        self.begun.set()
        assert self.go.wait(5)
        return super().recommend(request)


class CountingMany(Counting):
    def recommend_many(self, requests: Sequence[RecommendationRequest]) -> list[RecommendationAnswer]:
        self.sizes.append(len(requests))
        return [self.recommend(request) for request in requests]


@pytest.mark.parametrize(("engine", "sizes"), [(CountingMany(), [1, MOST_TOGETHER, 3]), (Counting(), [])])
def test_that_the_service_answers_a_burst_together_where_the_engine_can(engine: Counting, sizes: list[int]) -> None:
    nothing: Any = None

    async def ask() -> list[RecommendationAnswer]:
        service = Service(engine, nothing, nothing)
        asked = [asyncio.create_task(service.recommend(RecommendationRequest(n=1)))]
        await asyncio.to_thread(engine.begun.wait, 5)
        asked += [asyncio.create_task(service.recommend(RecommendationRequest(n=1 + place % 4))) for place in range(MOST_TOGETHER + 3)]
        await asyncio.sleep(0)
        engine.go.set()
        return await asyncio.gather(*asked)

    answers = asyncio.run(ask())
    assert [len(answer.items) for answer in answers] == [1, *(1 + place % 4 for place in range(MOST_TOGETHER + 3))]
    assert engine.sizes == sizes
