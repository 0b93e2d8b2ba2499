"""Records in a SQLite table."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from penchant.storage.sqlite import Database
from penchant.storage.state.records import Kind, Record

_TABLE = """
CREATE TABLE IF NOT EXISTS records (
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID"""
_UPSERT = "INSERT INTO records (kind, id, body) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body"
_PAGE = "SELECT id, body FROM records WHERE kind = ? AND id > ? ORDER BY id LIMIT 10000"


class SQLiteRecordStore:
    """A `RecordStore` in a database that other stores may share.

    Args:
        database: The open file; `close` closes it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        database.write(lambda writer: writer.execute(_TABLE)).result()

    def submit(self, kind: Kind, records: Mapping[str, Record]) -> "Future[None]":
        """See `RecordStore.submit`."""
        batch = dict(records)
        return self._database.write(lambda writer: _put(writer, kind, batch))

    def put(self, kind: Kind, records: Mapping[str, Record]) -> None:
        """See `RecordStore.put`."""
        self.submit(kind, records).result()

    def all(self, kind: Kind) -> Iterator[tuple[str, Record]]:
        """See `RecordStore.all`."""
        after = ""
        while page := self._page(kind, after):
            for name, body in page:
                yield name, json.loads(body)
            after = page[-1][0]

    def delete(self, kind: Kind, ids: Sequence[str]) -> int:
        """See `RecordStore.delete`."""
        rows = [(kind, name) for name in ids]
        work = "DELETE FROM records WHERE kind = ? AND id = ?"
        return self._database.write(lambda writer: writer.executemany(work, rows).rowcount if rows else 0).result()

    def close(self) -> None:
        """See `RecordStore.close`; the shared database closes with it."""
        self._database.close()

    def _page(self, kind: Kind, after: str) -> list[Any]:
        with self._database.reading() as connection:
            return connection.execute(_PAGE, (kind, after)).fetchall()


def _put(writer: sqlite3.Connection, kind: Kind, records: dict[str, Record]) -> None:
    rows = [(kind, name, json.dumps(record, ensure_ascii=False, allow_nan=False)) for name, record in records.items()]
    writer.executemany(_UPSERT, rows)
