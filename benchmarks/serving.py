"""How fast the server answers while feedback comes in, beside what the bare framework needs for a constant.

Open loop: requests leave at their appointed times whether or not earlier ones were answered, and latency counts from the
appointed time, so that a server that stalls cannot hide it. The client is this process; each server is one of its own.
Loopback only.

    python benchmarks/serving.py [--quick] [--json] [--work MILLISECONDS | --bundle FOLDER | --url URL --key KEY]

By default the server's engine does matrix products for --work milliseconds per recommendation and keeps who saw what.
With --bundle it answers from that bundle (the folder with the manifest), for users the bundle knows; with --url a running
server is measured, for users it does not know.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from penchant.schema.event import Event
from penchant.serving.protocol import (
    Description,
    Engine,
    RankRequest,
    RecommendationAnswer,
    RecommendationRequest,
    ScoredItem,
    SimilarAnswer,
    SimilarRequest,
)
from penchant.serving.server import Started, run

RATE = 100
"""Recommendations per second, and events per second beside them."""
LONGEST_IDLE = 5.0
"""Seconds after which a connection is not used again."""
WARM_UP = 2.0
"""Seconds of the same load that are not counted."""
USERS = [f"user-{number}" for number in range(500)]
ITEMS = [f"item-{number}" for number in range(200)]


class WorkingEngine:
    """Multiplies matrices for a given time, which frees the interpreter as a network's forward pass does."""

    model_version = "benchmark"

    def __init__(self, work: float) -> None:
        self._seconds = work / 1000
        self._matrix = np.random.default_rng(0).normal(size=(192, 192)).astype(np.float32)
        self._seen: dict[str, set[str]] = defaultdict(set)

    def describe(self) -> Description:
        return {
            "tasks": [], "scenarios": [], "context": [], "profile": [], "events": [], "title": None, "counts": {},
            "sample_users": [], "sample_items": [],
        }  # fmt: skip

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        until = time.perf_counter() + self._seconds
        while time.perf_counter() < until:
            self._matrix @ self._matrix
        seen = self._seen[request.user_id or ""]
        items = [ScoredItem(item, item, 0.5, {"click": 0.25, "like": 0.125}) for item in ITEMS if item not in seen]
        return RecommendationAnswer(items[: request.n], self.model_version)

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        return self.recommend(request)

    def similar(self, request: SimilarRequest) -> Callable[[], SimilarAnswer]:
        return lambda: SimilarAnswer([], self.model_version, "joint", "cosine")

    def apply_events(self, events: Sequence[Event]) -> None:
        for event in events:
            self._seen[event.user_id].add(event.item_id)

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def upsert_users(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def user(self, user_id: str) -> dict[str, Any] | None:
        return None

    def item(self, item_id: str) -> dict[str, Any] | None:
        return None


class Connections:
    """Kept-alive connections to one server; a request takes an idle one or opens another."""

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 80
        self._head = f"Host: {self.host}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
        self._idle: list[tuple[float, asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def call(self, method: str, path: str, body: Any = None) -> int:
        """One request; its status, 0 when the connection failed."""
        content = json.dumps(body).encode() if body is not None else b""
        try:
            reader, writer = await self._connection()
            writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            await reader.readexactly(int(head.split("content-length: ")[1].split("\r\n")[0]))
        except (OSError, EOFError, asyncio.IncompleteReadError):
            return 0
        self._idle.append((time.monotonic(), reader, writer))
        return int(head.split(" ")[1])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The connection used last, or a new one: a server may close what was idle for long, whatever is on its way."""
        if self._idle:
            used, reader, writer = self._idle.pop()
            if time.monotonic() - used < LONGEST_IDLE:
                return reader, writer
            writer.close()
            for _, _, other in self._idle:  # the ones below were used even earlier
                other.close()
            self._idle.clear()
        return await asyncio.open_connection(self.host, self.port)


@dataclass
class Measured:
    """Latencies in milliseconds, counted from each request's appointed time, and how many answers were no success."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0

    def summary(self) -> dict[str, float]:
        low, middle, high = map(float, np.percentile(self.latencies, [50, 99, 99.9]))
        return {
            "requests": len(self.latencies),
            "errors": self.errors,
            "p50_ms": round(low, 2),
            "p99_ms": round(middle, 2),
            "p99.9_ms": round(high, 2),
            "max_ms": round(max(self.latencies), 2),
        }


async def at_rate(seconds: float, send: Callable[[int], Awaitable[int]], offset: float = 0.0) -> Measured:
    """Sends `RATE` requests per second, come what may, and waits for the last answer."""
    measured, begin = Measured(), time.perf_counter() + 0.1 + offset

    async def one(number: int) -> None:
        appointed = begin + number / RATE
        await asyncio.sleep(appointed - time.perf_counter())
        status = await send(number)
        measured.latencies.append(1000 * (time.perf_counter() - appointed))
        measured.errors += status != 200

    tasks = []
    for number in range(int(seconds * RATE)):
        if number % RATE == 0:
            await asyncio.sleep(begin + (number - RATE / 2) / RATE - time.perf_counter())
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    return measured


async def load(url: str, key: str, seconds: float, users: Sequence[str] = (), items: Sequence[str] = ()) -> dict[str, Any]:
    """Recommendations and, between them, events, each at `RATE` per second."""
    asking, telling = Connections(url, key), Connections(url, key)
    users, items = users or USERS, items or ITEMS

    def recommend(number: int) -> Awaitable[int]:
        return asking.call("POST", "/v1/recommendations", {"user_id": users[number % len(users)], "n": 10})

    def tell(number: int) -> Awaitable[int]:
        event = {"event_id": secrets.token_hex(8), "user_id": users[(7 * number) % len(users)], "item_id": items[number % len(items)]}
        return telling.call("POST", "/v1/events", {"events": [event | {"event": "click"}]})

    await asyncio.gather(at_rate(WARM_UP, recommend), at_rate(WARM_UP, tell, offset=0.5 / RATE))
    answers, events = await asyncio.gather(at_rate(seconds, recommend), at_rate(seconds, tell, offset=0.5 / RATE))
    return {"recommendations": answers.summary(), "events": events.summary()}


async def load_bare(url: str, seconds: float) -> dict[str, Any]:
    """The same number of requests at a route that answers a constant."""
    connections = Connections(url, "")

    def ask(_: int) -> Awaitable[int]:
        return connections.call("POST", "/constant", {"user_id": "user", "n": 10})

    await at_rate(WARM_UP, ask)
    return (await at_rate(seconds, ask)).summary()


def serve_bare(port: "multiprocessing.Queue[int]") -> None:
    """FastAPI and uvicorn with one route and nothing else."""
    import socket

    import uvicorn
    from fastapi import FastAPI, Response

    app, content = FastAPI(), b"[" + b'{"item_id":"item","score":0.5},' * 9 + b"1]"

    @app.post("/constant")
    async def constant() -> Response:
        return Response(content, media_type="application/json")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port.put(listener.getsockname()[1])
        uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listener])


def measure_bare(seconds: float) -> dict[str, Any]:
    port: multiprocessing.Queue[int] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=serve_bare, args=(port,))
    process.start()
    try:
        return asyncio.run(load_bare(f"http://127.0.0.1:{port.get(timeout=30)}", seconds))
    finally:
        process.terminate()
        process.join(10)


