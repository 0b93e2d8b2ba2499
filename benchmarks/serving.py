"""How fast a server answers while feedback comes in, beside the bare framework and the bare network, and how much of it is ours.

A network with --items items (made events, a few seconds of training) is served by a process of its own; the client is this process.
Open loop: latency counts from each request's appointed time. Loopback only. In one run, one after another:

- `full`: 200 recommendations a second, each of 200 ranked candidates, while 1,000 events a second come in, ten a call
- `ingest`: 10,000 events a second, a hundred a call, each call answered when its events are on the disk
- `start`: from the command to ready, with 1,000,000 events in the log
- `bare_framework`: the same 200 requests a second at a route that answers a constant
- `bare_network`: the same answers from the network alone, in a process with one thread: encode, retrieve, rank

`ours_ms` is the median of `full` less both medians.

    python benchmarks/serving.py [--quick] [--json] [--items N] [--bundle FOLDER | --url URL --key KEY]

With --bundle another bundle is served (the folder with the manifest); with --url a running server is measured, `full` only, for users it
does not know. What is made is kept in benchmarks/cache/serving.
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
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from load.open_loop import Connections, Measured, at_rate
from load.world import NOW, World

CACHE = Path(__file__).resolve().parent / "cache" / "serving"
RATE = 200
"""Recommendations per second."""
EVENTS, CALL = 1_000, 10
"""Events per second beside them, and how many a call brings."""
INGEST, BIG_CALL = 10_000, 100
LOGGED = 1_000_000
"""Events in the log when the start is measured."""
WARM_UP = 2.0
"""Seconds of the same load that are not counted."""
PATIENCE = 120.0
"""Seconds that a server may take to be ready."""


@dataclass(frozen=True)
class Running:
    """A server, how to come in, and whom to ask for."""

    url: str
    key: str
    users: Sequence[str]
    items: Sequence[str]


@contextmanager
def serving(bundle: Path, folder: str) -> Iterator[Running]:
    """A bundle's server with its state in `folder`, ready."""
    command = [sys.executable, __file__, "--serve", folder, "--bundle", str(bundle)]
    # One thread for products, as the server should have: more would take the cores from the event loop.
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        try:
            wait_until_ready(told["url"])
            yield Running(told["url"], told["key"] or "", told["users"], told["items"])
        finally:
            process.send_signal(signal.SIGTERM)


def wait_until_ready(url: str) -> None:
    """Asks again and again. Raises TimeoutError after `PATIENCE`."""
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        try:
            with urlopen(f"{url}/health/ready") as answer:
                if answer.status == 200:
                    return
        except URLError:
            time.sleep(0.01)
    raise TimeoutError(f"{url} was not ready after {PATIENCE:g} s")


async def full(server: Running, seconds: float) -> dict[str, Any]:
    """Recommendations and, between them, events."""
    asking, telling = Connections(server.url, server.key), Connections(server.url, server.key)

    def recommend(number: int) -> Awaitable[int]:
        return asking.call("POST", "/v1/recommendations", {"user_id": server.users[number % len(server.users)], "n": 10})

    async def both(seconds: float) -> tuple[Measured, Measured]:
        events = told(telling, server, CALL)
        return await asyncio.gather(at_rate(RATE, seconds, recommend), at_rate(EVENTS / CALL, seconds, events, offset=0.5 / RATE))

    await both(WARM_UP)
    answers, events = await both(seconds)
    return {"full": answers.summary(), "full, calls with events": events.summary()}


async def ingest(server: Running, seconds: float) -> dict[str, Any]:
    """Nothing but events."""
    events = told(Connections(server.url, server.key), server, BIG_CALL)
    await at_rate(INGEST / BIG_CALL, WARM_UP, events)
    found = (await at_rate(INGEST / BIG_CALL, seconds, events)).summary()
    return {"ingest": {"events_per_s": INGEST, **found}}


def told(connections: Connections, server: Running, size: int) -> Callable[[int], Awaitable[int]]:
    """Calls with so many clicks of known users on known items."""

    def call(number: int) -> Awaitable[int]:
        places = range(number * size, (number + 1) * size)
        events = [
            {
                "event_id": secrets.token_hex(8),
                "user_id": server.users[(7 * place) % len(server.users)],
                "item_id": server.items[place % len(server.items)],
                "event": "click",
            }
            for place in places
        ]
        return connections.call("POST", "/v1/events", {"events": events})

    return call


async def load_bare(url: str, seconds: float) -> dict[str, Any]:
    """The same number of requests at a route that answers a constant."""
    connections = Connections(url, "")

    def ask(_: int) -> Awaitable[int]:
        return connections.call("POST", "/constant", {"user_id": "user", "n": 10})

    await at_rate(RATE, WARM_UP, ask)
    return (await at_rate(RATE, seconds, ask)).summary()


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


