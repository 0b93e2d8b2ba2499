"""One SQLite file with one writer: the thread that commits for everybody and is the only checkpointer.

Many callers hand in work; the writer puts all that waits into one transaction and answers each caller only after
the commit has been synced (WAL, `synchronous=FULL`). One connection writes and checkpoints because SQLite 3.7.0 to
3.51.2 can damage a file when two connections reset its write-ahead log at once (the WAL-reset bug); memory-mapped
reads stay off for the same reason.
"""

import fcntl
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from penchant.schema.errors import StorageError
from penchant.storage.disk import sync_folder

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

DATABASE = "penchant.db"
"""The file of a service, in the folder of its state."""
GROUP = 512
"""Most pieces of work in one transaction; bounds how long the first of them waits."""


class DiskFullError(StorageError):
    """There is no room left; nothing was acknowledged. Writes go on as soon as there is room."""

    code = "disk_full"


class Database:
    """A SQLite file held by this process alone.

    Args:
        path: The file; it and its folder are made when absent.

    Raises:
        StorageError: when another process holds the file, or it cannot be opened or is not a database.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._failed: StorageError | None = None
        self._closed = False
        self._door = threading.Lock()
        self._waiting: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = _hold(self.path)
        try:
            self._writer = _connect_writer(self.path)
        except sqlite3.Error as error:
            os.close(self._lock)
            raise _cannot_open(self.path, str(error)) from None
        self._thread = threading.Thread(target=self._run, name="storage-writer", daemon=True)
        self._thread.start()

    def write(self, work: Work[T]) -> "Future[T]":
        """Runs `work` on the writer's connection; the future is done once its effects are durable.

        `work` shares a transaction with other callers' work. When it raises, its own effects are undone and its
        future carries a StorageError; the others' stay. After a failed sync every later write is refused until
        the file is opened anew: what the operating system kept of the failed one is unknown.
        """
        future: Future[T] = Future()
        with self._door:
            if self._closed:
                future.set_exception(self._is_closed())
            else:
                self._waiting.put(_Job(work, future))
        return future

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that only reads and sees everything durable so far."""
        if self._closed:
            raise self._is_closed()
        try:
            with closing(sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise StorageError(f"database '{self.path}'", must="readable", came=f"'{error}'", do="Check the disk, start again.") from None

    def close(self) -> None:
        """Commits what waits, then releases the file. Closing twice does nothing."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        os.close(self._lock)

    def _is_closed(self) -> StorageError:
        return StorageError(f"database '{self.path}'", must="open", came="a closed one", do="Open it again.")

    def _run(self) -> None:
        while (jobs := self._next_group()) is not None:
            jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if jobs:
                self._commit(jobs)
        self._writer.close()

    def _next_group(self) -> "list[_Job] | None":
        """All work that waits now, or None when the last of it is done and the database closes."""
        first = self._waiting.get()
        if first is None:
            return None
        group = [first]
        while len(group) < GROUP and not self._waiting.empty():
            job = self._waiting.get()
            if job is None:
                self._waiting.put(None)
                break
            group.append(job)
        return group

    def _commit(self, jobs: "list[_Job]") -> None:
        try:
            if self._failed:
                raise self._failed
            self._writer.execute("BEGIN IMMEDIATE")
            for job in jobs:
                job.run(self._writer)
            self._writer.execute("COMMIT")
        except (sqlite3.Error, StorageError) as error:
            failure = self._fail(error)
            for job in jobs:
                job.future.set_exception(failure)
        else:
            for job in jobs:
                job.answer()

    def _fail(self, error: sqlite3.Error | StorageError) -> StorageError:
        if isinstance(error, StorageError):
            return error
        if self._writer.in_transaction:
            self._undo()
        if _is(error, sqlite3.SQLITE_FULL):
            do = "Make room; writing then goes on."
            return DiskFullError(f"database '{self.path}'", must="on a disk with room", came="a full disk", do=do)
        do = "Mend the disk, then start again; nothing is accepted until then."
        self._failed = StorageError(f"database '{self.path}'", must="written and synced", came=f"'{error}'", do=do)
        return self._failed

    def _undo(self) -> None:
        try:
            self._writer.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._failed = StorageError(f"database '{self.path}'", must="able to undo", came=f"'{error}'", do="Start again.")


@contextmanager
def held(path: Path) -> Iterator[None]:
    """While a file is changed that no `Database` may have open. Raises StorageError when one has."""
    descriptor = _hold(path)
    try:
        yield
    finally:
        os.close(descriptor)


class _Job:
    """One caller's work and the future that waits for it."""

    def __init__(self, work: Work[Any], future: "Future[Any]") -> None:
        self.work, self.future = work, future
        self.result: Any = None
        self.error: StorageError | None = None

    def run(self, writer: sqlite3.Connection) -> None:
        """Does the work inside a savepoint, so that a fault of this caller's undoes nothing of the others'.

        Raises:
            sqlite3.Error: when the fault is the disk's and therefore everybody's.
        """
        writer.execute("SAVEPOINT job")
        try:
            self.result = self.work(writer)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and _of_the_disk(error):
                raise
            writer.execute("ROLLBACK TO job")
            self.error = _refused(error)
        writer.execute("RELEASE job")

    def answer(self) -> None:
        if self.error:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def _refused(error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    return StorageError("a write", must="values the store can keep", came=f"a {type(error).__name__}", do="Check the values.")


def _is(error: sqlite3.Error, code: int) -> bool:
    """Whether an error has this primary result code (the low byte; the rest says more)."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF == code


def _of_the_disk(error: sqlite3.Error) -> bool:
    codes = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_READONLY)
    return any(_is(error, code) for code in (*codes, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM))


def _hold(path: Path) -> int:
    """An open, locked file beside the database, so that a second process is refused.

    A file of its own: closing any descriptor of the database itself would drop SQLite's own locks.
    """
    descriptor = -1
    try:
        if not path.parent.exists():
            path.parent.mkdir(parents=True)
            sync_folder(path.parent.parent)
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        do = "Stop that one, or choose another folder."
        raise StorageError(f"database '{path}'", must="held by one process", came="another process that holds it", do=do) from None
    except OSError as error:
        raise _cannot_open(path, error.strerror or "an error") from None
    return descriptor


def _cannot_open(path: Path, came: str) -> StorageError:
    return StorageError(
        f"database '{path}'", must="a SQLite file in a folder that can be written", came=f"'{came}'", do="Check the path and who owns it."
    )


def _connect_writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA mmap_size = 0")
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise sqlite3.OperationalError("this file system has no write-ahead log")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
