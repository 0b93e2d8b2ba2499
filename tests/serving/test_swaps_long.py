"""R17 in full: two hundred swaps of real bundles under two hundred requests a second, in a server of its own."""

import http.client
import json
import os
import threading
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from tests.cli.commands.test_models import another
from tests.cli.commands.test_serve import serving
from tests.cli.given import files, penchant

SWAPS = int(os.environ.get("PENCHANT_SWAPS", "200"))
RATE = int(os.environ.get("PENCHANT_RATE", "200"))
"""Requests per second, sent when they are due whether or not earlier ones are answered."""
CLIENTS = 16
STEADY = 10.0
"""Seconds without swaps that the others are held against."""


class Load:
    """Requests that are due at fixed times; what became of each."""

    def __init__(self, url: str, key: str) -> None:
        self._place, self._headers = urlsplit(url).netloc, {"X-API-Key": key, "Content-Type": "application/json"}
        self._stop, self._lock, self._next = threading.Event(), threading.Lock(), 0
        self._begun = time.monotonic()
        self.answered: list[tuple[float, float]] = []
        self.faults: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self._threads = [threading.Thread(target=self._run) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def p99(self, since: float, until: float) -> float:
        """Milliseconds from when a request was due, of those due in between (monotonic seconds)."""
        return float(np.percentile([1000 * seconds for due, seconds in self.answered if since <= due < until], 99))

    def _run(self) -> None:
        connection = http.client.HTTPConnection(self._place, timeout=30)
        while not self._stop.is_set():
            with self._lock:
                number, self._next = self._next, self._next + 1
            due = self._begun + number / RATE
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                connection.request("POST", "/v1/recommendations", json.dumps({"user_id": f"u{number % 40}", "n": 5}), self._headers)
                answer = connection.getresponse()
                body = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                self.faults[type(error).__name__] += 1
                connection.close()
                continue
            self.answered.append((due, time.monotonic() - due))
            if answer.status != 200 or body["degraded"] or not body["items"]:
                self.faults[str(body)[:200]] += 1
            else:
                self.versions[body["model_version"]] += 1


def resident(process: int) -> float:
    """Megabytes in memory."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 2**20


@pytest.mark.long
def test_that_swaps_under_load_fail_no_request_keep_its_time_and_its_memory(tmp_path: Path) -> None:
    recipe = files(tmp_path / "films")
    penchant("train", recipe)
    another(recipe)
    store, _ = another(recipe)
    store.promote("champion", "1", "test")
    sizes = []
    with serving(recipe) as server:
        load = Load(server.url, server.key)
        time.sleep(3)
        steady = time.monotonic()
        time.sleep(STEADY)
        begun = time.monotonic()
        for turn in range(SWAPS):  # three versions in turn: none is kept warm when it is promoted, each is loaded
            server.ask(f"/v1/models/{1 + (1 + turn) % 3}/promote?wait=0", {})
            while (told := server.ask("/v1/models")["promotion"])["step"] not in ("done", "refused"):
                time.sleep(0.2)
            assert told["step"] == "done", told
            sizes.append(resident(server.process))
        ended = time.monotonic()
        load.end()
    quiet, swapping = load.p99(steady, begun), load.p99(begun, ended)
    print(json.dumps({
        "swaps": SWAPS, "rate": RATE, "requests": len(load.answered), "faults": dict(load.faults), "versions": dict(load.versions),
        "p99_steady_ms": round(quiet, 2), "p99_swapping_ms": round(swapping, 2), "seconds_per_swap": round((ended - begun) / SWAPS, 3),
        "rss_after_5_mb": round(sizes[4], 1), "rss_at_the_end_mb": round(sizes[-1], 1),
    }))  # fmt: skip
    assert not load.faults
    assert set(load.versions) == {"1", "2", "3"}
    assert sizes[-1] <= 1.2 * sizes[4]
    assert swapping <= 2 * max(quiet, 5.0)
