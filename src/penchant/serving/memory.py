"""What is known of each user's past: the bundle's log and every event since."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from sys import maxsize
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penchant.data.log import Log
from penchant.schema.errors import TargetError
from penchant.schema.event import Event
from penchant.schema.recipe import Recipe

MOST_WAITING = 100_000
"""Events with items that nobody has added yet; a misspelt id is never added."""


@dataclass
class UserPast:
    """One user's events that a model reads (the newest ones, in time order) and every item the user has events with."""

    items: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    columns: list[dict[str, Any]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)
    arrivals: list[int] = field(default_factory=list)

    def add(self, item: int, time: float, columns: dict[str, Any], length: int | None, arrival: int = maxsize) -> None:
        """Put an event in its place in time, among others of the same time by its number of arrival; forget beyond `length`."""
        place = bisect_right(self.times, time)
        while place and self.times[place - 1] == time and self.arrivals[place - 1] > arrival:  # it waited for its item
            place -= 1
        self.items.insert(place, item)
        self.times.insert(place, time)
        self.columns.insert(place, columns)
        self.arrivals.insert(place, arrival)
        if length is not None and len(self.items) > length:
            del self.items[0], self.times[0], self.columns[0], self.arrivals[0]

    def copy(self) -> "UserPast":
        """A past that may be added to without changing this one."""
        return UserPast(list(self.items), list(self.times), list(self.columns), set(self.seen), list(self.arrivals))


