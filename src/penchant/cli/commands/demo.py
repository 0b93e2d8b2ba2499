"""`penchant demo`: MovieLens-100K from download to served recommendations."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from penchant.cli.commands.train import train_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.movielens import fetch
from penchant.cli.terminal import Terminal
from penchant.schema.errors import StorageError
from penchant.schema.recipe import Recipe

CACHE = Path.home() / ".cache" / "penchant" / "ml-100k"
START = 60  # seconds the server may take to be ready
SHOWN = 5


def run(terminal: Terminal, home: Path, once: bool, port: int) -> None:
    """Fetch, train, serve, and show."""
    started = time.monotonic()
    source = fetch(CACHE)
    terminal.line("get", f"MovieLens-100K from {source}; kept in {CACHE}")
    recipe = _recipe(home)
    train_bundle(terminal, Recipe.read(recipe), HomeFolder(home))
    terminal.line("time", f"{time.monotonic() - started:.0f} s from nothing to a bundle")
    with _server(recipe, home, 0 if once else port) as facts:
        terminal.line("serve", f"{facts['url']}   bundle {facts['bundle']}   playground {facts['login_url']}")
        ask = _Client(facts["url"], facts["key"])
        if once:
            terminal.result(**_tour(terminal, ask))
            return
        terminal.text(f"\n{_curl(ask)}\n\nCtrl-C stops the server.")
        terminal.result(**facts)
        with suppress(KeyboardInterrupt):
            _wait()


def _recipe(home: Path) -> Path:
    """The packaged recipe, beside the demo's results, with the data's folder filled in."""
    home.mkdir(parents=True, exist_ok=True)
    text = _packaged()
    for suffix in ("inter", "user", "item"):
        text = text.replace(f'"ml-100k.{suffix}"', json.dumps(str(CACHE / f"ml-100k.{suffix}")))
    path = home / "recipe.toml"
    path.write_text(text, encoding="utf8")
    return path


def _packaged() -> str:
    return files("penchant.cli").joinpath("recipes/movielens-100k.toml").read_text(encoding="utf8")


@contextmanager
def _server(recipe: Path, home: Path, port: int) -> Iterator[dict[str, Any]]:
    """Our own server in a process of its own, stopped at the end."""
    state = home / "state"
    for name in state.glob("penchant.db*"):  # the demo begins with an empty event log and a fresh key
        name.unlink()
    command = [
        sys.executable,
        "-m",
        "penchant",
        "serve",
        str(recipe),
        "--home",
        str(home),
        "--port",
        str(port),
        "--json",
        "--log-format",
        "faults",
        "--drain",
        "0",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    before = signal.signal(signal.SIGTERM, _interrupted)  # else the demo ends at once, and the server goes on without it
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line or "error" in json.loads(line):
            do = f"Try: penchant serve {recipe} --home {home}"
            raise StorageError("the demo's server", must="starting", came=line.strip() or "an early end", do=do)
        facts = json.loads(line)
        _until_ready(facts["url"])
        yield facts
    finally:
        process.terminate()
        process.wait(timeout=15)
        signal.signal(signal.SIGTERM, before)


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def _until_ready(url: str) -> None:
    for _ in range(START * 10):
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise StorageError("the demo's server", must=f"ready within {START} s", came="no answer", do="Look at its log.")


class _Client:
    def __init__(self, url: str, key: str | None) -> None:
        self.url, self.key = url, key

    def __call__(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.key}"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            result: dict[str, Any] = json.loads(answer.read())
        return result


def _tour(terminal: Terminal, ask: _Client) -> dict[str, Any]:
    """A known user, a new user with a profile, an anonymous visit; then an event, and the list that follows it."""
    known = ask("/v1/recommendations", {"user_id": "42", "n": SHOWN})
    _show(terminal, "user 42, known from the log", known)
    profile = {"age": 24, "gender": "F", "occupation": "student"}
    newcomer = ask("/v1/recommendations", {"user_id": "newcomer", "profile": profile, "n": SHOWN})
    _show(terminal, "a new user: 24, F, student", newcomer)
    films = ("50", "172", "181")  # Star Wars, The Empire Strikes Back, Return of the Jedi
    session = {"events": [{"item_id": film, "event": "rating", "value": 5} for film in films]}
    visitor = ask("/v1/recommendations", {"session": session, "n": SHOWN})
    _show(terminal, "an anonymous visit that liked three Star Wars films", visitor)
    first = known["items"][0]
    event = {"event_id": f"demo-{time.time_ns()}", "user_id": "42", "item_id": first["item_id"], "event": "rating", "value": 5}
    accepted = ask("/v1/events", {"events": [event | {"request_id": known["request_id"]}]})
    after = ask("/v1/recommendations", {"user_id": "42", "n": SHOWN})
    _show(terminal, f"user 42, right after rating '{first['title']}' with 5 stars", after)
    changed = [item["item_id"] for item in known["items"]] != [item["item_id"] for item in after["items"]]
    if not changed or accepted["accepted"] != 1:
        raise StorageError("the list after an event", must="another one", came="the same list", do="Look at the server's log.")
    return {"known": known, "newcomer": newcomer, "visitor": visitor, "after": after, "changed": changed}


def _show(terminal: Terminal, who: str, answer: dict[str, Any]) -> None:
    lines = []
    for item in answer["items"]:
        tasks = "  ".join(f"{name} {value:.3f}" for name, value in item["tasks"].items())
        lines.append(f"{item['title'] or item['item_id']:<44.44} {tasks}")
    terminal.line("for", f"{who}\n" + "\n".join(lines))


def _curl(ask: _Client) -> str:
    body = json.dumps({"user_id": "42", "n": SHOWN})
    return f"curl -s {ask.url}/v1/recommendations -H 'Authorization: Bearer {ask.key}' -H 'Content-Type: application/json' -d '{body}'"


def _wait() -> None:
    while True:
        time.sleep(3600)
