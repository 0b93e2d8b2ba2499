"""The engine, the event log and the records as one: durable first, then in the engine's state, then acknowledged."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Literal, TypeVar

from penchant.schema.errors import PenchantError, StorageError
from penchant.schema.event import Event
from penchant.serving.admission import Admission
from penchant.serving.breaker import Breaker
from penchant.serving.draft import Draft
from penchant.serving.encoders import ENCODED, Encoders, Given
from penchant.serving.intake import Intake, Kind, Records
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
    StandsBy,
)
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
PUT_PATIENCE = 1.0
"""Seconds that an upsert waits for what is made of words and pictures; the rest follows later."""
START_PATIENCE = 30.0
"""Seconds that a start waits for it, of all that was stored together."""
TAKE_IN_PATIENCE = 5.0
"""Seconds that a call waits until the engine has taken in what is stored; it is acknowledged then too, and taken in later."""
FACT_PATIENCE = 5.0
"""Seconds that a question of a user, an item or neighbours may take."""
STOP_PATIENCE = 1.0
"""Seconds that the engine has, once the last request has ended, to finish what it has begun."""
WARMING = 3
"""Users that the first answers, which nobody gets, are for."""
_REBUILD_BATCH = 1000
_log = logging.getLogger(__name__)


class LateError(PenchantError):
    """The engine did not answer in time, and what was asked is not kept elsewhere."""

    code = "late"


class Service:
    """What the routes call. The engine runs in a thread of its own, one call at a time, so that the event loop stays free; so do
    searches for neighbours, so that the engine does.

    Args:
        engine: Answers; owned from now on.
        log: Keeps events.
        records: Keeps users and items.
        limits: How long a request may take, and how many may wait.
        metrics: Where it counts.

    Attributes:
        draining: Whether it is about to stop: it answers as before, and says that it is not ready.
    """

    def __init__(
        self, engine: Engine, log: EventLog, records: RecordStore, limits: Limits | None = None, metrics: Metrics | None = None
    ) -> None:
        self._engine, self._log, self._records = engine, log, records
        self.limits, self.metrics = limits or Limits(), metrics or Metrics()
        self.breaker = Breaker()
        self.draining = False
        self._ladder = Ladder(self.limits.remembered)
        self._admission = Admission(self.limits, self.metrics)
        self._stored: str = "ok"
        self._late = 0
        self._thread = OneThread("engine")
        self._searches = OneThread("search")
        most = MOST_TOGETHER if isinstance(engine, ManyAtOnce) else 1
        self._recommendations = Together(self._thread, self._recommend, most)
        self._events = Together(self._thread, self._take_in_events, MOST_TAKEN_IN)
        self._encoders: Encoders | None = engine.encoders() if isinstance(engine, EncodesElsewhere) else None
        self._intake = None if self._encoders is None else Intake(self._encoders, self._take_in_encoded)
        self._closing = False
        self.state: State = "starting"
        self._failed = 0

    @property
    def model_version(self) -> str:
        """The bundle that answers."""
        return self._engine.model_version

    @property
    def behind(self) -> int:
        """What is stored and not in the engine's state: what it failed to take in, until the next start, and records whose words wait."""
        return self._failed + self._late + (0 if self._intake is None else self._intake.behind)

    @property
    def parts(self) -> dict[str, str]:
        """How each part does; none but `state` keeps recommendations from being answered."""
        encoders = "none" if self._encoders is None else self._encoders.state
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
        yield "penchant_behind", "What is stored and not in the engine's state.", {}, float(self.behind)
        for state in ("closed", "half_open", "open"):
            yield "penchant_breaker", "How the engine's breaker stands.", {"state": state}, float(self.breaker.state == state)
        yield "penchant_storage_ok", "Whether the last write was kept.", {}, float(self._stored == "ok")
        encoders = self._encoders
        yield "penchant_encoders_up", "Whether words and pictures are read.", {}, float(encoders is None or encoders.state == "up")

    async def start(self) -> None:
        """Rebuilds the engine's state from what is stored. `state` tells how it went."""
        if self._encoders is not None:
            self._encoders.start()
        try:
            await self._rebuild()
            await self.stand_by()
            if self.limits.patience is not None:
                await self._ask(self._warm_up)
            self.state = "ready"
        except Exception as error:
            self.state = "failed"
            _log.critical("state could not be rebuilt: %s", type(error).__name__)

    async def describe(self) -> Description:
        """See `Engine.describe`."""
        return await self._ask(self._engine.describe)

    async def stand_by(self) -> None:
        """Takes in what the engine leaves for when it cannot answer; to be asked again whenever another engine has come in its place."""
        if isinstance(self._engine, StandsBy):
            self._ladder.know(await self._ask(self._engine.standby))

    def check(self, request: RecommendationRequest) -> None:
        """See `ChecksRequests.check`."""
        if isinstance(self._engine, ChecksRequests):
            self._engine.check(request)

    async def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """See `Engine.recommend`. Answered in time, by the engine or from memory. Raises OverloadedError when too many wait."""
        return await self._answered(request, self._recommendations.ask)

    async def rank(self, request: RankRequest) -> RecommendationAnswer:
        """See `Engine.rank`; as `recommend`."""
        return await self._answered(request, partial(self._ask, self._engine.rank))

    async def similar(self, request: SimilarRequest) -> SimilarAnswer:
        """See `Engine.similar`; the engine is free again while the search runs. Raises LateError."""
        search = await self._in_time(self._ask(self._engine.similar, request))
        return await self._in_time(asyncio.get_running_loop().run_in_executor(self._searches, search))

    async def user(self, user_id: str) -> Record | None:
        """See `Engine.user`. Raises LateError."""
        return await self._in_time(self._ask(self._engine.user, user_id))

    async def item(self, item_id: str) -> Record | None:
        """See `Engine.item`. Raises LateError."""
        return await self._in_time(self._ask(self._engine.item, item_id))

    async def record_events(self, events: Sequence[Event]) -> Appended:
        """Stores events durably and lets the engine know of the new ones.

        Raises:
            OverloadedError: when too many calls are under way; nothing was stored.
            StorageError: when nothing was stored.
        """
        with self._admission.write():
            appended: Appended = await self._kept(asyncio.wrap_future(self._log.submit(events)))
            self.metrics.events(accepted=appended.accepted, duplicate=appended.duplicates)
            self._ladder.saw(appended.stored)
            # Also when none is new: their first copies may still wait for the engine, and the answer must come after them.
            await self._taken_in(self._events.ask(appended.stored), len(appended.stored))
            return appended

    async def put_items(self, records: Mapping[str, Record]) -> None:
        """Stores items durably and lets the engine know. Raises StorageError when nothing was stored."""
        await self._kept(asyncio.wrap_future(self._records.submit("item", records)))
        self._ladder.put(records)
        await self._taken_in(self._put("item", records), len(records))

    async def put_users(self, records: Mapping[str, Record]) -> None:
        """Stores users durably and lets the engine know. Raises StorageError when nothing was stored."""
        await self._kept(asyncio.wrap_future(self._records.submit("user", records)))
        await self._taken_in(self._put("user", records), len(records))

    def close(self) -> None:
        """Lets the engine finish what it has begun and makes everything durable."""
        self._closing = True
        if self._encoders is not None:
            self._encoders.close()
        if not (self._thread.close(STOP_PATIENCE) & self._searches.close(STOP_PATIENCE)):
            _log.critical("the engine hangs; what is stored is safe and will be taken in at the next start")
        self._recommendations.close()
        self._events.close()
        self._log.close()
        self._records.close()

    def _recommend(self, requests: list[RecommendationRequest]) -> list[RecommendationAnswer]:
        begun = time.monotonic()
        try:
            if isinstance(self._engine, ManyAtOnce):
                return self._engine.recommend_many(requests)
            return [self._engine.recommend(request) for request in requests]
        finally:
            self._admission.took(time.monotonic() - begun, len(requests))

    def _warm_up(self) -> None:
        """Answers nobody, so that the first who asks need not wait for what is loaded with the first answer."""
        with suppress(Exception):  # whoever asks will be told
            for user in (None, *self._engine.describe()["sample_users"][:WARMING]):
                self._engine.recommend(RecommendationRequest(user_id=user, explain=user is not None))

    async def _answered(self, request: Asked, ask: Callable[[Asked], Awaitable[RecommendationAnswer]]) -> RecommendationAnswer:
        """By the engine in time, else from memory."""
        noted().user_id = request.user_id
        reason, draft = "breaker_open", None
        with self._admission.wait(free=self.breaker.state == "open"):
            if self.breaker.admits():
                draft = Draft[RecommendationAnswer](time.monotonic() + (self.limits.patience or math.inf))
                try:
                    async with asyncio.timeout(self.limits.patience):
                        answer = await ask(replace(await self._read(request), draft=draft))
                except TimeoutError:
                    reason = "late"
                except PenchantError:  # a question that the engine cannot answer is no fault of it
                    self.breaker.succeeded()
                    raise
                except Exception as error:
                    reason = "failed"
                    _log.error("the engine failed (%s); answering from memory", type(error).__name__)
                else:
                    if answer.reason != "failed":
                        self.breaker.succeeded()
                        return self._told(request, self._fit(request, answer))
                    reason = "failed"
                self.breaker.failed()
        return self._told(request, self._ladder.answer(request, reason, self.model_version, draft))

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

    async def _taken_in(self, taking: Awaitable[None], count: int) -> None:
        """Waits until the engine has taken in what is stored, but not for an engine that rests or hangs: that takes it in later."""
        task = asyncio.ensure_future(taking)
        self._late += count
        task.add_done_callback(partial(self._caught_up, count))
        await asyncio.wait([task], timeout=0 if self.breaker.state == "open" else TAKE_IN_PATIENCE)
        if task.done():
            await task

    def _caught_up(self, count: int, task: "asyncio.Future[None]") -> None:
        self._late -= count
        if not task.cancelled():
            task.exception()

    async def _in_time(self, asked: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(FACT_PATIENCE):
                return await asked
        except TimeoutError:
            raise LateError("the engine", must=f"answering within {FACT_PATIENCE:g} s", came="no answer", do="Try again later.") from None

    def _take_in_events(self, calls: list[Sequence[Event]]) -> list[None]:
        for stored in calls:
            self._take_in(self._engine.apply_events, stored)
        return [None] * len(calls)

    async def _ask(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _take_in(self, take: Callable[[Any], None], stored: Sequence[Event] | Mapping[str, Record]) -> None:
        """What is stored stays acknowledged, whatever the engine makes of it."""
        if not stored:
            return
        try:
            take(stored)
        except Exception as error:
            self._failed += len(stored)
            _log.error("the engine could not take in what was stored: %s", type(error).__name__)

    async def _read(self, request: Asked) -> Asked:
        """The request with what the encoders make of its words and pictures, where that does not take too long."""
        encoders, engine = self._encoders, self._engine
        if encoders is None or encoders.state != "up" or not isinstance(engine, EncodesElsewhere):
            return request
        if not (set(encoders.columns["user"]) & {*(request.profile or ())} or set(encoders.columns["context"]) & request.context.keys()):
            return request
        until = time.monotonic() + encoders.patience
        try:
            needed = await self._ask(engine.to_encode, request)
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

    async def _put(self, kind: Kind, records: Records) -> None:
        if self._intake is None:
            await self._ask(self._take_in, self._engine.upsert_items if kind == "item" else self._engine.upsert_users, records)
        else:
            await self._intake.put(kind, records, PUT_PATIENCE)

    async def _take_in_encoded(self, kind: Kind, records: Records, given: Given) -> None:
        engine = self._engine
        if not self._closing and isinstance(engine, EncodesElsewhere):
            take = engine.upsert_items if kind == "item" else engine.upsert_users
            await self._ask(self._take_in, partial(take, given=given), records)

    async def _rebuild(self) -> None:
        until = time.monotonic() + START_PATIENCE
        kinds: tuple[tuple[Kind, Callable[[Records], None]], ...] = (
            ("item", self._engine.upsert_items),
            ("user", self._engine.upsert_users),
        )
        for kind, take in kinds:
            batches = self._batches(self._records.all(kind))
            while batch := dict(await self._ask(next, batches, [])):
                if self._intake is None:
                    await self._ask(take, batch)
                else:
                    await self._intake.put(kind, batch, until - time.monotonic())
        await self._ask(self._rebuild_pasts)

    def _rebuild_pasts(self) -> None:
        for events in self._batches(event for _, event in self._log.read()):
            self._engine.apply_events(events)

    def _batches(self, values: Iterable[T]) -> Iterator[list[T]]:
        """`values` in lists, until they or the service end: a server told to stop while it starts stops soon."""
        rest = iter(values)
        while not self._closing and (batch := list(islice(rest, _REBUILD_BATCH))):
            yield batch


def _is_finite(item: ScoredItem) -> bool:
    return all(map(math.isfinite, (item.score, item.propensity, *item.tasks.values())))
