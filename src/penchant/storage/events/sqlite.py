"""The event log in a SQLite table."""

import json
import math
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from penchant.schema.errors import StorageError
from penchant.schema.event import Event
from penchant.storage.events.log import Appended
from penchant.storage.sqlite import Database

_TABLE = """
CREATE TABLE IF NOT EXISTS events (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL,
  item_id TEXT NOT NULL,
  timestamp REAL NOT NULL,
  event TEXT NOT NULL,
  value REAL,
  scenario TEXT,
  context TEXT,
  request_id TEXT,
  impressions TEXT
)"""
_COLUMNS = "event_id, user_id, item_id, timestamp, event, value, scenario, context, request_id, impressions"
_INSERT = f"INSERT INTO events ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_id) DO NOTHING"
_PAGE = f"SELECT sequence, {_COLUMNS} FROM events WHERE sequence > ? ORDER BY sequence LIMIT 10000"


class SQLiteEventLog:
    """An `EventLog` in a database that other stores may share.

    Args:
        database: The open file; `close` closes it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        database.write(lambda writer: writer.execute(_TABLE)).result()

    def submit(self, events: Sequence[Event]) -> "Future[Appended]":
        """See `EventLog.submit`."""
        batch = tuple(events)
        return self._database.write(lambda writer: _store(writer, batch))

    def append(self, events: Sequence[Event]) -> Appended:
        """See `EventLog.append`."""
        return self.submit(events).result()

    def read(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """See `EventLog.read`."""
        while page := self._page(after):
            for sequence, *row in page:
                yield sequence, _event(row)
            after = page[-1][0]

    def count(self) -> int:
        """See `EventLog.count`."""
        with self._database.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])

    def close(self) -> None:
        """See `EventLog.close`; the shared database closes with it."""
        self._database.close()

    def _page(self, after: int) -> list[Any]:
        # A connection per page: a reader that stays open would keep the write-ahead log from being reset.
        with self._database.reading() as connection:
            return connection.execute(_PAGE, (after,)).fetchall()


def _store(writer: sqlite3.Connection, batch: tuple[Event, ...]) -> Appended:
    cursor = writer.cursor()
    stored = tuple(event for event in batch if cursor.execute(_INSERT, _row(event)).rowcount == 1)
    return Appended(stored, len(batch) - len(stored), cursor.lastrowid or 0 if stored else 0)


def _row(event: Event) -> tuple[Any, ...]:
    if not math.isfinite(event.timestamp) or (event.value is not None and not math.isfinite(event.value)):
        # SQLite would keep a NaN as a missing value, without a word.
        raise StorageError("an event's timestamp and value", must="finite", came="NaN or infinity", do="Send a number, or no value.")
    return (
        event.event_id, event.user_id, event.item_id, event.timestamp, event.event, event.value, event.scenario,
        _text(event.context), event.request_id, _text(event.impressions),
    )  # fmt: skip


def _text(content: Any) -> str | None:
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")) if content else None


def _event(row: list[Any]) -> Event:
    event_id, user_id, item_id, timestamp, event, value, scenario, context, request_id, impressions = row
    known = json.loads(context) if context else {}
    shown = tuple(json.loads(impressions)) if impressions else ()
    return Event(event_id, user_id, item_id, timestamp, event, value, scenario, known, request_id, shown)