def measure_own(seconds: float, work: float, bundle: str | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        command = [sys.executable, __file__, "--serve", folder, "--work", str(work), *(["--bundle", bundle] if bundle else [])]
        # One thread for products, as the server should have: more would take the cores from the event loop.
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        ) as process:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            time.sleep(0.5)
            try:
                return asyncio.run(load(started["url"], started["key"], seconds, started["users"], started["items"]))
            finally:
                process.send_signal(signal.SIGTERM)


def engine_of(bundle: str | None, work: float) -> Engine:
    """The engine under load; the network is imported only where it is used."""
    if bundle is None:
        return WorkingEngine(work)
    import torch

    from penchant.models.saved import read_network
    from penchant.serving.engine import BundleEngine

    torch.set_num_threads(1)
    return BundleEngine(read_network(Path(bundle)), Path(bundle).name)


def serve(folder: str, engine: Engine) -> None:
    known = engine.describe()
    facts = {"users": known["sample_users"], "items": [item["item_id"] for item in known["sample_items"]]}

    def announce(started: Started) -> None:
        print(json.dumps(asdict(started) | facts), flush=True)

    run(folder, engine, port=0, announce=announce)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10 seconds each instead of 60")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--work", type=float, default=4.0, help="milliseconds of products per recommendation")
    parser.add_argument("--url", help="a server that runs already; the key comes from --key or PENCHANT_KEY")
    parser.add_argument("--key", default=os.environ.get("PENCHANT_KEY", ""))
    parser.add_argument("--bundle", help="a bundle's folder")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, engine_of(asked.bundle, asked.work))
        return 0
    seconds = 10.0 if asked.quick else 60.0
    own = asyncio.run(load(asked.url, asked.key, seconds)) if asked.url else measure_own(seconds, asked.work, asked.bundle)
    found = own | {"bare_framework": measure_bare(seconds)}
    if asked.json:
        print(json.dumps(found))
    else:
        for what, numbers in found.items():
            print(f"{what:16}", "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in numbers.items()))
    return int(any(numbers["errors"] for numbers in found.values()))


if __name__ == "__main__":
    sys.exit(main())
