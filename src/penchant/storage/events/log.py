"""What every event log promises."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from penchant.schema.event import Event


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch.

    Attributes:
        stored: The events that were new, in the order given.
        duplicates: How many had an `event_id` that was stored already, before or earlier in the batch.
        last: Sequence number of the last of them; 0 when none is new.
    """

    stored: tuple[Event, ...]
    duplicates: int
    last: int = 0

    @property
    def accepted(self) -> int:
        """How many events were new."""
        return len(self.stored)


class EventLog(Protocol):
    """Keeps every event once, in order of arrival, and forgets none it has acknowledged.

    Every method raises StorageError when the events cannot be kept or read.
    """

    def submit(self, events: Sequence[Event]) -> "Future[Appended]":
        """Starts to store a batch, whole or not at all; the future is done once it is durable.

        Batches submitted one after the other are stored in that order. Await it with `asyncio.wrap_future`.
        """
        ...

    def append(self, events: Sequence[Event]) -> Appended:
        """Stores a batch, whole or not at all, and returns once it is durable. An empty batch stores nothing."""
        ...

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """Durable events with their sequence numbers (1 and up, rising, gaps allowed), those above `after`."""
        ...

    def count(self) -> int:
        """How many events are stored."""
        ...

    def close(self) -> None:
        """Makes what waits durable and lets go of the files."""
        ...
