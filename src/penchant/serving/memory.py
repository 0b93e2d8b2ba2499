"""What is known of each user's past: the bundle's log and every event since."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.models.batch import Past
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.event import Event
from penchant.schema.expression import Expression

Array = NDArray[Any]
MOST_WAITING = 100_000
"""Events with items that nobody has added yet; a misspelt id is never added."""


@dataclass
class UserPast:
    """One user's history events (the newest ones, in time order) and every item the user has events with."""

    items: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    columns: list[dict[str, Array]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def add(self, item: int, time: float, columns: dict[str, Array], length: int) -> None:
        """Put an event in its place in time, after others of the same time; forget beyond `length`."""
        place = bisect_right(self.times, time)
        self.items.insert(place, item)
        self.times.insert(place, time)
        self.columns.insert(place, columns)
        if len(self.items) > length:
            del self.items[0], self.times[0], self.columns[0]

    def copy(self) -> "UserPast":
        """A past that may be added to without changing this one."""
        return UserPast(list(self.items), list(self.times), list(self.columns), set(self.seen))


class Memory:
    """Pasts by user id, begun from the recommender's log when first asked for.

    Args:
        recommender: Its log holds the pasts so far; its features encode new events.
        rows: Item rows by id; shared with whoever adds items.
    """

    def __init__(self, recommender: NetworkRecommender, rows: Mapping[str, int]) -> None:
        self._recommender, self._rows = recommender, rows
        self._log = recommender.log_
        self._users = {name: row for row, name in enumerate(self._log.users["user_id"])}
        self._pasts: dict[str, UserPast] = {}
        self._waiting: dict[str, list[Event]] = {}  # by the item that is not there yet
        self._waiting_count = 0
        self._where = Expression(recommender.recipe.history.where) if recommender.recipe.history.where else None
        self._empty = {name: array[:0] for name, array in recommender.encoded(self._log).history.items()}

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

    def apply(self, events: Sequence[Event]) -> None:
        """Take in events in order of arrival; those with items the catalogue does not hold wait until these are added."""
        for event in events:
            if event.item_id not in self._rows:
                self._wait(event)
        for event, columns in self._encoded(events):
            past = self._pasts[event.user_id] = self.of(event.user_id)
            self._add(past, event, columns)
            line = self._line(event) | {"user_id": event.user_id, "item_id": event.item_id}
            self._recommender.features.observe(line, self._recommender.catalogue.row(self._rows[event.item_id], named=True))

    def welcome(self, items: Iterable[str]) -> None:
        """Take in the events that waited for these items, now that the catalogue holds them."""
        for item in items:
            waited = self._waiting.pop(item, [])
            self._waiting_count -= len(waited)
            self.apply(waited)

    def _wait(self, event: Event) -> None:
        """Keep an event until its item is there; the items that have waited longest give way, until the next start reads the log anew."""
        self._waiting.setdefault(event.item_id, []).append(event)
        self._waiting_count += 1
        if self._waiting_count > MOST_WAITING:
            self._waiting_count -= len(self._waiting.pop(next(iter(self._waiting))))

    def extend(self, past: UserPast, events: Sequence[Event]) -> None:
        """Add events to a past."""
        for event, columns in self._encoded(events):
            self._add(past, event, columns)

    def _encoded(self, events: Sequence[Event]) -> Iterator[tuple[Event, dict[str, Array] | None]]:
        """Events and their history columns; None where the recipe keeps an event out of histories.

        Events with items the catalogue does not hold teach nothing yet and are passed over.
        """
        known = [event for event in events if event.item_id in self._rows]
        lines = [self._line(event) for event in known]
        arrays = self._columns(lines) if lines and self._empty else {}
        for place, event in enumerate(known):
            kept = self._where is None or self._where.holds(lines[place])
            yield event, {name: array[place] for name, array in arrays.items()} if kept else None

    def _columns(self, lines: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
        """History features of these events `{name: [events, *]}`."""
        features = self._recommender.features
        return features.encode_one("history", lines[0]) if len(lines) == 1 else features.encode("history", frame_of(lines))

    def _add(self, past: UserPast, event: Event, columns: dict[str, Array] | None) -> None:
        row = self._rows[event.item_id]
        past.seen.add(row)
        if columns is not None:
            past.add(row, event.timestamp, columns, self._recommender.recipe.history.length)

    def arrays(self, pasts: Sequence[UserPast]) -> Past:
        """Pasts as a batch, each padded at its end to the longest, which has one place at least."""
        lengths = np.array([len(past.items) for past in pasts])
        shape = (len(pasts), max(int(lengths.max()), 1))
        items, times = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        columns = {name: np.zeros((*shape, *array.shape[1:]), dtype=array.dtype) for name, array in self._empty.items()}
        for place, past in enumerate(pasts):
            if past.items:
                items[place, : lengths[place]], times[place, : lengths[place]] = past.items, past.times
                for name, column in columns.items():
                    column[place, : lengths[place]] = [event[name] for event in past.columns]
        return Past(items, times, columns, lengths)

    def _line(self, event: Event) -> dict[str, Any]:
        """The event as a row of the log: its context, its amount, and what the recipe says its name means."""
        recipe = self._recommender.recipe
        means = recipe.serving.events.get(event.event, {})
        told = {column: event.value if meaning == "value" else meaning for column, meaning in means.items()}
        line = event.context | {"event": event.event, "value": event.value, "timestamp": event.timestamp} | told
        column = recipe.scenario.column
        return line if column is None else line | {column: line.get(column) if event.scenario is None else event.scenario}

    def _from_log(self, row: int) -> UserPast:
        log, length = self._log, self._recommender.recipe.history.length
        begin, end = log.history_offsets[row], log.history_offsets[row + 1]
        events = log.history_rows[max(begin, end - length) : end]
        encoded = self._recommender.encoded(log).history
        return UserPast(
            items=log.item[events].tolist(),
            times=log.time[events].tolist(),
            columns=[{name: array[event] for name, array in encoded.items()} for event in events],
            seen=set(log.item[log.offsets[row] : log.offsets[row + 1]].tolist()),
        )


def frame_of(lines: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Records as a frame; a key that a record lacks is missing there."""
    names = {name for line in lines for name in line}
    return pl.DataFrame({name: _series([line.get(name) for line in lines]) for name in sorted(names)})


def _series(values: list[Any]) -> pl.Series:
    """Values as a series. Each means what it would mean alone, also where one record says 3 and another "three"."""
    kinds = {float if isinstance(value, int) and not isinstance(value, bool) else type(value) for value in values if value is not None}
    return pl.Series(values if len(kinds) < 2 else [_text(value) for value in values], strict=False)


def _text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case list():
            return "".join(f"\x1f{element}" for element in value)  # as a packed log keeps lists
        case bool() | int() | float() if value == int(value):
            return str(int(value))
    return str(value)
