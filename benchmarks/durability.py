"""Whether an acknowledged event can be lost. Two trials against the real server on this machine's own address.

kill    The server is killed (SIGKILL) at random moments while events come in, and started again on the same files. The
        client keeps the ids it was told are stored, and repeats what it was told nothing about. In the end every
        acknowledged id must be there, every id once, and the database whole.
order   The server runs under strace. For every acknowledgement the write of its event to the database's log and the
        sync of that log must both have come before it. A kill alone cannot show this: the page cache survives it.

    python benchmarks/durability.py [--quick] [--json]

Exit code 1 when a trial fails.
"""

import argparse
import http.client
import itertools
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from penchant.schema.event import Event
from penchant.serving.protocol import (
    Description,
    RankRequest,
    RecommendationAnswer,
    RecommendationRequest,
    SimilarAnswer,
    SimilarRequest,
)
from penchant.serving.server import DATABASE, Started, run

BATCH = 100
"""Events per call."""
CLIENTS = 4


class ForgetfulEngine:
    """Answers nothing and keeps nothing: the trials are about the log alone."""

    model_version = "none"

    def describe(self) -> Description:
        return {
            "tasks": [], "scenarios": [], "context": [], "profile": [], "events": [], "title": None, "counts": {},
            "sample_users": [], "sample_items": [],
        }  # fmt: skip

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        return RecommendationAnswer([], self.model_version)

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        return RecommendationAnswer([], self.model_version)

    def similar(self, request: SimilarRequest) -> Callable[[], SimilarAnswer]:
        return lambda: SimilarAnswer([], self.model_version, "joint", "cosine")

    def apply_events(self, events: Sequence[Event]) -> None: ...

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def upsert_users(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def user(self, user_id: str) -> dict[str, Any] | None:
        return None

    def item(self, item_id: str) -> dict[str, Any] | None:
        return None


class Server:
    """A server process on a folder; started anew it keeps the folder and its key."""

    def __init__(self, folder: Path, wrap: Sequence[str] = ()) -> None:
        self.folder, self.wrap, self.key = folder, wrap, ""

    def start(self) -> float:
        """Starts it and returns the seconds until it was ready."""
        begun = time.perf_counter()
        command = [*self.wrap, sys.executable, __file__, "--serve", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout is not None
        started = json.loads(self.process.stdout.readline())
        self.port = int(started["url"].rsplit(":", 1)[1])
        self.key = started["key"] or self.key
        while True:
            try:
                if self.call("GET", "/health/ready")[0] == 200:
                    return time.perf_counter() - begun
            except OSError:
                pass
            time.sleep(0.01)

    def stop(self, how: signal.Signals) -> None:
        """Ends the whole process group and waits for it."""
        os.killpg(self.process.pid, how)
        self.process.wait(15)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)

    def call(self, method: str, path: str, body: Any = None, connection: http.client.HTTPConnection | None = None) -> tuple[int, Any]:
        """One request; status and body."""
        connection = connection or self.connect()
        connection.request(method, path, json.dumps(body) if body else None, {"X-API-Key": self.key})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


@dataclass
class Ledger:
    """What the client sent and what it was told."""

    numbers: Iterator[int] = field(default_factory=itertools.count)
    acknowledged: set[str] = field(default_factory=set)
    unsure: list[list[str]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_batch(self) -> list[str]:
        """A batch nothing was heard of, else a new one."""
        with self.lock:
            return self.unsure.pop() if self.unsure else [f"event-{next(self.numbers)}" for _ in range(BATCH)]

    def heard(self, batch: list[str], stored: bool) -> None:
        with self.lock:
            if stored:
                self.acknowledged.update(batch)
            else:
                self.unsure.append(batch)


def ingest(server: Server, ledger: Ledger, more: threading.Event) -> None:
    """Sends batches until told to stop or the server is gone."""
    connection = server.connect()
    while not more.is_set() or ledger.unsure:
        batch = ledger.next_batch()
        try:
            status, answer = server.call("POST", "/v1/events", {"events": [an_event(name) for name in batch]}, connection)
        except (OSError, http.client.HTTPException, ValueError):
            return ledger.heard(batch, stored=False)
        ledger.heard(batch, stored=status == 200 and answer["accepted"] + answer["duplicates"] == len(batch))
    return None


def an_event(name: str) -> dict[str, Any]:
    return {"event_id": name, "user_id": f"user-{hash(name) % 1000}", "item_id": "item", "event": "click", "timestamp": 1.0}


def ingest_for(server: Server, ledger: Ledger, seconds: float, how: signal.Signals) -> None:
    """Lets clients send for so long, then ends the server this way, while they still send if it is a kill."""
    enough = threading.Event()
    clients = [threading.Thread(target=ingest, args=(server, ledger, enough)) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(seconds)
    if how is signal.SIGKILL:
        server.stop(how)
        enough.set()
    else:
        enough.set()
    for client in clients:
        client.join()
    if how is not signal.SIGKILL:
        server.stop(how)


def kill_trial(folder: Path, kills: int) -> dict[str, Any]:
    """Kills the server so many times; see the module."""
    chance, server, ledger, ready = random.Random(0), Server(folder), Ledger(), []
    sent_for = 0.0
    for _ in range(kills):
        ready.append(server.start())
        seconds = chance.uniform(0.1, 0.9)
        sent_for += seconds
        ingest_for(server, ledger, seconds, signal.SIGKILL)
    ready.append(server.start())
    ingest_for(server, ledger, 0.2, signal.SIGTERM)
    with sqlite3.connect(folder / DATABASE) as database:
        stored = [name for (name,) in database.execute("SELECT event_id FROM events")]
        integrity = database.execute("PRAGMA integrity_check").fetchone()[0]
    lost, twice = len(ledger.acknowledged - set(stored)), len(stored) - len(set(stored))
    return {
        "kills": kills,
        "acknowledged": len(ledger.acknowledged),
        "stored": len(stored),
        "lost": lost,
        "stored_twice": twice,
        "never_heard_of": sum(map(len, ledger.unsure)),
        "integrity": integrity,
        "events_per_second": round(len(stored) / (sent_for + 0.2)),
        "slowest_start_seconds": round(max(ready), 2),
        "passed": lost == twice == 0 and integrity == "ok" and len(stored) == len(ledger.acknowledged) > 0,
    }


_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>")


def order_trial(folder: Path, acknowledgements: int) -> dict[str, Any]:
    """Watches the server's system calls; see the module."""
    trace = folder / "trace"
    calls = "trace=fsync,fdatasync,pwrite64,pwritev,write,writev,sendto,sendmsg"
    server = Server(folder, ["strace", "-f", "-y", "-s", "20000", "-e", calls, "-o", str(trace)])
    server.start()
    connection = server.connect()
    names = [f"watched-{number:06d}-{os.urandom(6).hex()}" for number in range(acknowledgements)]
    accepted = sum(server.call("POST", "/v1/events", {"events": [an_event(name)]}, connection)[1]["accepted"] for name in names)
    server.stop(signal.SIGTERM)
    early, seen = early_acknowledgements(trace, names)
    passed = early == 0 and seen == accepted == acknowledgements
    return {"acknowledgements": accepted, "seen": seen, "before_their_sync": early, "passed": passed}


def early_acknowledgements(trace: Path, names: Sequence[str]) -> tuple[int, int]:
    """How many acknowledgements left before their event was written and synced, and how many left at all.

    The client waits for each acknowledgement before it sends the next event, so the n-th belongs to the n-th name.
    """
    early = seen = 0
    written = synced = False
    for kind, text in steps(trace):
        if kind == "write" and seen < len(names) and names[seen] in text:
            written, synced = True, False
        elif kind == "sync":
            synced = written
        elif kind == "acknowledge":
            early += not synced
            seen += 1
            written = synced = False
    return early, seen


def steps(trace: Path) -> Iterator[tuple[str, str]]:
    """The trace as writes to the log, finished syncs of it, and acknowledgements."""
    syncing: set[str] = set()
    for line in trace.read_text(errors="replace").splitlines():
        resumed, call = _RESUMED.match(line), _CALL.match(line)
        if resumed and resumed[1] in syncing and resumed[2].endswith("sync"):
            syncing.discard(resumed[1])
            yield "sync", ""
        elif call and "-wal>" in call[3].split(",")[0] and call[2].endswith("sync"):
            if "unfinished" in call[3]:
                syncing.add(call[1])
            elif call[3].rstrip().endswith("= 0"):
                yield "sync", ""
        elif call and "-wal>" in call[3].split(",")[0]:
            yield "write", call[3]
        elif call and r"\"accepted\":" in call[3]:
            yield "acknowledge", ""


def serve(folder: str) -> None:
    def announce(started: Started) -> None:
        print(json.dumps(asdict(started)), flush=True)

    run(folder, ForgetfulEngine(), port=0, announce=announce)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer kills and acknowledgements: under a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
        return 0
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="durability-") as folder:
        found["kill"] = kill_trial(Path(folder, "kill"), 5 if asked.quick else 50)
        if shutil.which("strace"):
            Path(folder, "order").mkdir()
            found["order"] = order_trial(Path(folder, "order"), 200 if asked.quick else 1000)
        else:
            found["order"] = {"passed": None, "skipped": "strace is not installed"}
    if asked.json:
        print(json.dumps(found))
    else:
        for trial, numbers in found.items():
            print(f"{trial:6}", "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items()))
    return 0 if all(numbers["passed"] is not False for numbers in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
