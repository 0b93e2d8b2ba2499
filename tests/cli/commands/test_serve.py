"""Serving from the command line: a process that announces itself, answers with a key, keeps events, and ends in order."""

import json
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from penchant.cli.home import HomeFolder
from penchant.storage.sqlite import DATABASE, Database
from tests.cli.given import penchant, start


@dataclass(frozen=True)
class Server:
    """Where it listens and how it is asked."""

    url: str
    key: str
    facts: dict[str, Any]
    process: int = 0

    def ask(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.key if key is None else key}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, None if body is None else json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@contextmanager
def serving(recipe: Path, key: str = "") -> Iterator[Server]:
    """A server in a process of its own; at the end SIGTERM must let it go in order."""
    process = start("serve", recipe, "--port", 0, "--json")
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        server = Server(facts["url"], facts["key"] or key, facts, process.pid)
        for _ in range(200):
            try:
                server.ask("/health/ready")
                break
            except OSError:
                time.sleep(0.05)
        yield server
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=15)
        assert process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in out + err
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_that_a_server_answers_keeps_events_and_knows_them_after_a_restart(own: Path) -> None:
    with serving(own) as server:
        assert (server.facts["bundle"], server.facts["login_url"].startswith(server.url)) == ("1", True)
        before = server.ask("/v1/recommendations", {"user_id": "u0", "n": 5})
        assert (before["model_version"], before["degraded"], before["fallback"], len(before["items"])) == ("1", False, None, 5)
        first = before["items"][0]["item_id"]
        event = {"event_id": "e1", "user_id": "u0", "item_id": first, "event": "rating", "value": 5, "request_id": before["request_id"]}
        assert server.ask("/v1/events", {"events": [event]})["accepted"] == 1
        after = server.ask("/v1/recommendations", {"user_id": "u0", "n": 5})
        assert first not in [item["item_id"] for item in after["items"]]
        with pytest.raises(HTTPError, match="401"):
            server.ask("/v1/recommendations", {"user_id": "u0"}, key="wrong")
    with serving(own, key=server.key) as again:
        assert again.facts["key"] is None  # shown once
        restored = again.ask("/v1/recommendations", {"user_id": "u0", "n": 5})
        assert [item["item_id"] for item in restored["items"]] == [item["item_id"] for item in after["items"]]


def test_that_a_taken_address_is_code_8(own: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = penchant("serve", own, "--port", taken.getsockname()[1])
    assert (ran.code, "Choose another with --port." in ran.err) == (8, True)


def test_that_an_open_address_without_a_key_is_code_8(own: Path) -> None:
    ran = penchant("serve", own, "--host", "0.0.0.0", "--no-key", "--port", 0)
    assert (ran.code, "Use keys." in ran.err) == (8, True)


def test_that_two_servers_do_not_share_a_home(own: Path) -> None:
    state = HomeFolder.of(own, None).state
    state.mkdir(parents=True)
    database = Database(state / DATABASE)
    try:
        assert penchant("serve", own, "--port", 0).code == 7
    finally:
        database.close()
