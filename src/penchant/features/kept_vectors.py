"""Vectors of texts and images by content, kept between runs: what was computed once is never computed again, also after a kill."""

import logging
import sqlite3
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


def vectors_of(keys: list[bytes], width: int, folder: Path, compute: Compute, *, what: str, report: Report | None = None) -> Vector:
    """Vectors `[n, width]` by key; computed for the keys that are not kept, each once.

    Args:
        keys: Content hashes, with whatever else decides the vector (the model) hashed in.
        width: Numbers in a vector.
        folder: Where vectors are kept. A folder that cannot be written costs the keeping, not the answer.
        compute: Told the places to compute, gives batches of `(places, vectors)` in any order.
        what: What is encoded, for the progress.
        report: Told the progress every few seconds; the log by default. An exception or Ctrl-C keeps what was computed until then.
    """
    with KeptVectors(folder) as kept:
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
    """The file: one SQLite table of key, vector and a checksum, so that an altered vector is noticed and computed anew."""

    def __init__(self, folder: Path) -> None:
        self._database = _opened(folder / FILE)

    def __enter__(self) -> "KeptVectors":
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self, keys: Iterable[bytes]) -> Iterator[tuple[bytes, Vector]]:
        """The kept and sound ones of these keys."""
        wanted = sorted(set(keys))
        for start in range(0, len(wanted), ASKED_AT_ONCE):
            some = wanted[start : start + ASKED_AT_ONCE]
            found = self._database.execute(f"select key, vector, sum from kept where key in ({','.join('?' * len(some))})", some)
            for key, raw, told in found.fetchall():
                if len(raw) % 4 == 0 and crc32(key + raw) == told:
                    yield key, np.frombuffer(raw, dtype="<f4").astype(np.float32)

    def write(self, vectors: Mapping[bytes, Vector]) -> None:
        """Keep these, in one transaction."""
        rows = [(key, raw, crc32(key + raw)) for key, vector in vectors.items() for raw in [vector.astype("<f4").tobytes()]]
        try:
            with self._database:
                self._database.executemany("insert or replace into kept values (?, ?, ?)", rows)
        except sqlite3.Error as error:
            logger.warning("vectors are not kept for later runs: %s", error)


def _opened(file: Path) -> sqlite3.Connection:
    """The database, begun anew beside the old one when that is damaged, and in memory when there is no writing."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return _connected(str(file))
    except (OSError, sqlite3.OperationalError) as error:
        logger.warning("vectors are not kept for later runs: %s: %s", file, error)
        return _connected(":memory:")
    except sqlite3.DatabaseError as error:
        aside = file.with_suffix(f".damaged-{time.time_ns()}")
        logger.warning("the kept vectors in %s are damaged (%s); moved to %s and begun anew", file, error, aside.name)
        file.replace(aside)
        return _connected(str(file))


def _connected(name: str) -> sqlite3.Connection:
    database = sqlite3.connect(name, timeout=PATIENCE)
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")  # a power cut may cost the newest vectors, never the file
        database.execute("create table if not exists kept (key blob primary key, vector blob not null, sum integer not null) without rowid")
        found = database.execute("pragma quick_check(1)").fetchone()[0] if name != ":memory:" else "ok"
        if found != "ok":
            raise sqlite3.DatabaseError(found)
    except sqlite3.Error:
        database.close()
        raise
    return database


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
