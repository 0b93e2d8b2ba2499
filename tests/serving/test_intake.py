"""A whole service whose model reads words: what is put is known at once, and its words as soon as they are read."""

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import small_data
from waiting import LONG, until
from worded_films import SAID, network_with_words
from worded_service import Running, service

from penchant.models.saved import read_network
from penchant.serving import encoders as process
from penchant.serving.encoders import Encoders
from penchant.serving.engine import BundleEngine
from penchant.serving.intake import TAKEN_IN_AT_ONCE, Intake

# The intake by itself, over encoders that read when they are told to.


class Reading:
    """Encoders that answer each record with its number, when the test says so."""

    def __init__(self) -> None:
        self.state = "up"
        self.columns = {"item": ["n"], "user": [], "context": []}
        self.may_answer = asyncio.Event()
        self.urgencies: list[int] = []

    async def encode(self, owner: str, records: list[dict[str, Any]], urgency: int) -> dict[str, Any]:
        self.urgencies.append(urgency)
        await self.may_answer.wait()
        return {"n": np.array([[record["n"]] for record in records], dtype=np.float32)}


@dataclass
class Taken:
    """An intake and what it handed on: who, with which numbers; None without any."""

    intake: Intake
    reading: Reading
    calls: list[dict[str, float | None]]


