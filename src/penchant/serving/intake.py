"""Users and items on their way into the engine, by way of the process that reads their words and pictures."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal

import numpy as np

from penchant.serving.encoders import Encoders, Given

Records = Mapping[str, dict[str, Any]]
Kind = Literal["item", "user"]
TakeIn = Callable[[Kind, Records, Given], Awaitable[None]]

TAKEN_IN_AT_ONCE = 512
"""Records of a long upsert: each time the engine makes its catalogue anew."""
MOST_AWAITED = 100_000
"""Records whose arrays are awaited; of what comes beyond that, arrays are made at the next start."""
_LOOK = 0.05  # seconds

logger = logging.getLogger(__name__)


class Intake:
    """Records are taken in with their arrays where these come in time; else without, and once more when they have come.

    Runs on the event loop.

    Args:
        encoders: The process.
        take_in: Hands records and what was made of them, a row each, to the engine; in the order of the calls.
    """

    def __init__(self, encoders: Encoders, take_in: TakeIn) -> None:
        self._encoders, self._take_in = encoders, take_in
        self._awaited: dict[tuple[Kind, str], dict[str, Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def behind(self) -> int:
        """Records whose arrays are awaited."""
        return len(self._awaited)

    async def put(self, kind: Kind, records: Records, patience: float) -> None:
        """Takes records in before it returns.

        Args:
            kind: Users or items.
            records: By id.
            patience: Seconds to wait for arrays; less where the process is down.
        """
        crowded = len(records) + len(self._awaited) > MOST_AWAITED
        if crowded:
            logger.error("the encoders are too far behind; %d records are taken in without words and pictures", len(records))
        if crowded or not self._encoders.columns[kind]:
            await self._take_in(kind, records, {})
            return
        self._awaited.update({(kind, name): record for name, record in records.items()})
        tasks = [asyncio.create_task(self._encode(kind, some, len(records))) for some in _several(records)]
        self._tasks.update(tasks)
        for task in tasks:
            task.add_done_callback(self._tasks.discard)
        until = time.monotonic() + patience
        waiting = {*tasks}
        while waiting and self._encoders.state != "down" and (left := until - time.monotonic()) > 0:
            _, waiting = await asyncio.wait(waiting, timeout=min(left, _LOOK))
        if late := self._still_awaited(kind, records):
            await self._take_in(kind, late, {})

    async def _encode(self, kind: Kind, records: Records, urgency: int) -> None:
        """Take records in when their arrays have come, but for those that others have replaced meanwhile."""
        rows = [{**record, f"{kind}_id": name} for name, record in records.items()]
        given = await self._encoders.encode(kind, rows, urgency)
        current = self._still_awaited(kind, records)
        if current:
            for name in current:  # at once with handing them over: what is late must not come after this
                del self._awaited[kind, name]
            places = np.array([place for place, name in enumerate(records) if name in current])
            await self._take_in(kind, current, {name: array[places] for name, array in given.items()})

    def _still_awaited(self, kind: Kind, records: Records) -> Records:
        return {name: record for name, record in records.items() if self._awaited.get((kind, name)) is record}


def _several(records: Records) -> Iterator[Records]:
    rest = iter(records.items())
    while some := dict(islice(rest, TAKEN_IN_AT_ONCE)):
        yield some
