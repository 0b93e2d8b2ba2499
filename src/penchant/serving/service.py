"""The engine, the event log and the records as one: durable first, then in the engine's state, then acknowledged."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Literal, TypeVar

from penchant.schema.event import Event
from penchant.serving.encoders import ENCODED, Encoders, Given
from penchant.serving.intake import Intake, Kind, Records
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
_REBUILD_BATCH = 1000
_log = logging.getLogger(__name__)


class Service:
    """What the routes call. The engine runs in a thread of its own, one call at a time, so that the event loop stays free; so do
    searches for neighbours, so that the engine does.

    Args:
        engine: Answers; owned from now on.
        log: Keeps events.
        records: Keeps users and items.
    """

    def __init__(self, engine: Engine, log: EventLog, records: RecordStore) -> None:
        self._engine, self._log, self._records = engine, log, records
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._searches = ThreadPoolExecutor(1, thread_name_prefix="search")
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
        return self._failed + (0 if self._intake is None else self._intake.behind)

    async def start(self) -> None:
        """Rebuilds the engine's state from what is stored. `state` tells how it went."""
        if self._encoders is not None:
            self._encoders.start()
        try:
            await self._rebuild()
            self.state = "ready"
        except Exception as error:
            self.state = "failed"
            _log.critical("state could not be rebuilt: %s", type(error).__name__)

    async def describe(self) -> Description:
        """See `Engine.describe`."""
        return await self._ask(self._engine.describe)

    def check(self, request: RecommendationRequest) -> None:
        """See `ChecksRequests.check`."""
        if isinstance(self._engine, ChecksRequests):
            self._engine.check(request)

    async def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """See `Engine.recommend`."""
        return await self._recommendations.ask(await self._read(request))

    async def rank(self, request: RankRequest) -> RecommendationAnswer:
        """See `Engine.rank`."""
        return await self._ask(self._engine.rank, await self._read(request))

    async def similar(self, request: SimilarRequest) -> SimilarAnswer:
        """See `Engine.similar`; the engine is free again while the search runs."""
        search = await self._ask(self._engine.similar, request)
        return await asyncio.get_running_loop().run_in_executor(self._searches, search)

    async def user(self, user_id: str) -> Record | None:
        """See `Engine.user`."""
        return await self._ask(self._engine.user, user_id)

    async def item(self, item_id: str) -> Record | None:
        """See `Engine.item`."""
        return await self._ask(self._engine.item, item_id)

    async def record_events(self, events: Sequence[Event]) -> Appended:
        """Stores events durably and lets the engine know of the new ones.

        Raises:
            StorageError: when nothing was stored.
        """
        appended = await asyncio.wrap_future(self._log.submit(events))
        # Also when none is new: their first copies may still wait for the engine, and the answer must come after them.
        await self._events.ask(appended.stored)
        return appended

    async def put_items(self, records: Mapping[str, Record]) -> None:
        """Stores items durably and lets the engine know. Raises StorageError when nothing was stored."""
        await asyncio.wrap_future(self._records.submit("item", records))
        await self._put("item", records)

    async def put_users(self, records: Mapping[str, Record]) -> None:
        """Stores users durably and lets the engine know. Raises StorageError when nothing was stored."""
        await asyncio.wrap_future(self._records.submit("user", records))
        await self._put("user", records)

    def close(self) -> None:
        """Lets the engine finish what it has begun and makes everything durable."""
        self._closing = True
        if self._encoders is not None:
            self._encoders.close()
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._searches.shutdown(wait=True, cancel_futures=True)
        self._recommendations.close()
        self._events.close()
        self._log.close()
        self._records.close()

    def _recommend(self, requests: list[RecommendationRequest]) -> list[RecommendationAnswer]:
        if isinstance(self._engine, ManyAtOnce):
            return self._engine.recommend_many(requests)
        return [self._engine.recommend(request) for request in requests]

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
        if reading:
            await asyncio.wait(reading.values(), timeout=max(until - time.monotonic(), 0))
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