def taken() -> Taken:
    calls: list[dict[str, float | None]] = []

    async def take_in(kind: str, records: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        assert all(len(array) == len(records) for array in given.values())
        calls.append({name: float(given["n"][row, 0]) if given else None for row, name in enumerate(records)})

    reading: Any = Reading()
    return Taken(Intake(reading, take_in), reading, calls)


def test_that_what_is_read_in_time_is_taken_in_once() -> None:
    async def puts() -> None:
        it = taken()
        it.reading.may_answer.set()
        await it.intake.put("item", {"a": {"n": 1}, "b": {"n": 2}}, LONG)
        assert it.calls == [{"a": 1, "b": 2}]
        assert it.intake.behind == 0

    asyncio.run(puts())


def test_that_what_is_read_late_is_taken_in_without_and_then_with_it() -> None:
    async def puts() -> None:
        it = taken()
        await it.intake.put("item", {"a": {"n": 1}}, 0.01)
        assert (it.calls, it.intake.behind) == ([{"a": None}], 1)
        it.reading.may_answer.set()
        await asyncio.sleep(0.05)
        assert (it.calls, it.intake.behind) == ([{"a": None}, {"a": 1}], 0)

    asyncio.run(puts())


def test_that_nobody_waits_for_a_process_that_is_down() -> None:
    async def puts() -> None:
        it = taken()
        it.reading.state = "down"
        await asyncio.wait_for(it.intake.put("item", {"a": {"n": 1}}, LONG), LONG / 2)
        assert it.calls == [{"a": None}]

    asyncio.run(puts())


def test_that_what_was_read_of_an_earlier_record_does_not_replace_a_later_one() -> None:
    async def puts() -> None:
        it = taken()
        await it.intake.put("item", {"a": {"n": 1}, "b": {"n": 2}}, 0.01)
        await it.intake.put("item", {"a": {"n": 3}}, 0.01)
        it.reading.may_answer.set()
        await asyncio.sleep(0.05)
        assert it.calls[2:] == [{"b": 2}, {"a": 3}]

    asyncio.run(puts())


def test_that_records_without_anything_to_read_do_not_wait() -> None:
    async def puts() -> None:
        it = taken()
        await it.intake.put("user", {"u": {"n": 1}}, LONG)
        assert (it.calls, it.reading.urgencies) == ([{"u": None}], [])

    asyncio.run(puts())


def test_that_a_long_upsert_is_taken_in_by_parts_and_is_less_urgent() -> None:
    async def puts() -> None:
        it = taken()
        it.reading.may_answer.set()
        await it.intake.put("item", {str(n): {"n": n} for n in range(TAKEN_IN_AT_ONCE + 1)}, LONG)
        assert [len(call) for call in it.calls] == [TAKEN_IN_AT_ONCE, 1]
        assert it.reading.urgencies == [TAKEN_IN_AT_ONCE + 1] * 2

    asyncio.run(puts())


def test_that_too_many_awaited_records_are_taken_in_without_their_words(monkeypatch: pytest.MonkeyPatch) -> None:
    async def puts() -> None:
        it = taken()
        monkeypatch.setattr("penchant.serving.intake.MOST_AWAITED", 1)
        await it.intake.put("item", {"a": {"n": 1}, "b": {"n": 2}}, LONG)
        assert (it.calls, it.intake.behind) == ([{"a": None, "b": None}], 0)

    asyncio.run(puts())


# The service.


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    network_with_words(folder)
    return folder


@pytest.fixture(scope="module")
def running(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with service(films, tmp_path_factory.mktemp("state")) as running:
        until(lambda: running.encoders.state == "up")
        yield running


@pytest.mark.slow
def test_that_a_new_item_is_recommended_by_its_words(running: Running) -> None:
    running.put("new-beta", "e f f")
    running.put("new-alpha", "a b a")
    until(lambda: running.behind() == 0)
    assert running.ranks("new-beta", "new-alpha") == ["new-alpha", "new-beta"]
    assert "new-alpha" in {item["item_id"] for item in running.best("u0", n=20)["items"]}
    here = read_network(running.engine.recommender.recipe_.directory / "bundle", running.engine.recommender.recipe_.directory)
    alone = BundleEngine(here, "1")
    alone.upsert_items({"new-alpha": {"title": "new-alpha", "words": "a b a"}})
    mine, its = running.engine.recommender.known.vectors[running.engine._rows["new-alpha"]], here.known.vectors[-1]
    np.testing.assert_allclose(mine.numpy(), its.numpy(), atol=1e-6)


@pytest.mark.slow
def test_that_a_requests_words_count_as_they_would_without_a_process(running: Running, films: Path) -> None:
    told = running.best("somebody", profile={"bio": SAID["red"]}, context={"search": "a h"})
    assert (told["degraded"], told["fallback"]) == (False, None)
    assert {item["item_id"][0] for item in told["items"]} <= {"a", "n"}
    alone = BundleEngine(read_network(films / "bundle", films), "1")
    from penchant.serving.protocol import RecommendationRequest

    context = {"timestamp": small_data.FILM_NOW, "search": "a h"}
    wanted = alone.recommend(
        RecommendationRequest(user_id="somebody", n=30, scenario="home", context=context, profile={"bio": SAID["red"]})
    )
    scores = {item.item_id: item.score for item in wanted.items}
    assert [item["score"] for item in told["items"] if item["item_id"] in scores] == pytest.approx(
        [scores[item["item_id"]] for item in told["items"] if item["item_id"] in scores], abs=1e-4
    )


@pytest.mark.slow
def test_that_a_stored_users_words_count(running: Running) -> None:
    for name, said in SAID.items():
        assert running.client.put(f"/v1/users/new-{name}", json={"bio": said}).status_code == 200
    until(lambda: running.behind() == 0)
    red, blue = (running.best(f"new-{name}") for name in SAID)
    assert (red["degraded"], blue["degraded"]) == (False, False)
    assert {item["item_id"] for item in red["items"]} != {item["item_id"] for item in blue["items"]}


@pytest.mark.slow
def test_that_a_request_does_not_wait_longer_than_half_its_deadline(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert running.encoders.patience == 2.0  # half of the recipe's 4 seconds
    monkeypatch.setattr(running.encoders, "patience", 0.05)
    pid = running.encoders.process_id
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = running.best("somebody", profile={"bio": SAID["blue"]})
        assert (answer["degraded"], answer["fallback"], len(answer["items"])) == (True, "not_encoded", 5)
        assert not running.best("somebody")["degraded"]
    finally:
        os.kill(pid, signal.SIGCONT)
    monkeypatch.undo()
    until(lambda: not running.best("somebody", profile={"bio": SAID["blue"]})["degraded"])


@pytest.mark.slow
def test_that_what_is_put_while_the_process_is_dead_is_stored_and_read_later(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    start = Encoders._started
    monkeypatch.setattr(process, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(Encoders, "_started", lambda self: (_ for _ in ()).throw(OSError("no room")))
    pid = running.encoders.process_id
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.encoders.state == "down")
    told = running.best("somebody", profile={"bio": SAID["red"]})
    assert (told["degraded"], told["fallback"]) == (True, "not_encoded")
    running.put("late-alpha", "a b a")
    running.put("late-beta", "e f f")
    assert running.client.put("/v1/users/late", json={"bio": SAID["red"]}).status_code == 200
    assert running.behind() == 3
    assert running.client.get("/v1/items/late-alpha").json()["words"] == "a b a"
    assert (running.best("late")["degraded"], running.best("late")["fallback"]) == (True, "not_encoded")
    assert not running.best("u0")["degraded"]
    monkeypatch.setattr(Encoders, "_started", start)
    until(lambda: running.behind() == 0)
    assert running.ranks("late-beta", "late-alpha") == ["late-alpha", "late-beta"]
    assert not running.best("late")["degraded"]


@pytest.mark.slow
def test_that_a_restart_reads_what_was_stored_and_leaves_no_process(films: Path, tmp_path: Path) -> None:
    with service(films, tmp_path) as first:
        first.put("new-beta", "e f f")
        first.put("new-alpha", "a b a")
    assert first.encoders.process_id is None
    with service(films, tmp_path) as second:
        assert second.encoders is not first.encoders
        assert second.behind() == 0
        assert second.ranks("new-beta", "new-alpha") == ["new-alpha", "new-beta"]
