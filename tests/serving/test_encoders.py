"""The process that reads words: the same arrays as here, in good order, whatever becomes of it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from tests import small_data
from waiting import LONG, until
from worded_films import network_with_words

from penchant.features.feature_set import FeatureSet
from penchant.models.network_recommender import NetworkRecommender
from penchant.serving import encoders as process
from penchant.serving.encoders import PORTION_CHARACTERS, PORTION_RECORDS, Encoders
from penchant.serving.engine import BundleEngine


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> NetworkRecommender:
    return network_with_words(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def features(model: NetworkRecommender) -> FeatureSet:
    return model.features


@pytest.fixture(scope="module")
def running(model: NetworkRecommender) -> Iterator[Encoders]:
    """A real process for all tests that leave one up."""
    encoders = Encoders(model.features, model.recipe.directory)
    encoders.start()
    until(lambda: encoders.state == "up")
    yield encoders
    encoders.close()


class Scripted(Encoders):
    """A process that is none: it reads a record's length, dies over the words "kill", and waits where it is told.

    Attributes:
        asked: The words of every portion, in the order it was asked.
        may_go_on: Cleared, it is asked no more.
    """

    def __init__(self, features: FeatureSet) -> None:
        super().__init__(features, Path("."))
        self.asked: list[list[str]] = []
        self.starts = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def _started(self) -> Any:
        self.starts += 1
        self.state = "up"

    def _ask(self, process: Any, owner: Any, records: Any) -> Any:
        self.asked.append([str(record["words"]) for record in records])
        self.may_go_on.wait(LONG)
        if any(record["words"] == "kill" for record in records):
            raise EOFError
        return {"words": np.array([[len(record["words"])] * 8 for record in records], dtype=np.float32)}


@pytest.fixture
def scripted(features: FeatureSet, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    monkeypatch.setattr(process, "FIRST_PAUSE", 0.01)
    encoders = Scripted(features)
    encoders.start()
    yield encoders
    encoders.may_go_on.set()
    encoders.close()


def records(*words: str | None) -> list[dict[str, Any]]:
    return [{"words": each} for each in words]


def first_numbers(given: dict[str, Any]) -> list[float]:
    return [float(row[0]) for row in given["words"]]


# What comes back.


@pytest.mark.slow
@pytest.mark.parametrize("owner", ["item", "user", "context"])
def test_that_the_process_makes_the_arrays_that_would_be_made_here(running: Encoders, features: FeatureSet, owner: Any) -> None:
    (column,) = running.columns[owner]
    words = ["a b", None, "", "h " * 40, "🎬", "a b c d e f g h"]
    given = asyncio.run(running.encode(owner, [{column: each, "other": 1} for each in words]))
    here = features.encode(owner, pl.DataFrame({column: words}))
    assert set(given) == {column}
    assert np.array_equal(given[column], here[column])


@pytest.mark.slow
def test_that_many_records_come_back_in_their_order(running: Encoders, features: FeatureSet) -> None:
    words = [" ".join("abcdefgh"[(number >> 3 * place) % 8] for place in range(3)) for number in range(3 * PORTION_RECORDS + 1)]
    given = asyncio.run(running.encode("item", records(*words), len(words)))
    assert np.array_equal(given["words"], features.encode("item", pl.DataFrame({"words": words}))["words"])


@pytest.mark.slow
def test_that_nothing_to_read_gives_nothing(running: Encoders) -> None:
    assert asyncio.run(running.encode("item", [])) == {}


@pytest.mark.slow
def test_that_a_feature_that_cannot_be_read_is_left_out_and_nothing_ends(
    model: NetworkRecommender, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    encoders = Encoders(model.features, tmp_path)  # where there is no model
    encoders.start()
    try:
        until(lambda: encoders.state == "up")
        assert asyncio.run(encoders.encode("item", records("a secret"))) == {}
        assert "language model" in (told := capfd.readouterr().err)
        assert "secret" not in told
    finally:
        encoders.close()


# Who comes first.


def test_that_a_single_item_goes_between_the_portions_of_a_long_upsert(scripted: Scripted) -> None:
    async def both() -> None:
        scripted.may_go_on.clear()
        long = asyncio.create_task(scripted.encode("item", records(*(["long"] * 10_000)), 10_000))
        await asyncio.to_thread(until, lambda: scripted.asked)
        short = asyncio.create_task(scripted.encode("item", records("short"), 1))
        asked = asyncio.create_task(scripted.encode("item", records("request"), 0))
        await asyncio.sleep(0.05)
        scripted.may_go_on.set()
        await asyncio.gather(short, asked)
        assert not long.done()
        assert len((await long)["words"]) == 10_000

    asyncio.run(both())
    assert [portion[0] for portion in scripted.asked[:4]] == ["long", "request", "short", "long"]


def test_that_portions_are_small_in_records_and_in_characters(scripted: Scripted) -> None:
    words = [*["w"] * (PORTION_RECORDS + 1), "x" * PORTION_CHARACTERS, "y" * (PORTION_CHARACTERS // 2), "y" * (PORTION_CHARACTERS // 2)]
    asyncio.run(scripted.encode("item", records(*words), 1))
    assert [[each[0] for each in portion] for portion in scripted.asked] == [["w"] * PORTION_RECORDS, ["w"], ["x"], ["y", "y"]]


def test_that_what_nobody_waits_for_any_more_is_not_read(scripted: Scripted) -> None:
    async def gives_up() -> None:
        scripted.may_go_on.clear()
        first = asyncio.create_task(scripted.encode("item", records("first"), 1))
        await asyncio.to_thread(until, lambda: scripted.asked)
        second = asyncio.create_task(scripted.encode("item", records("second"), 0))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0.05)
        scripted.may_go_on.set()
        await first
        await scripted.encode("item", records("third"), 1)

    asyncio.run(gives_up())
    assert scripted.asked == [["first"], ["third"]]


# What it dies of.


def test_that_a_record_the_process_dies_over_costs_itself_alone(scripted: Scripted) -> None:
    assert first_numbers(asyncio.run(scripted.encode("item", records("a", "kill", "ccc"), 3))) == [1, 0, 3]
    assert scripted.asked == [["a", "kill", "ccc"], ["a"], ["kill"], ["ccc"]]
    assert scripted.starts == 3
    assert asyncio.run(scripted.encode("item", records("kill"), 1)) == {}


def test_that_a_request_the_process_dies_over_is_answered_at_once(scripted: Scripted) -> None:
    assert asyncio.run(scripted.encode("item", records("kill"), 0)) == {}
    assert scripted.asked == [["kill"]]


def test_that_pauses_grow_while_nothing_succeeds(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        asyncio.run(scripted.encode("item", records("kill"), 0))
    until(lambda: len(caplog.messages) == 3)
    assert [message.split("again in ")[1] for message in caplog.messages] == ["0.01 s", "0.02 s", "0.04 s"]
    asyncio.run(scripted.encode("item", records("a"), 1))
    asyncio.run(scripted.encode("item", records("kill"), 0))
    until(lambda: len(caplog.messages) == 4)
    assert "again in 0.01 s" in caplog.messages[-1]


def test_that_a_day_without_a_process_is_no_overflow(features: FeatureSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "FIRST_PAUSE", 1e-9)
    monkeypatch.setattr(process, "LONGEST_PAUSE", 1e-6)
    encoders = Scripted(features)
    tries = iter(range(1100))  # 2 to that power is no float

    def started() -> None:
        if next(tries, None) is not None:
            raise OSError("no room")
        encoders.state = "up"

    monkeypatch.setattr(encoders, "_started", started)
    encoders.start()
    assert first_numbers(asyncio.run(encoders.encode("item", records("a"), 1))) == [1]
    encoders.close()


@pytest.mark.slow
def test_that_a_process_killed_at_work_is_followed_by_another_that_does_it(running: Encoders) -> None:
    async def killed() -> Any:
        before = running.process_id
        assert before is not None
        os.kill(before, signal.SIGSTOP)  # at work for as long as it takes to kill it
        task = asyncio.create_task(running.encode("item", records("a", "b"), 2))
        await asyncio.sleep(0.1)
        os.kill(before, signal.SIGKILL)
        return before, await task

    before, given = asyncio.run(killed())
    assert given["words"].shape == (2, 8)
    assert running.process_id not in (None, before)
    assert not alive(before)


@pytest.mark.slow
def test_that_a_process_that_hangs_is_ended(running: Encoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LONGEST_WORK", 0.2)
    before = running.process_id
    assert before is not None
    os.kill(before, signal.SIGSTOP)
    assert asyncio.run(running.encode("item", records("a"), 0)) == {}
    monkeypatch.undo()
    until(lambda: running.state == "up" and running.process_id not in (None, before))


# How it ends.


@pytest.mark.slow
def test_that_it_ends_with_the_service_and_who_waits_is_told(features: FeatureSet, model: NetworkRecommender) -> None:
    encoders = Encoders(features, model.recipe.directory)
    encoders.start()
    until(lambda: encoders.process_id)
    pid = encoders.process_id
    assert pid is not None

    async def waits() -> Any:
        task = asyncio.create_task(encoders.encode("item", records("a"), 1))
        await asyncio.sleep(0.05)
        await asyncio.to_thread(encoders.close)
        return await task, await encoders.encode("item", records("b"), 1)

    assert asyncio.run(waits()) == ({}, {})
    assert not alive(pid)


@pytest.mark.slow
def test_that_it_ends_when_the_service_is_killed(model: NetworkRecommender) -> None:
    code = """
import sys, time
from pathlib import Path
from penchant.models.saved import read_network
from penchant.serving.engine import BundleEngine
encoders = BundleEngine(read_network(Path(sys.argv[1]), Path(sys.argv[2])), "1").encoders()
encoders.start()
while encoders.state != "up": time.sleep(0.05)
print(encoders.process_id, flush=True)
time.sleep(600)
"""
    folder = model.recipe.directory
    service = subprocess.Popen([sys.executable, "-c", code, str(folder / "bundle"), str(folder)], stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    pid = int(service.stdout.readline())
    assert alive(pid)
    service.kill()
    service.wait()
    until(lambda: not alive(pid))


@pytest.mark.slow
def test_that_it_gives_way_to_the_thread_that_ranks(running: Encoders) -> None:
    until(lambda: running.process_id)
    assert os.getpriority(os.PRIO_PROCESS, running.process_id or 0) >= 10


def test_that_a_model_without_words_has_none() -> None:
    assert BundleEngine(small_data.film_network(), "1").encoders() is None
