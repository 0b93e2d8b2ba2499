"""An engine and what belongs to it alone, so that another can take its place."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from penchant.schema.event import Event
from penchant.serving.encoders import Encoders, Given
from penchant.serving.intake import Intake, Kind, Records
from penchant.serving.protocol import EncodesElsewhere, Engine
from penchant.storage.events import Appended, EventLog
from penchant.storage.state import RecordStore

T = TypeVar("T")

PUT_PATIENCE = 1.0
"""Seconds that an upsert waits for what is made of words and pictures; the rest follows later."""
START_PATIENCE = 30.0
"""Seconds that a start waits for it, of all that was stored together."""
_REBUILD_BATCH = 1000
_log = logging.getLogger(__name__)


class Seat:
    """One engine, its state, and the one thread at a time that may call it.

    The engine that answers is told of what is stored as it comes (`take_in_events`, `put`). Any other, a candidate or an earlier engine
    that is kept, only notes the records (`note`), and takes them in with what the log has since when it is told to (`catch_up`).

    Args:
        engine: Answers; owned from now on.
        thread: Calls it, until another is set.
        log: Keeps events.
        records: Keeps users and items.

    Attributes:
        thread: What calls the engine when the seat itself does.
        encoders: The process that reads words and pictures for it; None where there is none.
        through: The sequence number up to which it knows the log.
    """

    def __init__(self, engine: Engine, thread: Executor, log: EventLog, records: RecordStore) -> None:
        self.engine, self.thread = engine, thread
        self._log, self._records = log, records
        self.encoders: Encoders | None = engine.encoders() if isinstance(engine, EncodesElsewhere) else None
        self._intake = None if self.encoders is None else Intake(self.encoders, self._take_in_encoded)
        self._notes: deque[tuple[Kind, Records]] = deque()
        self._lock = threading.Lock()
        self._held = 0
        self._failed = 0
        self._closing = False
        self.through = 0

    @property
    def version(self) -> str:
        """The bundle it answers from."""
        return self.engine.model_version

    @property
    def behind(self) -> int:
        """What is stored and not in the engine's state: what it failed to take in, until the next start, and records whose words wait."""
        return self._failed + (0 if self._intake is None else self._intake.behind)

    @property
    def is_free(self) -> bool:
        """Whether no request is under way."""
        return self._held == 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """While a request is under way. For the event loop's thread."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Calls the engine, when nobody else does."""
        with self._lock:
            return function(*arguments)

    async def ask(self, function: Callable[..., T], *arguments: Any) -> T:
        """Calls the engine in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, self.call, function, *arguments)

    async def rebuild(self) -> None:
        """Takes in all that is stored. Raises what the engine raises."""
        if self.encoders is not None:
            self.encoders.start()
        until = time.monotonic() + START_PATIENCE
        kinds: tuple[Kind, ...] = ("item", "user")
        for kind in kinds:
            batches = self._batches(self._records.all(kind))
            while batch := dict(await self.ask(next, batches, [])):
                if self._intake is None:
                    await self.ask(self._upsert, kind, batch)
                else:
                    await self._intake.put(kind, batch, until - time.monotonic())
        await self._in_thread(self._read_log)

    async def catch_up(self) -> None:
        """Takes in what was stored since, in its own thread. Raises what the engine raises."""
        while self._notes:
            await self.put(*self._notes.popleft())
        await self._in_thread(self._read_log)

    def note(self, kind: Kind, records: Records) -> None:
        """Keeps records that another engine is told of, for `catch_up`."""
        self._notes.append((kind, records))

    def take_the_rest(self) -> list[tuple[Kind, Records]]:
        """Takes in what `catch_up` left, in the caller's thread; gives back the records whose words are still to be read (by `put`)."""
        late: list[tuple[Kind, Records]] = []
        while self._notes:
            kind, records = self._notes.popleft()
            self.call(self._take_in, partial(self._upsert, kind), records)
            late.append((kind, records))
        self._read_log()
        return [] if self._intake is None else late

    def take_in_events(self, appended: Appended) -> None:
        """Takes in what was stored just now, unless it was read from the log before."""
        if not appended.stored or (appended.last and appended.last <= self.through):
            return
        self.call(self._take_in, self.engine.apply_events, appended.stored)
        self.through = max(self.through, appended.last)

    async def put(self, kind: Kind, records: Records) -> None:
        """Takes in records that are stored, their words read where that does not take too long."""
        if self._intake is None:
            await self.ask(self._take_in, partial(self._upsert, kind), records)
        else:
            await self._intake.put(kind, records, PUT_PATIENCE)

    def close(self) -> None:
        """Ends its process; what it is still told is not taken in."""
        self._closing = True
        if self.encoders is not None:
            self.encoders.close()

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.thread, function)

    def _upsert(self, kind: Kind, records: Records) -> None:
        (self.engine.upsert_items if kind == "item" else self.engine.upsert_users)(records)

    def _take_in(self, take: Callable[[Any], None], stored: Sequence[Event] | Records) -> None:
        """What is stored stays acknowledged, whatever the engine makes of it."""
        if not stored:
            return
        try:
            take(stored)
        except Exception as error:
            self._failed += len(stored)
            _log.error("the engine could not take in what was stored: %s", type(error).__name__)

    async def _take_in_encoded(self, kind: Kind, records: Records, given: Given) -> None:
        engine = self.engine
        if not self._closing and isinstance(engine, EncodesElsewhere):
            take = engine.upsert_items if kind == "item" else engine.upsert_users
            await self.ask(self._take_in, partial(take, given=given), records)

    def _read_log(self) -> None:
        for batch in self._batches(self._log.read(self.through)):
            self.call(self.engine.apply_events, [event for _, event in batch])
            self.through = batch[-1][0]

    def _batches(self, values: Iterable[T]) -> Iterator[list[T]]:
        """`values` in lists, until they or the seat end: a server told to stop while it starts stops soon."""
        rest = iter(values)
        while not self._closing and (batch := list(islice(rest, _REBUILD_BATCH))):
            yield batch