def bare_framework(seconds: float) -> dict[str, Any]:
    """The load on a server of the framework alone."""
    port: multiprocessing.Queue[int] = multiprocessing.get_context("spawn").Queue()
    process = multiprocessing.get_context("spawn").Process(target=serve_bare, args=(port,))
    process.start()
    try:
        return asyncio.run(load_bare(f"http://127.0.0.1:{port.get(timeout=30)}", seconds))
    finally:
        process.terminate()
        process.join(10)


def bare_network(bundle: Path, seconds: float) -> dict[str, Any]:
    """Milliseconds of the network's own answer to one user after another, with one thread."""
    import torch

    from penchant.data.dataset import Dataset
    from penchant.models.queries import Queries
    from penchant.models.saved import read_network

    torch.set_num_threads(1)
    network = read_network(bundle)
    log, wide = network.log_, network.recipe.serving.candidates
    queries = Queries.at_events(Dataset(network.recipe, log, np.arange(len(log))), log.offsets[1:] - 1)
    measured, end = Measured(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        one = queries.take(np.array([len(measured.latencies) % len(queries)]))
        begin = time.perf_counter()
        encoding = network.encode(network.batch_of(one))
        found = network.retrieve(encoding, one.moment)
        network.judge(encoding, np.argpartition(-found, wide, axis=1)[:, :wide], one.moment)
        measured.latencies.append(1000 * (time.perf_counter() - begin))
    return measured.summary()


def start(bundle: Path, logged: int) -> dict[str, Any]:
    """Seconds from the command until the server is ready, with so many events in its log."""
    from penchant.schema.event import Event
    from penchant.serving.server import DATABASE
    from penchant.storage.events import SQLiteEventLog
    from penchant.storage.sqlite import Database

    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        database = Database(Path(folder) / DATABASE)
        log = SQLiteEventLog(database)
        for first in range(0, logged, BIG_CALL * BIG_CALL):
            places = range(first, min(first + BIG_CALL * BIG_CALL, logged))
            log.append([Event(f"e{place}", str(place % 5_000), str(place % 9_973), NOW + place / 1000, "click") for place in places])
        database.close()
        begin = time.perf_counter()
        with serving(bundle, folder):
            return {"events_in_the_log": logged, "seconds": round(time.perf_counter() - begin, 2)}


def serve(folder: str, bundle: Path) -> None:
    """The server's own process."""
    import torch

    from penchant.models.saved import read_network
    from penchant.serving.engine import BundleEngine
    from penchant.serving.server import Started, run

    torch.set_num_threads(1)
    engine = BundleEngine(read_network(bundle), bundle.name)
    known = engine.describe()
    facts = {"users": known["sample_users"], "items": [item["item_id"] for item in known["sample_items"]]}

    def announce(started: Started) -> None:
        print(json.dumps(asdict(started) | facts), flush=True)

    run(folder, engine, port=0, announce=announce)


def measure(bundle: Path, quick: bool) -> dict[str, Any]:
    """Everything, one after another."""
    seconds = 3.0 if quick else 60.0
    found: dict[str, Any] = {}
    for part in (full, ingest):
        with tempfile.TemporaryDirectory(prefix="serving-") as folder, serving(bundle, folder) as server:
            found |= asyncio.run(part(server, seconds))
    found |= {"start": start(bundle, LOGGED // 20 if quick else LOGGED)}
    found |= {"bare_framework": bare_framework(seconds), "bare_network": bare_network(bundle, seconds)}
    ours = found["full"]["p50_ms"] - found["bare_framework"]["p50_ms"] - found["bare_network"]["p50_ms"]
    return found | {"ours": {"ours_ms": round(ours, 2), "share": round(ours / found["full"]["p50_ms"], 3)}}


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10,000 items, 3 seconds each, and 50,000 events in the log")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--items", type=int, help="100,000 unless told")
    parser.add_argument("--bundle", type=Path, help="another bundle's folder")
    parser.add_argument("--url", help="a server that runs already; the key comes from --key or PENCHANT_KEY")
    parser.add_argument("--key", default=os.environ.get("PENCHANT_KEY", ""))
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.bundle)
        return 0
    if asked.url:
        strangers = [f"user-{number}" for number in range(500)]
        server = Running(asked.url, asked.key, strangers, [f"item-{number}" for number in range(200)])
        found = asyncio.run(full(server, 3.0 if asked.quick else 60.0))
    else:
        world = World(items=asked.items or (10_000 if asked.quick else 100_000), users=1_000 if asked.quick else 5_000)
        found = measure(asked.bundle or world.bundle(CACHE), asked.quick)
    for what, numbers in found.items():
        print(f"{what:24}", "  ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in numbers.items()))
    if asked.json:
        print(json.dumps(found))
    return int(any(numbers.get("errors") for numbers in found.values()))


if __name__ == "__main__":
    sys.exit(main())
