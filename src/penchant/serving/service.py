"""The engine, the event log and the records as one: durable first, then in the engine's state, then acknowledged."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any, Literal, TypeVar

from penchant.schema.errors import PenchantError, StorageError
from penchant.schema.event import Event
from penchant.serving.admission import Admission
from penchant.serving.breaker import Breaker
from penchant.serving.cache import AnswerCache
from penchant.serving.draft import Draft
from penchant.serving.encoders import ENCODED
from penchant.serving.intake import Kind, Records
from penchant.serving.ladder import Ladder
from penchant.serving.limits import Limits
from penchant.serving.metrics import Gauge, Metrics
from penchant.serving.noted import noted
from penchant.serving.one_thread import OneThread
from penchant.serving.protocol import (
    ChecksRequests,
    Description,
    EncodesElsewhere,
    Engine,
    ManyAtOnce,
    RankRequest,
    RecommendationAnswer,
    RecommendationRequest,
    ScoredItem,
    SimilarAnswer,
    SimilarRequest,
    Standby,
    StandsBy,
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
TAKE_IN_PATIENCE = 5.0
"""Seconds that a call waits until the engine has taken in what is stored; it is acknowledged then too, and taken in later."""
FACT_PATIENCE = 5.0
"""Seconds that a question of a user, an item or neighbours may take."""
STOP_PATIENCE = 1.0
"""Seconds that the engine has, once the last request has ended, to finish what it has begun."""
WARMING = 3
"""Users that the first answers, which nobody gets, are for."""
_log = logging.getLogger(__name__)


class LateError(PenchantError):
    """The engine did not answer in time, and what was asked is not kept elsewhere."""

    code = "late"


class Service:
    """What the routes call. The engine runs in a thread of its own, one call at a time, so that the event loop stays free; so do
    searches for neighbours, so that the engine does. Another engine may take its place: requests under way end on the one they began with.

    Args:
        engine: Answers; owned from now on.
        log: Keeps events.
        records: Keeps users and items.
        limits: How long a request may take, and how many may wait.
        metrics: Where it counts.

    Attributes:
        draining: Whether it is about to stop: it answers as before, and says that it is not ready.
        recent: What was asked and stored a moment ago.
        switched: Told whenever another engine takes over, with the facts behind its controls; in the event loop.
    """

    def __init__(
        self, engine: Engine, log: EventLog, records: RecordStore, limits: Limits | None = None, metrics: Metrics | None = None
    ) -> None:
        self._log, self._records = log, records
        self.limits, self.metrics = limits or Limits(), metrics or Metrics()
        self.breaker = Breaker()
        self.draining = False
        self._ladder = Ladder(self.limits.remembered)
        self._cache = AnswerCache(self.limits.cache_seconds, self.limits.cached)
        self._admission = Admission(self.limits, self.metrics)
        self._put_since: dict[str, Record] | None = None  # items put while an engine says what it leaves for when it cannot answer
        self._stored: str = "ok"
        self._late = 0
        self._thread = OneThread("engine")
        self._searches = OneThread("search")
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
        """See `Seat.behind`; and what waits until the engine is free."""
        return self._seat.behind + self._late

    @property
    def parts(self) -> dict[str, str]:
        """How each part does; none but `state` keeps recommendations from being answered."""
        encoders = "none" if self._seat.encoders is None else self._seat.encoders.state
        return {
            "state": self.state,
            "engine": {"closed": "answering", "open": "resting", "half_open": "tried"}[self.breaker.state],
            "event_log": self._stored,
            "records": self._stored,
            "encoders": encoders,
        }

    def gauges(self) -> Iterator[Gauge]:
        """What `/metrics` tells of now."""
        yield "penchant_ready", "1 when the service says that it is ready.", {}, float(self.state == "ready" and not self.draining)
        yield "penchant_model_info", "The bundle that answers.", {"version": self.model_version}, 1.0
        yield "penchant_waiting_requests", "Requests that wait for the engine.", {}, float(self._admission.waiting)
        yield "penchant_writing_calls", "Calls with events under way.", {}, float(self._admission.writing)
        yield "penchant_engine_busy_seconds", "How long the engine is at what it does now.", {}, self._thread.busy_seconds
        yield "penchant_cached_answers", "Answers that stand for the same request.", {}, float(len(self._cache))
        yield "penchant_behind", "What is stored and not in the engine's state.", {}, float(self.behind)
        for state in ("closed", "half_open", "open"):
            yield "penchant_breaker", "How the engine's breaker stands.", {"state": state}, float(self.breaker.state == state)
        yield "penchant_storage_ok", "Whether the last write was kept.", {}, float(self._stored == "ok")
        encoders = self._seat.encoders
        yield "penchant_encoders_up", "Whether words and pictures are read.", {}, float(encoders is None or encoders.state == "up")

    async def start(self) -> None:
        """Rebuilds the engine's state from what is stored. `state` tells how it went."""
        try:
            await self._seat.rebuild()
            self._know(await self._standby_of(self._seat))
            if self.limits.patience is not None:
                await self._seat.ask(self._warm_up)
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
        standby = await self._standby_of(seat)
        earlier, late = await self._ask(self._put_in_place, seat, thread)
        self._know(standby)
        self._cache.clear()
        self.breaker = Breaker()
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
        """See `Engine.recommend`. Answered in time, by the engine or from memory. Raises OverloadedError when too many wait."""
        self.recent.asked(request)
        begun, asked = time.perf_counter(), self._cache.begin()
        kept = self._cache.find(request)
        if kept is not None:
            noted().user_id = request.user_id
            self.metrics.cached()
            self.recent.answered(time.perf_counter() - begun, kept)
            return self._told(request, kept)
        shown = replace(request, request_id=noted().request_id)
        answer = await self._answered(shown, lambda seat, read: self._recommendations.ask((seat, read)))
        self._cache.keep(request, asked, answer)
        self.recent.answered(time.perf_counter() - begun, answer)
        return answer

    async def rank(self, request: RankRequest) -> RecommendationAnswer:
        """See `Engine.rank`; as `recommend`."""
        return await self._answered(request, lambda seat, read: self._ask(seat.call, seat.engine.rank, read))

    async def similar(self, request: SimilarRequest) -> SimilarAnswer:
        """See `Engine.similar`; the engine is free again while the search runs. Raises LateError."""
        seat = self._seat
        with seat.held():
            search = await self._in_time(self._ask(seat.call, seat.engine.similar, request))
            return await self._in_time(asyncio.get_running_loop().run_in_executor(self._searches, search))

    async def user(self, user_id: str) -> Record | None:
        """See `Engine.user`. Raises LateError."""
        return await self._in_time(self._ask_engine(lambda engine: engine.user(user_id)))

    async def item(self, item_id: str) -> Record | None:
        """See `Engine.item`. Raises LateError."""
        return await self._in_time(self._ask_engine(lambda engine: engine.item(item_id)))

    async def in_turn(self, function: Callable[[], T]) -> T:
        """Runs something in the engine's thread, between requests."""
        return await self._ask(function)

    async def ask_alone(self, request: RecommendationRequest) -> RecommendationAnswer:
        """The present engine's answer to a request that nobody made; it is not remembered."""
        return await self._ask_engine(lambda engine: engine.recommend(request))

    async def record_events(self, events: Sequence[Event]) -> Appended:
        """Stores events durably and lets the engine know of the new ones.

        Raises:
            OverloadedError: when too many calls are under way; nothing was stored.
            StorageError: when nothing was stored.
        """
        with self._admission.write():
            appended: Appended = await self._kept(asyncio.wrap_future(self._log.submit(events)))
            self.recent.stored(appended.stored)
            self.metrics.events(accepted=appended.accepted, duplicate=appended.duplicates)
            self._ladder.saw(appended.stored)
            # Also when none is new: their first copies may still wait for the engine, and the answer must come after them.
            acted = {event.user_id for event in appended.stored}
            self._cache.touch(acted)
            await self._taken_in(self._events.ask(appended), len(appended.stored), partial(self._cache.touch, acted))
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
        if not (self._thread.close(STOP_PATIENCE) & self._searches.close(STOP_PATIENCE)):
            _log.critical("the engine hangs; what is stored is safe and will be taken in at the next start")
        self._recommendations.close()
        self._events.close()
        self._log.close()
        self._records.close()

    def _recommend(self, asked: list[tuple[Seat, RecommendationRequest]]) -> list[RecommendationAnswer]:
        answers: list[RecommendationAnswer] = []
        begun = time.monotonic()
        try:
            for seat, pairs in groupby(asked, lambda pair: pair[0]):
                answers += seat.call(_recommend_by, seat.engine, [request for _, request in pairs])
            return answers
        finally:
            self._admission.took(time.monotonic() - begun, len(asked))

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
        await self._kept(asyncio.wrap_future(self._records.submit(kind, records)))
        if kind == "item":
            if self._put_since is not None:
                self._put_since.update(records)
            self._ladder.put(records)
        changed = self._cache.clear if kind == "item" else partial(self._cache.touch, [*records])
        changed()
        await self._taken_in(self._hand_on(kind, records), len(records), changed)

    async def _hand_on(self, kind: Kind, records: Records) -> None:
        seat = await self._ask(self._note, kind, records)
        await seat.put(kind, records)

    async def _standby_of(self, seat: Seat) -> Standby:
        """What a seat's engine leaves for when it cannot answer."""
        self._put_since = {}
        return await seat.ask(seat.engine.standby) if isinstance(seat.engine, StandsBy) else Standby()

    def _know(self, standby: Standby) -> None:
        self._ladder.know(standby)
        self._ladder.put(self._put_since or {})
        self._put_since = None

    def _warm_up(self) -> None:
        """Answers nobody, so that the first who asks need not wait for what is loaded with the first answer."""
        with suppress(Exception):  # whoever asks will be told
            engine = self._seat.engine
            for user in (None, *engine.describe()["sample_users"][:WARMING]):
                engine.recommend(RecommendationRequest(user_id=user, explain=user is not None))

    async def _answered(self, request: Asked, ask: Callable[[Seat, Asked], Awaitable[RecommendationAnswer]]) -> RecommendationAnswer:
        """By the engine in time, else from memory."""
        noted().user_id = request.user_id
        reason, draft, seat, breaker = "breaker_open", None, self._seat, self.breaker
        with self._admission.wait(free=breaker.state == "open"), seat.held():
            if breaker.admits():
                draft = Draft[RecommendationAnswer](time.monotonic() + (self.limits.patience or math.inf))
                try:
                    async with asyncio.timeout(self.limits.patience):
                        answer = await ask(seat, replace(await self._read(seat, request), draft=draft))
                except TimeoutError:
                    reason = "late"
                except PenchantError:  # a question that the engine cannot answer is no fault of it
                    breaker.succeeded()
                    raise
                except Exception as error:
                    reason = "failed"
                    _log.error("the engine failed (%s); answering from memory", type(error).__name__)
                else:
                    if answer.reason != "failed":
                        breaker.succeeded()
                        return self._told(request, self._fit(request, answer))
                    reason = "failed"
                breaker.failed()
            return self._told(request, self._ladder.answer(request, reason, seat.version, draft))

    def _fit(self, request: RecommendationRequest, answer: RecommendationAnswer) -> RecommendationAnswer:
        """The engine's answer without items whose numbers are none, filled up from memory; a good one is remembered."""
        left_out = [item.item_id for item in answer.items if not _is_finite(item)]
        if not left_out:
            if not answer.degraded and not isinstance(request, RankRequest):
                self._ladder.remember(request, answer)
            return answer
        self.metrics.nonfinite(len(left_out))
        items = self._ladder.filled(request, [item for item in answer.items if _is_finite(item)], left_out)
        return replace(answer, items=items, degraded=True, fallback=answer.fallback or "nonfinite_scores", reason="nonfinite_scores")

    def _told(self, request: RecommendationRequest, answer: RecommendationAnswer) -> RecommendationAnswer:
        """The answer, counted and noted."""
        reason = (answer.reason or answer.fallback or "unknown") if answer.degraded else ""
        self.metrics.listed(answer.fallback or "personalised", reason)
        noted().facts |= {"model_version": answer.model_version, "degraded": answer.degraded, "fallback": answer.fallback}
        if reason:
            noted().facts["reason"] = reason
        return replace(answer, reason=reason or None)

    async def _kept(self, written: Awaitable[T]) -> T:
        """What was written, and whether it was noted for `parts`."""
        try:
            result = await written
        except StorageError as error:
            self._stored = error.code
            raise
        self._stored = "ok"
        return result

    async def _taken_in(self, taking: Awaitable[None], count: int, then: Callable[[], None]) -> None:
        """Waits until the engine has taken in what is stored, but not for an engine that rests or hangs: that takes it in later."""
        task = asyncio.ensure_future(taking)
        self._late += count
        task.add_done_callback(partial(self._caught_up, count, then))
        await asyncio.wait([task], timeout=0 if self.breaker.state == "open" else TAKE_IN_PATIENCE)
        if task.done():
            await task

    def _caught_up(self, count: int, then: Callable[[], None], task: "asyncio.Future[None]") -> None:
        self._late -= count
        then()
        if not task.cancelled():
            task.exception()

    async def _in_time(self, asked: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(FACT_PATIENCE):
                return await asked
        except TimeoutError:
            raise LateError("the engine", must=f"answering within {FACT_PATIENCE:g} s", came="no answer", do="Try again later.") from None

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
        try:
            if reading:
                await asyncio.wait(reading.values(), timeout=max(until - time.monotonic(), 0))
        finally:
            for task in reading.values():
                task.cancel()
        return replace(request, given={owner: task.result() for owner, task in reading.items() if task.done() and not task.cancelled()})


def _most_together(engine: Engine) -> int:
    return MOST_TOGETHER if isinstance(engine, ManyAtOnce) else 1


def _recommend_by(engine: Engine, requests: list[RecommendationRequest]) -> list[RecommendationAnswer]:
    if isinstance(engine, ManyAtOnce):
        return engine.recommend_many(requests)
    return [engine.recommend(request) for request in requests]


def _is_finite(item: ScoredItem) -> bool:
    return all(map(math.isfinite, (item.score, item.propensity, *item.tasks.values())))
