"""The engine, the event log and the records as one: durable first, then in the engine's state, then acknowledged."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from typing import Any, Literal, TypeVar

from penchant.schema.event import Event
from penchant.serving.encoders import ENCODED
from penchant.serving.intake import Kind, Records
from penchant.serving.protocol import (
    ChecksRequests,
    Description,
    EncodesElsewhere,
    Engine,
    ManyAtOnce,
    RankRequest,
    RecommendationAnswer,
    RecommendationRequest,
    SimilarAnswer,
    SimilarRequest,
)
from penchant.serving.recent import Recent
from penchant.serving.seat import Seat
from penchant.serving.together import Together
from penchant.storage.events import Appended, EventLog
from penchant.storage.state import RecordStore

T = TypeVar("T")
Asked = TypeVar("Asked", bound=RecommendationRequest)
State = Literal["starting", "ready", "failed"]
Record = dict[str, Any]

MOST_TOGETHER = 8
"""Requests answered at once; more would hold up whoever comes next for longer than they save."""
MOST_TAKEN_IN = 64
"""Calls with events taken in at once, so that they do not wait behind requests that came after them."""
_log = logging.getLogger(__name__)


class Service:
    """What the routes call. The engine runs in a thread of its own, one call at a time, so that the event loop stays free; so do
    searches for neighbours, so that the engine does. Another engine may take its place: requests under way end on the one they began with.

    Args:
        engine: Answers; owned from now on.
        log: Keeps events.
        records: Keeps users and items.

    Attributes:
        recent: What was asked and stored a moment ago.
        switched: Told whenever another engine takes over, with the facts behind its controls; in the event loop.
    """

    def __init__(self, engine: Engine, log: EventLog, records: RecordStore) -> None:
        self._log, self._records = log, records
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._searches = ThreadPoolExecutor(1, thread_name_prefix="search")
        self._seat = self.seat_for(engine, self._thread)
        self._followers: tuple[Seat, ...] = ()
        self._recommendations = Together(self._thread, self._recommend, _most_together(engine))
        self._events = Together(self._thread, self._take_in_events, MOST_TAKEN_IN)
        self.recent = Recent()
        self.switched: list[Callable[[Engine, Description], None]] = []
        self.state: State = "starting"

    @property
    def model_version(self) -> str:
        """The bundle that answers."""
        return self._seat.version

    @property
    def seat(self) -> Seat:
        """The engine that answers."""
        return self._seat

    @property
    def behind(self) -> int:
        """See `Seat.behind`."""
        return self._seat.behind

    async def start(self) -> None:
        """Rebuilds the engine's state from what is stored. `state` tells how it went."""
        try:
            await self._seat.rebuild()
            self.state = "ready"
        except Exception as error:
            self.state = "failed"
            _log.critical("state could not be rebuilt: %s", type(error).__name__)

    def seat_for(self, engine: Engine, thread: Executor) -> Seat:
        """A seat beside the present one, over the same log and records; `thread` calls the engine."""
        return Seat(engine, thread, self._log, self._records)

    def follow(self, seat: Seat) -> None:
        """From now on the seat notes what this service stores. Call it before the seat reads what is stored."""
        self._followers = (*self._followers, seat)

    def leave(self, seat: Seat) -> None:
        """The seat is told nothing any more."""
        self._followers = tuple(other for other in self._followers if other is not seat)

    async def switch(self, seat: Seat, thread: Executor) -> Seat:
        """Lets a seat that has followed answer from now on; the earlier one follows in its place.

        Args:
            seat: Has caught up but for what came in the last moment.
            thread: Calls the earlier engine from now on.

        Returns:
            The earlier seat; requests that began with it still end with it.
        """
        facts = await seat.ask(seat.engine.describe)
        earlier, late = await self._ask(self._put_in_place, seat, thread)
        for told in self.switched:
            told(seat.engine, facts)
        for kind, records in late:
            await seat.put(kind, records)
        return earlier

    async def describe(self) -> Description:
        """See `Engine.describe`."""
        return await self._ask_engine(lambda engine: engine.describe())

    def check(self, request: RecommendationRequest) -> None:
        """See `ChecksRequests.check`."""
        engine = self._seat.engine
        if isinstance(engine, ChecksRequests):
            engine.check(request)

    async def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """See `Engine.recommend`."""
        self.recent.asked(request)
        seat, begun = self._seat, time.perf_counter()
        with seat.held():
            answer = await self._recommendations.ask((seat, await self._read(seat, request)))
        self.recent.answered(time.perf_counter() - begun, answer)
        return answer

    async def rank(self, request: RankRequest) -> RecommendationAnswer:
        """See `Engine.rank`."""
        seat = self._seat
        with seat.held():
            read = await self._read(seat, request)
            return await self._ask(seat.call, seat.engine.rank, read)

    async def similar(self, request: SimilarRequest) -> SimilarAnswer:
        """See `Engine.similar`; the engine is free again while the search runs."""
        seat = self._seat
        with seat.held():
            search = await self._ask(seat.call, seat.engine.similar, request)
            return await asyncio.get_running_loop().run_in_executor(self._searches, search)

    async def user(self, user_id: str) -> Record | None:
        """See `Engine.user`."""
        return await self._ask_engine(lambda engine: engine.user(user_id))

    async def item(self, item_id: str) -> Record | None:
        """See `Engine.item`."""
        return await self._ask_engine(lambda engine: engine.item(item_id))

    async def in_turn(self, function: Callable[[], T]) -> T:
        """Runs something in the engine's thread, between requests."""
        return await self._ask(function)

    async def ask_alone(self, request: RecommendationRequest) -> RecommendationAnswer:
        """The present engine's answer to a request that nobody made; it is not remembered."""
        return await self._ask_engine(lambda engine: engine.recommend(request))

    async def record_events(self, events: Sequence[Event]) -> Appended:
        """Stores events durably and lets the engine know of the new ones.

        Raises:
            StorageError: when nothing was stored.
        """
        appended = await asyncio.wrap_future(self._log.submit(events))
        self.recent.stored(appended.stored)
        # Also when none is new: their first copies may still wait for the engine, and the answer must come after them.
        await self._events.ask(appended)
        return appended

    async def put_items(self, records: Mapping[str, Record]) -> None:
        """Stores items durably and lets the engine know. Raises StorageError when nothing was stored."""
        await self._put("item", records)

    async def put_users(self, records: Mapping[str, Record]) -> None:
        """Stores users durably and lets the engine know. Raises StorageError when nothing was stored."""
        await self._put("user", records)

    def close(self) -> None:
        """Lets the engine finish what it has begun and makes everything durable."""
        for seat in (self._seat, *self._followers):
            seat.close()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._searches.shutdown(wait=True, cancel_futures=True)
        self._recommendations.close()
        self._events.close()
        self._log.close()
        self._records.close()

    def _recommend(self, asked: list[tuple[Seat, RecommendationRequest]]) -> list[RecommendationAnswer]:
        answers: list[RecommendationAnswer] = []
        for seat, pairs in groupby(asked, lambda pair: pair[0]):
            answers += seat.call(_recommend_by, seat.engine, [request for _, request in pairs])
        return answers

    def _take_in_events(self, calls: list[Appended]) -> list[None]:
        for appended in calls:
            self._seat.take_in_events(appended)
        return [None] * len(calls)

    def _put_in_place(self, seat: Seat, thread: Executor) -> tuple[Seat, list[tuple[Kind, Records]]]:
        """In the engine's thread, where events are taken in and records noted too: nothing comes in between."""
        late = seat.take_the_rest()
        earlier, self._seat = self._seat, seat
        seat.thread, earlier.thread = self._thread, thread
        self._followers = (*(other for other in self._followers if other is not seat), earlier)
        self._recommendations.most = _most_together(seat.engine)
        return earlier, late

    def _note(self, kind: Kind, records: Records) -> Seat:
        for follower in self._followers:
            follower.note(kind, records)
        return self._seat

    async def _ask(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _ask_engine(self, question: Callable[[Engine], T]) -> T:
        seat = self._seat
        with seat.held():
            return await self._ask(seat.call, question, seat.engine)

    async def _put(self, kind: Kind, records: Records) -> None:
        await asyncio.wrap_future(self._records.submit(kind, records))
        seat = await self._ask(self._note, kind, records)
        await seat.put(kind, records)

    async def _read(self, seat: Seat, request: Asked) -> Asked:
        """The request with what the encoders make of its words and pictures, where that does not take too long."""
        encoders, engine = seat.encoders, seat.engine
        if encoders is None or encoders.state != "up" or not isinstance(engine, EncodesElsewhere):
            return request
        if not (set(encoders.columns["user"]) & {*(request.profile or ())} or set(encoders.columns["context"]) & request.context.keys()):
            return request
        until = time.monotonic() + encoders.patience
        try:
            needed = await self._ask(seat.call, engine.to_encode, request)
        except Exception as error:  # the engine answers whatever happens here
            _log.error("what a request tells could not be read: %s", type(error).__name__)
            return request
        reading = {owner: asyncio.create_task(encoders.encode(owner, [needed[owner]])) for owner in ENCODED if owner in needed}
        if reading:
            await asyncio.wait(reading.values(), timeout=max(until - time.monotonic(), 0))
        for task in reading.values():
            task.cancel()
        return replace(request, given={owner: task.result() for owner, task in reading.items() if task.done() and not task.cancelled()})


def _most_together(engine: Engine) -> int:
    return MOST_TOGETHER if isinstance(engine, ManyAtOnce) else 1


def _recommend_by(engine: Engine, requests: list[RecommendationRequest]) -> list[RecommendationAnswer]:
    if isinstance(engine, ManyAtOnce):
        return engine.recommend_many(requests)
    return [engine.recommend(request) for request in requests]
