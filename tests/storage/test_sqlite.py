"""The SQLite back ends: the shared contracts, the one writer, and what happens when the disk fails."""

import os
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from penchant.schema.errors import StorageError
from penchant.storage.events import SQLiteEventLog
from penchant.storage.events.contract import EventLogContract, an_event
from penchant.storage.sqlite import Database, DiskFullError
from penchant.storage.state import SQLiteRecordStore
from penchant.storage.state.contract import RecordStoreContract


class TestSQLiteEventLog(EventLogContract):
    open = staticmethod(lambda folder: SQLiteEventLog(Database(folder / "penchant.db")))


class TestSQLiteRecordStore(RecordStoreContract):
    open = staticmethod(lambda folder: SQLiteRecordStore(Database(folder / "penchant.db")))


class FailingWriter:
    """The writer's connection, until `statement` comes: then the disk fails."""

    def __init__(self, connection: sqlite3.Connection, statement: str) -> None:
        self.connection, self.statement, self.failures = connection, statement, 0

    def execute(self, statement: str) -> sqlite3.Cursor:
        if statement == self.statement:
            self.failures += 1
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
            raise error
        return self.connection.execute(statement)

    def __getattr__(self, name: str) -> object:
        return getattr(self.connection, name)


def count_commits(database: Database) -> list[str]:
    statements: list[str] = []
    database.write(lambda writer: writer.set_trace_callback(statements.append)).result()
    return statements


def test_that_the_file_is_kept_the_safe_way(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    pragmas = ("journal_mode", "synchronous", "mmap_size")
    found = [database.write(lambda writer, name=name: writer.execute(f"PRAGMA {name}").fetchone()[0]).result() for name in pragmas]
    database.close()
    assert found == ["wal", 2, 0]  # 2 = FULL


def test_that_both_stores_share_one_file_and_its_one_writer(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log, records = SQLiteEventLog(database), SQLiteRecordStore(database)
    log.append([an_event("e1")])
    records.put("item", {"i1": {"title": "x"}})
    writers = [thread for thread in threading.enumerate() if thread.name == "storage-writer"]
    database.close()
    assert len(writers) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["penchant.db", "penchant.db.lock"]


def test_that_waiting_appends_share_one_commit(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log = SQLiteEventLog(database)
    statements = count_commits(database)
    held = threading.Event()
    blocker = database.write(lambda _: held.wait(5))
    futures = [log.submit([an_event(f"e{n}")]) for n in range(50)]
    held.set()
    blocker.result()
    assert sum(future.result().accepted for future in futures) == 50
    log.close()
    assert statements.count("COMMIT") <= 2 + 1  # one of the blocker, one of the fifty; the tracer's own may show


def test_that_one_bad_batch_undoes_nothing_of_the_batches_it_shares_a_commit_with(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log = SQLiteEventLog(database)
    held = threading.Event()
    database.write(lambda _: held.wait(5))
    futures = [log.submit([an_event("a")]), log.submit([an_event("b"), an_event("bad", value=float("nan"))]), log.submit([an_event("c")])]
    held.set()
    assert futures[0].result().accepted == futures[2].result().accepted == 1
    with pytest.raises(StorageError):
        futures[1].result()
    names = [event.event_id for _, event in log.read()]
    log.close()
    assert names == ["a", "c"]


def test_that_an_append_is_not_acknowledged_before_its_commit(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log = SQLiteEventLog(database)
    seen: list[tuple[str, bool]] = []
    future: Future[object] = Future()
    database.write(lambda writer: writer.set_trace_callback(lambda statement: seen.append((statement, future.done())))).result()
    held = threading.Event()
    database.write(lambda _: held.wait(5))
    future = log.submit([an_event("e1")])
    held.set()
    future.result()
    log.close()
    commits = [done for statement, done in seen if statement == "COMMIT"]
    assert commits[-1:] == [False]


def test_that_a_failed_sync_refuses_its_batch_and_every_later_one_without_trying_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log = SQLiteEventLog(database)
    log.append([an_event("before")])
    failing = FailingWriter(database._writer, "COMMIT")
    database._writer = failing
    with pytest.raises(StorageError, match="disk I/O error"):
        log.append([an_event("lost")])
    failing.statement = "never"
    with pytest.raises(StorageError, match="start again"):
        log.append([an_event("later")])
    assert failing.failures == 1
    assert [event.event_id for _, event in log.read()] == ["before"]
    log.close()
    log = SQLiteEventLog(Database(tmp_path / "penchant.db"))
    assert log.append([an_event("lost")]).accepted == 1
    log.close()


def test_that_a_full_disk_refuses_and_writing_goes_on_once_there_is_room(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log = SQLiteEventLog(database)
    log.append([an_event("before")])
    database.write(lambda writer: writer.execute("PRAGMA max_page_count = 10").fetchall()).result()
    with pytest.raises(DiskFullError, match="room"):
        log.append([an_event(f"big-{n}", context={"text": "x" * 1000}) for n in range(100)])
    assert log.count() == 1
    database.write(lambda writer: writer.execute("PRAGMA max_page_count = 100000").fetchall()).result()
    assert log.append([an_event("after")]).accepted == 1
    log.close()


def test_that_a_second_process_is_refused_at_once_with_an_error_that_teaches(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    program = """
import sys
from penchant.storage.sqlite import Database
try:
    Database(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""
    command = [sys.executable, "-c", program, str(database.path)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=20, env=os.environ | {"PYTHONPATH": "src"}, check=True)
    database.close()
    assert found.stdout.startswith("StorageError")
    assert "another process that holds it" in found.stdout


@pytest.mark.parametrize("content", [b"this is no database" * 100, None])
def test_that_a_path_that_is_no_database_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "penchant.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(StorageError, match="must be a SQLite file"):
        Database(path)
    with pytest.raises(StorageError, match="must be a SQLite file"):  # and the lock was let go
        Database(path)


def test_that_a_torn_log_tail_loses_only_what_was_never_acknowledged(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    log = SQLiteEventLog(database)
    log.append([an_event("acknowledged")])
    wal = tmp_path / "penchant.db-wal"
    safe = wal.stat().st_size
    log.append([an_event("torn")])
    files = {name: (tmp_path / name).read_bytes() for name in ("penchant.db", "penchant.db-wal")}
    log.close()
    for cut in range(safe, len(files["penchant.db-wal"]), 512):
        copy = tmp_path / f"cut-{cut}"
        copy.mkdir()
        (copy / "penchant.db").write_bytes(files["penchant.db"])
        (copy / "penchant.db-wal").write_bytes(files["penchant.db-wal"][:cut])
        reopened = SQLiteEventLog(Database(copy / "penchant.db"))
        assert [event.event_id for _, event in reopened.read()] == ["acknowledged"]
        reopened.close()


def test_that_the_write_ahead_log_does_not_grow_while_someone_reads(tmp_path: Path) -> None:
    log = SQLiteEventLog(Database(tmp_path / "penchant.db"))
    log.append([an_event("first")])
    reader = log.read()
    next(reader)
    for n in range(60):
        log.append([an_event(f"{n}-{m}", context={"text": "x" * 800}) for m in range(100)])
    size = (tmp_path / "penchant.db-wal").stat().st_size
    log.close()
    assert size < 8 * 2**20
