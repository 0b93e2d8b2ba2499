"""SIGTERM: first not ready, then nobody comes in, whoever is inside is answered, and all ends in time."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import DATABASE, Database

SERVER = Path(__file__).with_name("small_server.py")


class Running:
    """A server in a process of its own, and a client without kept connections, as a balancer's checks are."""

    def __init__(self, folder: Path, drain: float) -> None:
        command = [sys.executable, str(SERVER), str(folder), str(drain)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
        assert self.process.stdout is not None
        facts = json.loads(self.process.stdout.readline())
        self.url, self.headers = facts["url"], {"X-API-Key": facts["key"]}
        while self.status() != 200:
            time.sleep(0.05)

    def status(self) -> int:
        try:
            return httpx.get(f"{self.url}/health/ready").status_code
        except httpx.TransportError:
            return 0

    def post(self, path: str, body: object) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers=self.headers, timeout=10)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    server = Running(tmp_path, 0.7)
    yield server
    server.process.kill()
    server.process.communicate()


def test_that_sigterm_drains_loses_nothing_and_ends_in_time(running: Running, tmp_path: Path) -> None:
    with ThreadPoolExecutor() as clients:
        slow = clients.submit(running.post, "/v1/recommendations", {"user_id": "slow"})
        time.sleep(0.2)
        begun = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        while running.status() == 200:
            assert time.monotonic() - begun < 0.6
        assert running.status() == 503  # it says so, and still answers
        assert httpx.get(f"{running.url}/health/ready").json()["status"] == "draining"
        assert httpx.get(f"{running.url}/health/live").status_code == 200
        event = {"event_id": "e1", "user_id": "u1", "item_id": "i1"}
        assert running.post("/v1/events", {"events": [event]}).json()["accepted"] == 1
        assert slow.result().status_code == 200
        _, err = running.process.communicate(timeout=10)
    assert 0.7 <= time.monotonic() - begun < 10
    assert running.process.returncode in (0, -signal.SIGTERM)
    assert "Traceback" not in err
    assert all(json.loads(line)["level"] == "info" for line in err.splitlines())
    log = SQLiteEventLog(Database(tmp_path / DATABASE))
    assert [stored.event_id for _, stored in log.read()] == ["e1"]
    log.close()


def test_that_a_second_signal_does_not_wait_for_the_first(running: Running) -> None:
    begun = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    running.process.send_signal(signal.SIGTERM)
    running.process.communicate(timeout=10)
    assert time.monotonic() - begun < 0.65


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_that_a_hung_engine_does_not_keep_the_process_from_ending(running: Running, told: signal.Signals) -> None:
    answer = running.post("/v1/recommendations", {"user_id": "hang"})
    assert (answer.status_code, answer.json()["reason"]) == (200, "late")
    begun = time.monotonic()
    running.process.send_signal(told)
    _, err = running.process.communicate(timeout=10)
    assert time.monotonic() - begun < 10
    assert "the engine hangs" in err
