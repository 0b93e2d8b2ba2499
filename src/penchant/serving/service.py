"""The engine, the event log and the records as one: durable first, then in the engine's state, then acknowledged."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Literal, TypeVar

from penchant.schema.event import Event
from penchant.serving.protocol import (
    Description,
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
State = Literal["starting", "ready", "failed"]
Record = dict[str, Any]

MOST_TOGETHER = 8
"""Requests answered at once; more would hold up whoever comes next for longer than they save."""
MOST_TAKEN_IN = 64
"""Calls with events taken in at once, so that they do not wait behind requests that came after them."""
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
        self._closing = False
        self.state: State = "starting"
        self.behind = 0
        """Stored events and records that the engine failed to take in; the next start tries again."""

    @property
    def model_version(self) -> str:
        """The bundle that answers."""
        return self._engine.model_version

    async def start(self) -> None:
        """Rebuilds the engine's state from what is stored. `state` tells how it went."""
        try:
            await self._ask(self._rebuild)
            self.state = "ready"
        except Exception as error:
            self.state = "failed"
            _log.critical("state could not be rebuilt: %s", type(error).__name__)

    async def describe(self) -> Description:
        """See `Engine.describe`."""
        return await self._ask(self._engine.describe)

    async def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """See `Engine.recommend`."""
        return await self._recommendations.ask(request)

    async def rank(self, request: RankRequest) -> RecommendationAnswer:
        """See `Engine.rank`."""
        return await self._ask(self._engine.rank, request)

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
        await self._ask(self._take_in, self._engine.upsert_items, records)

    async def put_users(self, records: Mapping[str, Record]) -> None:
        """Stores users durably and lets the engine know. Raises StorageError when nothing was stored."""
        await asyncio.wrap_future(self._records.submit("user", records))
        await self._ask(self._take_in, self._engine.upsert_users, records)

    def close(self) -> None:
        """Lets the engine finish what it has begun and makes everything durable."""
        self._closing = True
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
            self.behind += len(stored)
            _log.error("the engine could not take in what was stored: %s", type(error).__name__)

    def _rebuild(self) -> None:
        for batch in self._batches(self._records.all("item")):
            self._engine.upsert_items(dict(batch))
        for batch in self._batches(self._records.all("user")):
            self._engine.upsert_users(dict(batch))
        for events in self._batches(event for _, event in self._log.read()):
            self._engine.apply_events(events)

    def _batches(self, values: Iterable[T]) -> Iterator[list[T]]:
        """`values` in lists, until they or the service end: a server told to stop while it starts stops soon."""
        rest = iter(values)
        while not self._closing and (batch := list(islice(rest, _REBUILD_BATCH))):
            yield batch