class Reader(Protocol):
    """What a model reads of the events of a past.

    Attributes:
        length: How many of a user's newest events it reads; all when None.
    """

    length: int | None

    def rows(self, user: int) -> NDArray[np.integer[Any]]:
        """Log rows of a user's events that it reads, in time order; it may read the newest of them only."""

    def of_log(self, rows: NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
        """What it reads of these events beside item and time."""

    def of_lines(self, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """The same of new events, given as rows of the log; None for one it does not read."""

    def observe(self, line: Mapping[str, Any], item: int) -> None:
        """A new event was taken in; of the item in this catalogue row."""


class Memory:
    """Pasts by user id, begun from a log when first asked for.

    Args:
        log: Holds the pasts so far.
        recipe: What events mean.
        reader: Says what is kept of them.
        item_rows: Item rows by id; shared with whoever adds items.
    """

    def __init__(self, log: Log, recipe: Recipe, reader: Reader, item_rows: Mapping[str, int]) -> None:
        self._log, self._recipe, self._reader, self._rows = log, recipe, reader, item_rows
        self._users = {name: row for row, name in enumerate(log.users["user_id"])}
        self._pasts: dict[str, UserPast] = {}
        self._waiting: dict[str, list[tuple[int, Event]]] = {}  # by the item that is not there yet
        self._arrived = 0
        self._waiting_count = 0

    def knows(self, user_id: str) -> bool:
        """Whether the user has any past."""
        return user_id in self._pasts or user_id in self._users

    def of(self, user_id: str | None) -> UserPast:
        """A user's past; empty for somebody unknown."""
        if user_id is None:
            return UserPast()
        if user_id in self._pasts:
            return self._pasts[user_id]
        return self._from_log(self._users[user_id]) if user_id in self._users else UserPast()

    def seen(self, user_id: str) -> Collection[int]:
        """Rows of items that the user has had; may be called from any thread."""
        past = self._pasts.get(user_id)
        if past is not None:
            return past.seen.copy()  # at once, whatever the engine's thread does meanwhile
        user = self._users.get(user_id)
        return [] if user is None else self._log.item[self._log.offsets[user] : self._log.offsets[user + 1]].tolist()

    def stored(self, past: UserPast) -> list[bool]:
        """Which events of a past are kept, and not of a visit alone."""
        return [arrival < self._arrived for arrival in past.arrivals]

    def told(self) -> Iterator[tuple[str, UserPast]]:
        """Whose past events have changed since the log was made, and the pasts, by user id."""
        yield from sorted(self._pasts.items())

    def waiting(self) -> Iterator[tuple[str, list[Event]]]:
        """Items that nobody has added yet and the events that wait for them, by item id."""
        for item, events in sorted(self._waiting.items()):
            yield item, [event for _, event in events]

    def with_visit(self, user_id: str | None, visit: Sequence[Event]) -> UserPast:
        """A user's past and the events of this visit, which are not kept."""
        past = self.of(user_id)
        if not visit:
            return past
        past = past.copy()
        self.extend(past, visit)
        return past

    def apply(self, events: Sequence[Event]) -> None:
        """Take in events in order of arrival; those with items the catalogue does not hold wait until these are added."""
        numbered = list(enumerate(events, self._arrived))
        self._arrived += len(numbered)
        for arrival, event in numbered:
            if event.item_id not in self._rows:
                self._wait(arrival, event)
        self._apply(numbered)

    def _apply(self, numbered: Sequence[tuple[int, Event]]) -> None:
        for arrival, event, columns in self._encoded(numbered):
            past = self._pasts[event.user_id] = self.of(event.user_id)
            self._add(past, event, columns, arrival)
            line = self._line(event) | {"user_id": event.user_id, "item_id": event.item_id}
            self._reader.observe(line, self._rows[event.item_id])

    def welcome(self, items: Iterable[str]) -> None:
        """Take in the events that waited for these items, now that the catalogue holds them."""
        for item in items:
            waited = self._waiting.pop(item, [])
            self._waiting_count -= len(waited)
            self._apply(waited)

    def _wait(self, arrival: int, event: Event) -> None:
        """Keep an event until its item is there; the items that have waited longest give way, until the next start reads the log anew."""
        self._waiting.setdefault(event.item_id, []).append((arrival, event))
        self._waiting_count += 1
        if self._waiting_count > MOST_WAITING:
            self._waiting_count -= len(self._waiting.pop(next(iter(self._waiting))))

    def extend(self, past: UserPast, events: Sequence[Event]) -> None:
        """Add events to a past."""
        for arrival, event, columns in self._encoded(list(enumerate(events, self._arrived))):
            self._add(past, event, columns, arrival)

    def _encoded(self, numbered: Sequence[tuple[int, Event]]) -> Iterator[tuple[int, Event, dict[str, Any] | None]]:
        """Numbers of arrival, events and what is read of them; None where the model does not read an event.

        Events with items the catalogue does not hold teach nothing yet and are passed over.
        """
        known = [(arrival, event) for arrival, event in numbered if event.item_id in self._rows]
        read = self._reader.of_lines([self._line(event) for _, event in known]) if known else []
        for (arrival, event), columns in zip(known, read, strict=True):
            yield arrival, event, columns

    def _add(self, past: UserPast, event: Event, columns: dict[str, Any] | None, arrival: int) -> None:
        row = self._rows[event.item_id]
        past.seen.add(row)
        if columns is not None:
            past.add(row, event.timestamp, columns, self._reader.length, arrival)

    def _line(self, event: Event) -> dict[str, Any]:
        """The event as a row of the log: its context, its amount, and what the recipe says its name means."""
        recipe = self._recipe
        means = recipe.serving.events.get(event.event, {})
        told = {column: event.value if meaning == "value" else meaning for column, meaning in means.items()}
        line = event.context | {"event": event.event, "value": event.value, "timestamp": event.timestamp} | told
        named: dict[str, Any] = {}
        with suppress(TargetError):  # a name that tells no column was stored as it came and teaches nothing of the scenario
            named = recipe.scenario.values(event.scenario)
        return dict.fromkeys(recipe.scenario.named) | line | named

    def _from_log(self, user: int) -> UserPast:
        log, events = self._log, self._reader.rows(user)
        events = events if self._reader.length is None else events[-self._reader.length :]
        return UserPast(
            items=log.item[events].tolist(),
            times=log.time[events].tolist(),
            columns=self._reader.of_log(events),
            seen=set(log.item[log.offsets[user] : log.offsets[user + 1]].tolist()),
            arrivals=[-1] * len(events),
        )
