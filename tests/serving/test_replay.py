"""State rebuilt from the event log is the state that was live, to the byte; clocks may step as they like."""

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tests import small_data

from penchant.data.dataset import Dataset
from penchant.models.saved import read_network, write_network
from penchant.schema.event import Event
from penchant.schema.recipe import Recipe
from penchant.serving.engine import BundleEngine
from penchant.serving.service import Service
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore
from penchant.training.trainer import fit_network

COUNTERS = """context.daypart = { kind = "category" }
user.likes = { kind = "counters", of = "rating", windows = ["7d", "all"], rate = true }
item.fares = { kind = "counters", of = "rating", windows = ["7d", "all"] }"""
RECIPE = small_data.FILM_RECIPE.replace('context.daypart = { kind = "category" }', COUNTERS).replace("epochs = 8", "epochs = 1")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    data = Dataset.from_frames(small_data.film_events(), small_data.viewers(), small_data.films(), Recipe.parse(RECIPE), now=4e9)
    write_network(fit_network(data.recipe, data), folder)
    return folder


def events_of(seed: int, count: int) -> list[Event]:
    """Out of order, of equal times, sent again, of users, films and dayparts that nobody knows, with amounts of many digits."""
    chance = random.Random(seed)
    films = [*small_data.films()["item_id"].to_list(), *(f"new{n}" for n in range(6)), "never"]
    events = []
    for number in range(count):
        said = Event(
            f"e{number}",
            f"u{chance.randrange(80)}",
            chance.choice(films),
            small_data.FILM_NOW + chance.randrange(200) * (0.1 if chance.random() < 0.2 else 3600.0),
            "rating",
            chance.choice([1.0, 5.0, None, chance.random() * 5]),
            chance.choice(["home", "search", None, "strange"]),
            {"daypart": chance.choice(["day", "night", "dawn"])} if chance.random() < 0.8 else {},
        )
        events.append(chance.choice(events) if events and chance.random() < 0.1 else said)
    return events


def lived(service: Service, seed: int, count: int) -> Any:
    """Batches of many senders at once, while films and users are put."""
    chance = random.Random(seed)

    async def live() -> None:
        await service.start()
        events, calls = events_of(seed, count), []
        while events:
            size = chance.randrange(1, 200)
            calls.append(asyncio.create_task(service.record_events(events[:size])))
            events = events[size:]
            if chance.random() < 0.2:
                calls.append(asyncio.create_task(service.put_items({f"new{chance.randrange(6)}": {"title": "New", "genre": "alpha"}})))
                calls.append(asyncio.create_task(service.put_users({f"u{chance.randrange(80)}": {"colour": "red"}})))
            if chance.random() < 0.3:
                await asyncio.gather(*calls)
        await asyncio.gather(*calls)

    return live()


def open_service(folder: Path, bundle: Path) -> tuple[Service, BundleEngine]:
    database = Database(folder / "penchant.db")
    engine = BundleEngine(read_network(bundle), "1")
    return Service(engine, SQLiteEventLog(database), SQLiteRecordStore(database)), engine


@pytest.mark.parametrize(("seed", "count"), [(0, 2_000), (1, 2_000), (2, 10_000)])
def test_that_the_state_rebuilt_from_the_log_is_the_live_one_to_the_byte(bundle: Path, tmp_path: Path, seed: int, count: int) -> None:
    service, engine = open_service(tmp_path, bundle)
    fresh = engine.fingerprint()
    asyncio.run(lived(service, seed, count))
    live = engine.fingerprint()
    service.close()
    for _ in range(2):
        again, rebuilt = open_service(tmp_path, bundle)
        assert rebuilt.fingerprint() == fresh != live
        asyncio.run(again.start())
        assert rebuilt.fingerprint() == live
        again.close()


def told(engine: BundleEngine, events: Sequence[Event]) -> str:
    engine.apply_events(events)
    return engine.fingerprint()


def test_that_any_change_of_any_part_changes_the_fingerprint(bundle: Path) -> None:
    event = Event("e1", "u1", "a1", small_data.FILM_NOW, "rating", 4.0, "home", {"daypart": "day"})
    others = [
        Event("e1", "u2", "a1", small_data.FILM_NOW, "rating", 4.0, "home", {"daypart": "day"}),
        Event("e1", "u1", "a2", small_data.FILM_NOW, "rating", 4.0, "home", {"daypart": "day"}),
        Event("e1", "u1", "a1", small_data.FILM_NOW + 0.001, "rating", 4.0, "home", {"daypart": "day"}),
        Event("e1", "u1", "a1", small_data.FILM_NOW, "rating", 4.0000001, "home", {"daypart": "day"}),
        Event("e1", "u1", "unknown", small_data.FILM_NOW, "rating", 4.0, "home", {"daypart": "day"}),
        Event("e2", "u1", "unknown", small_data.FILM_NOW, "rating", 4.0, "home", {"daypart": "day"}),
    ]
    found = [told(BundleEngine(read_network(bundle), "1"), [each]) for each in [event, *others]]
    engine = BundleEngine(read_network(bundle), "1")
    found.append(engine.fingerprint())
    engine.upsert_items({"a1": {"title": "Another", "genre": "alpha"}})
    found.append(engine.fingerprint())
    engine.upsert_users({"u1": {"colour": "red"}})
    found.append(engine.fingerprint())
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("step", [-3600.0, 30 * 86400.0])
def test_that_a_clock_that_steps_loses_nothing_and_orders_nothing_anew(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float
) -> None:
    service, engine = open_service(tmp_path, bundle)
    clock = time.time

    async def live() -> None:
        await service.start()
        await service.record_events([Event("e1", "v", "a1", small_data.FILM_NOW, "rating", 5.0)])
        monkeypatch.setattr(time, "time", lambda: clock() + step)
        await service.record_events([Event("e2", "v", "a2", small_data.FILM_NOW - 300, "rating", 5.0)])
        await service.record_events([Event("e3", "v", "a3", small_data.FILM_NOW + 300, "rating", 5.0)])

    asyncio.run(live())
    past = engine.memory.of("v")
    names = [engine.recommender.items["item_id"][row] for row in past.items]  # type: ignore[attr-defined]
    assert names == ["a2", "a1", "a3"]
    service.close()
