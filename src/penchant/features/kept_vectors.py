"""Vectors of texts and images by content, kept between runs: what was computed once is not computed again, also after a kill."""

import logging
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)
FILE = "vectors-by-content.sqlite"
WRITE_EVERY = 2.0  # seconds; what a kill may cost
REPORT_EVERY = 5.0  # seconds
ASKED_AT_ONCE = 500  # keys of one query
PATIENCE = 60.0  # seconds; another process may be writing
FREED = 0.1  # share of a full file that goes at once

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Progress:
    """How far a long encoding is: things done of all that were not kept, seconds since it began, and what was done to them."""

    what: str
    done: int
    total: int
    seconds: float
    did: str = "encoded"

    @property
    def rate(self) -> float:
        """Things a second."""
        return self.done / max(self.seconds, 1e-9)

    @property
    def left(self) -> float:
        """Seconds the rest takes at this rate."""
        return (self.total - self.done) / max(self.rate, 1e-9)

    def __str__(self) -> str:
        return f"{self.what}: {self.done:,} of {self.total:,} {self.did}, {self.rate:,.0f} a second, {self.left:,.0f} s left"


Report = Callable[[Progress], None]
Compute = Callable[[list[int]], Iterator[tuple[list[int], Vector]]]


def vectors_of(
    keys: list[bytes],
    width: int,
    folder: Path,
    compute: Compute,
    *,
    what: str,
    report: Report | None = None,
    gigabytes: float | None = None,
) -> Vector:
    """Vectors `[n, width]` by key; computed for the keys that are not kept, each once.

    Args:
        keys: Content hashes, with whatever else decides the vector (the model) hashed in.
        width: Numbers in a vector.
        folder: Where vectors are kept. A folder that cannot be written costs the keeping, not the answer.
        compute: Told the places to compute, gives batches of `(places, vectors)` in any order.
        what: What is encoded, for the progress.
        report: Told the progress every few seconds; the log by default. An exception or Ctrl-C keeps what was computed until then.
        gigabytes: The most that kept vectors may take, of all models together; without a limit when None.
    """
    with KeptVectors(folder, gigabytes) as kept:
        vectors = {key: vector for key, vector in kept.read(keys) if len(vector) == width}
        fresh: dict[bytes, int] = {}
        for place, key in enumerate(keys):
            if key not in vectors:
                fresh.setdefault(key, place)
        clock = _Clock(what, len(fresh), report or _log)
        waiting: dict[bytes, Vector] = {}
        try:
            for places, computed in compute(list(fresh.values())):
                waiting.update((keys[place], vector) for place, vector in zip(places, computed, strict=True))
                if clock.tick(len(places)):
                    kept.write(waiting)
                    vectors.update(waiting)
                    waiting = {}
        finally:
            kept.write(waiting)
        vectors.update(waiting)
    return np.stack([vectors[key] for key in keys]) if keys else np.zeros((0, width), dtype=np.float32)


class KeptVectors:
    """The file: one SQLite table of key, vector, and a checksum, so that an altered vector is noticed and computed anew.

    Rows lie in the order they were written, so that letting the oldest go frees whole pages.
    A damaged file is moved aside when the damage is met, and begun anew: looking for it whenever the file is opened would read all of it.

    Args:
        folder: Where the file is.
        gigabytes: What it may take; the vectors written first go beyond that. Without a limit when None.
    """

    def __init__(self, folder: Path, gigabytes: float | None = None) -> None:
        self._file = folder / FILE
        self._most = sys.maxsize if gigabytes is None else int(gigabytes * 1e9)
        self._database = _opened(self._file)

    def __enter__(self) -> "KeptVectors":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, Vector]]:
        """The kept and sound ones of these keys; none of them where the file is damaged or busy for too long."""
        wanted = sorted(set(keys))
        for start in range(0, len(wanted), ASKED_AT_ONCE):
            for key, raw, told in self._found(wanted[start : start + ASKED_AT_ONCE]):
                if len(raw) % 4 == 0 and crc32(key + raw) == told:
                    yield key, np.frombuffer(raw, dtype="<f4").astype(np.float32)

    def _found(self, keys: list[bytes]) -> list[tuple[bytes, bytes, int]]:
        try:
            marks = ",".join("?" * len(keys))
            return self._database.execute(f"select key, vector, sum from vectors where key in ({marks})", keys).fetchall()
        except sqlite3.Error as error:
            self._recover(error)
            return []

    def write(self, vectors: Mapping[bytes, Vector]) -> None:
        """Keep these, in one transaction."""
        if not vectors:
            return
        rows = [(key, raw, crc32(key + raw)) for key, vector in vectors.items() for raw in [vector.astype("<f4").tobytes()]]
        try:
            with self._database:
                self._database.executemany("insert or replace into vectors (key, vector, sum) values (?, ?, ?)", rows)
                self._make_room()
        except sqlite3.Error as error:
            self._recover(error)

    def _make_room(self) -> None:
        """Let the oldest go when the file is full; their room is used again, so that the file does not grow."""
        page, pages, free = (
            self._database.execute(f"pragma {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        used = page * (pages - free)
        if used > self._most:
            surplus = 1 - (1 - FREED) * self._most / used
            self._database.execute("delete from vectors where id < (select min(id) + (max(id) - min(id) + 1) * ? from vectors)", (surplus,))

    def _recover(self, error: sqlite3.Error) -> None:
        """Go on without the file, or with a new one in place of a damaged one."""
        if isinstance(error, sqlite3.OperationalError):
            logger.warning("vectors are not kept for later runs: %s", error)
            return
        self._database.close()
        self._database = _begun_anew(self._file, error)


def _opened(file: Path) -> sqlite3.Connection:
    """The database, begun anew beside the old one when that is damaged, and in memory when there is no writing."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _connected(str(file))
    except (OSError, sqlite3.OperationalError) as error:
        logger.warning("vectors are not kept for later runs: %s: %s", file, error)
        return _connected(":memory:")
    except sqlite3.DatabaseError as error:
        return _begun_anew(file, error)


def _begun_anew(file: Path, error: sqlite3.Error) -> sqlite3.Connection:
    aside = file.with_suffix(f".damaged-{time.time_ns()}")
    logger.warning("the kept vectors in %s are damaged (%s); moved to %s and begun anew", file, error, aside.name)
    try:
        file.replace(aside)
        for more in ("-wal", "-shm"):  # they belong to the file that went
            file.with_name(file.name + more).unlink(missing_ok=True)
        return _connected(str(file))
    except (OSError, sqlite3.Error) as later:  # another process may have been quicker
        logger.warning("vectors are not kept for later runs: %s: %s", file, later)
        return _connected(":memory:")


def _connected(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, timeout=PATIENCE)
    try:
        database.execute("pragma page_size = 8192")  # of a new file: five text vectors a page, where 4096 would hold two and a gap
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")  # a power cut may cost the newest vectors, never the file
        columns = "id integer primary key, key blob not null unique, vector blob not null, sum integer not null"
        database.execute(f"create table if not exists vectors ({columns})")
        _take_over(database)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _take_over(database: sqlite3.Connection) -> None:
    """Vectors that an earlier version kept by key alone."""
    if database.execute("select 1 from sqlite_master where name = 'kept'").fetchone():
        with database:
            database.execute("insert or ignore into vectors (key, vector, sum) select key, vector, sum from kept")
            database.execute("drop table if exists kept")


class _Clock:
    """When to write and when to report."""

    def __init__(self, what: str, total: int, report: Report) -> None:
        self._what, self._total, self._report = what, total, report
        self._begun = self._reported = self._written = time.monotonic()
        self._done = 0

    def tick(self, more: int) -> bool:
        """Count; report when it is time; tell whether to write."""
        now, self._done = time.monotonic(), self._done + more
        if now - self._reported >= REPORT_EVERY:
            self._report(Progress(self._what, self._done, self._total, now - self._begun))
            self._reported = now
        due = now - self._written >= WRITE_EVERY
        self._written = now if due else self._written
        return due


def _log(progress: Progress) -> None:
    logger.info("%s", progress)
