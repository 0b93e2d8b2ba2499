"""Models in service: promoted beside the one that answers, refused when they are no good, rolled back at once; nobody notices."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from small_engine import wait_until_ready
from starlette.testclient import TestClient
from versions import VersionEngine, load, make, score_of

from penchant.schema.event import Event
from penchant.schema.sections.promotion import PromotionSettings
from penchant.serving.app import create_app
from penchant.serving.keys import Keys
from penchant.serving.models import Bundles
from penchant.serving.protocol import RecommendationRequest
from penchant.serving.service import Service
from penchant.storage.bundles import Bundle, BundleStore
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore


class Home:
    """A store of versions and a server on it."""

    def __init__(self, folder: Path, client: TestClient, store: BundleStore, log: SQLiteEventLog, loaded: list[Any]) -> None:
        self.folder, self.client, self.store, self.log, self.loaded = folder, client, store, log, loaded

    def promote(self, version: str, status: int = 200) -> dict[str, Any]:
        return self._posted(f"/v1/models/{version}/promote", status)

    def roll_back(self, status: int = 200) -> dict[str, Any]:
        return self._posted("/v1/models/rollback", status)

    def models(self) -> dict[str, dict[str, Any]]:
        return {told["version"]: told for told in self.client.get("/v1/models").json()["models"]}

    def ask(self, **body: Any) -> dict[str, Any]:
        answer = self.client.post("/v1/recommendations", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def tell(self, event_id: str, user: str, item: str) -> None:
        body = {"events": [{"event_id": event_id, "user_id": user, "item_id": item}]}
        assert self.client.post("/v1/events", json=body).status_code == 200

    def _posted(self, path: str, status: int) -> dict[str, Any]:
        answer = self.client.post(path)
        assert answer.status_code == status, answer.text
        return answer.json()


Opened = Callable[..., Home]


@contextmanager
def opened(folder: Path, settings: PromotionSettings | None = None, read: Callable[[Bundle], Any] = load) -> Iterator[Home]:
    store = BundleStore(folder / "bundles")
    if not store.versions():
        store.promote("champion", make(store), "test")
    database = Database(folder / "penchant.db")
    log, records = SQLiteEventLog(database), SQLiteRecordStore(database)
    keys = Keys(records)
    loaded: list[Any] = []

    def noted(bundle: Bundle) -> Any:
        engine = read(bundle)
        loaded.append(weakref.ref(engine))
        return engine

    bundles = Bundles(store, noted, settings=settings or PromotionSettings(requests=30))
    app = create_app(load(store.open("champion")), log, records, keys, bundles=bundles)
    with TestClient(app, headers={"X-API-Key": keys.add("operator")}) as client:
        wait_until_ready(client)
        yield Home(folder, client, store, log, loaded)


@pytest.fixture
def open_home(tmp_path: Path) -> Iterator[Opened]:
    with ExitStack() as running:
        yield lambda **settings: running.enter_context(opened(tmp_path, **settings))


@pytest.fixture
def home(open_home: Opened) -> Home:
    return open_home()


def test_that_a_promoted_version_answers_and_is_the_champion(home: Home) -> None:
    version = make(home.store, ndcg=0.25)
    assert home.ask(user_id="u1")["model_version"] == "1"
    told = home.promote(version)
    assert (told["step"], told["action"], told["version"], told["by"]) == ("done", "promote", "2", "key 'operator'")
    assert told["canary"]["requests"] == 30
    assert home.ask(user_id="u1")["model_version"] == "2"
    assert home.store.aliases() == {"champion": "2"}
    found = home.models()
    assert [*found] == ["2", "1"]
    assert (found["2"]["state"], found["2"]["aliases"], found["2"]["metrics"]) == ("serving", ["champion"], {"ndcg": 0.25})
    assert (found["1"]["state"], found["1"]["aliases"]) == ("warm", [])
    assert found["2"]["final_score"] == {"everywhere": {"click": 1.0}}
    assert "final_score" not in found["1"]


def test_that_the_new_model_knows_all_that_is_stored(home: Home) -> None:
    home.tell("e1", "u1", "i1")
    home.client.put("/v1/items/i9", json={"title": "New"})
    home.client.put("/v1/users/u9", json={"age": 3})
    home.promote(make(home.store))
    answer = home.ask(user_id="u1", n=20)
    assert answer["model_version"] == "2"
    assert {item["item_id"] for item in answer["items"]} == {"i2", "i3", "i4", "i5", "i9"}
    assert home.client.get("/v1/users/u9").json() == {"user_id": "u9", "age": 3}


def test_that_what_comes_while_a_model_is_loaded_is_not_lost_and_counts_once(open_home: Opened) -> None:
    loading, go_on = threading.Event(), threading.Event()

    def slowly(bundle: Bundle) -> VersionEngine:
        loading.set()
        assert go_on.wait(20)
        return load(bundle)

    home = open_home(read=slowly)
    home.tell("before", "u1", "i1")
    version = make(home.store)
    assert home.client.post(f"/v1/models/{version}/promote?wait=0").status_code == 202
    assert loading.wait(20)
    home.tell("while", "u1", "i2")
    home.client.put("/v1/items/i8", json={"title": "while"})
    assert home.ask(user_id="u1")["model_version"] == "1"
    assert home.client.get("/v1/models").json()["promotion"]["step"] == "load"
    assert home.promote(version, 409)["code"] == "promotion_under_way"
    assert home.roll_back(409)["code"] == "no_earlier_model"
    go_on.set()
    until(lambda: home.ask(user_id="u1")["model_version"] == "2")
    home.tell("after", "u1", "i3")
    engine = home.loaded[-1]()
    assert engine.seen["u1"] == ["i1", "i2", "i3"]
    assert engine.items["i8"] == {"title": "while"}


def test_that_rolling_back_is_quick_and_knows_what_came_since(home: Home) -> None:
    home.promote(make(home.store))
    home.tell("e1", "u1", "i4")
    home.client.put("/v1/items/i7", json={"title": "since"})
    begun = time.monotonic()
    told = home.roll_back()
    assert time.monotonic() - begun < 1
    assert (told["action"], told["version"], told["canary"]) == ("rollback", "1", None)
    answer = home.ask(user_id="u1", n=20)
    assert answer["model_version"] == "1"
    assert {item["item_id"] for item in answer["items"]} == {"i1", "i2", "i3", "i5", "i7"}
    assert home.store.aliases() == {"champion": "1"}
    assert len(home.loaded) == 1  # the earlier one was kept, not loaded again
    assert home.roll_back(409)["code"] == "no_earlier_model"


def test_that_rolling_back_after_a_restart_loads_the_earlier_version(open_home: Opened, tmp_path: Path) -> None:
    with opened(tmp_path) as home:
        home.promote(make(home.store))
    home = open_home()
    assert home.ask()["model_version"] == "2"
    assert home.roll_back()["version"] == "1"
    assert home.ask()["model_version"] == "1"


@pytest.mark.parametrize(
    ("does", "code"),
    [
        ("nan", "canary_not_finite"), ("infinite task", "canary_not_finite"), ("constant", "canary_constant"), ("nothing", "canary_empty"),
        ("fail", "canary_failed"), ("fall_back", "canary_failed"), ("slowly", "canary_slow"), ("other items", "canary_overlap"),
        ("unreadable", "not_loaded"), ("forget", "state_not_rebuilt"),
    ],
)  # fmt: skip
def test_that_a_bad_candidate_is_refused_and_the_old_one_goes_on(open_home: Opened, does: str, code: str) -> None:
    home = open_home(settings=PromotionSettings(requests=30, least_overlap=0.5, budget_ms=25))
    home.client.put("/v1/items/i6", json={"title": "stored"})
    version = make(home.store, does)
    problem = home.promote(version, 409)
    assert problem["code"] == code
    assert str(home.folder) not in problem["detail"]
    assert home.store.aliases() == {"champion": "1"}
    assert home.ask(user_id="u1")["model_version"] == "1"
    assert home.models()[version]["state"] == "stored"
    newest = home.client.get("/v1/models/changes").json()["changes"][0]
    assert (newest["action"], newest["version"], newest["before"], newest["code"]) == ("refused", version, "1", code)
    home.promote(make(home.store))
    assert home.ask()["model_version"] == "3"


def test_that_a_bundle_altered_on_the_disk_is_refused_by_its_reason(home: Home) -> None:
    version = make(home.store)
    (home.store.directory / "versions" / version / "model.json").write_text('{"does": "evil"}')
    assert home.promote(version, 409)["code"] == "wrong_hash" or home.promote(version, 409)["code"] == "wrong_size"
    assert home.ask()["model_version"] == "1"
    (home.store.directory / "versions" / version / "manifest.json").unlink()
    assert home.models()[version] | {"aliases": []} == {
        "version": version, "serving": False, "state": "refused", "aliases": [], "code": "no_manifest",
    }  # fmt: skip
    assert home.promote(version, 409)["code"] == "no_manifest"


@pytest.mark.parametrize(
    ("present", "candidate", "drop", "code"),
    [
        ({"next.ndcg@10": 0.30}, {"next.ndcg@10": 0.23}, 0.2, "canary_metric"),
        ({"next.ndcg@10": 0.30}, {"next.ndcg@10": 0.25}, 0.2, None),
        ({"stars.rmse": 1.0}, {"stars.rmse": 1.3}, 0.2, "canary_metric"),
        ({"stars.rmse": 1.0}, {"stars.rmse": 0.5}, 0.2, None),
        ({"next.ndcg@10": 0.30}, {"other": 0.01}, 0.0, None),
    ],
)
def test_that_a_metric_may_drop_as_far_as_is_allowed(
    open_home: Opened, tmp_path: Path, present: dict[str, float], candidate: dict[str, float], drop: float, code: str | None
) -> None:
    store = BundleStore(tmp_path / "bundles")
    store.promote("champion", make(store, **present), "test")
    home = open_home(settings=PromotionSettings(requests=5, most_metric_drop=drop))
    assert home.promote(make(store, **candidate), 409 if code else 200).get("code") == code


def test_that_a_candidate_is_tried_on_what_was_asked_and_nothing_of_it_is_written_down(home: Home) -> None:
    for place in range(5):
        home.ask(user_id=f"c4n4ry-{place}", n=3)
    told = home.promote(make(home.store))
    assert (told["canary"]["requests"], told["canary"]["recorded"], told["canary"]["overlap"]) == (30, 5, 1.0)
    tried = [request.user_id for request in home.loaded[-1]().requests]
    assert tried[20:26] == ["c4n4ry-4", "c4n4ry-3", "c4n4ry-2", "c4n4ry-1", "c4n4ry-0", "u1"]
    assert not [path for path in home.folder.rglob("*") if path.is_file() and b"c4n4ry" in path.read_bytes()]


def test_that_another_models_scenarios_may_be_named_once_it_answers(home: Home) -> None:
    assert home.client.post("/v1/recommendations", json={"scenario": "lounge"}).status_code == 404
    home.promote(make(home.store, "elsewhere"))
    assert home.ask(scenario="lounge")["model_version"] == "2"
    assert home.client.get("/v1/scenarios").json()["scenarios"] == ["lounge"]
    assert home.client.post("/v1/recommendations", json={"scenario": "home"}).status_code == 404


def test_that_unknown_versions_are_404_and_malformed_ones_422(home: Home) -> None:
    assert home.promote("9", 404)["code"] == "unknown_model"
    for version in ("0", "x", "1.5", "champion"):
        assert home.promote(version, 422)["code"] == "malformed"


def test_that_promoting_the_one_that_answers_changes_nothing(home: Home) -> None:
    assert home.promote("1")["step"] == "done"
    assert home.loaded == []
    assert [change["version"] for change in home.store.audit.newest()] == ["1"]


def test_that_the_audit_trail_tells_who_moved_the_alias_from_where(home: Home) -> None:
    home.promote(make(home.store))
    home.roll_back()
    changes = home.client.get("/v1/models/changes").json()["changes"]
    told = [(change["action"], change["by"], change["before"], change["version"]) for change in changes]
    assert told == [
        ("rollback", "key 'operator'", "2", "1"), ("promote", "key 'operator'", "1", "2"), ("promote", "test", None, "1"),
    ]  # fmt: skip


def test_that_an_alias_moved_by_another_process_is_followed_unless_the_bundle_is_no_good(home: Home) -> None:
    home.store.promote("champion", make(home.store), "elsewhere")
    until(lambda: home.ask()["model_version"] == "2")
    home.store.promote("champion", make(home.store, "nan"), "elsewhere")
    until(lambda: home.client.get("/v1/models").json()["promotion"]["step"] == "refused")
    assert home.ask()["model_version"] == "2"
    assert home.client.get("/v1/models").json()["promotion"]["code"] == "canary_not_finite"
    home.store.rollback("champion", "elsewhere")
    home.store.promote("champion", make(home.store), "elsewhere")
    until(lambda: home.ask()["model_version"] == "4")


def test_that_an_alias_that_cannot_be_moved_leaves_everything_as_it_was(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    version = make(home.store)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("penchant.storage.bundles.audit.Audit._write", full)
    assert home.promote(version, 409)["code"] == "bundle"
    assert home.ask()["model_version"] == "1"
    assert home.store.aliases() == {"champion": "1"}


def test_that_engines_that_were_replaced_are_let_go(home: Home) -> None:
    for _ in range(6):
        home.promote(make(home.store))
    gc.collect()
    alive = [reference() for reference in home.loaded if reference() is not None and vars(reference())]
    assert sorted(engine.model_version for engine in alive) == ["6", "7"]


def test_that_twenty_swaps_under_load_fail_no_request_and_mix_no_models(home: Home) -> None:
    """A small form of R17; the full one is in `test_swaps_long`."""
    stop = threading.Event()
    faults: list[str] = []
    seen: list[str] = []

    def visit(place: int) -> None:
        count = 0
        while not stop.is_set():
            count += 1
            item = f"i{1 + count % 5}"
            if count % 4 == 0:
                sent = {"events": [{"event_id": f"{place}-{count}", "user_id": f"u{place}-{count}", "item_id": item}]}
                status = home.client.post("/v1/events", json=sent).status_code
                answer = home.client.post("/v1/recommendations", json={"user_id": f"u{place}-{count}"})
                if item in [one["item_id"] for one in answer.json()["items"]]:
                    faults.append("an event was forgotten")
            else:
                answer = home.client.post("/v1/recommendations", json={"user_id": "u1"})
                status = answer.status_code
            if status != 200 or answer.status_code != 200:
                faults.append(answer.text)
                continue
            body = answer.json()
            seen.append(body["model_version"])
            if any(one["score"] != score_of(body["model_version"], one["item_id"]) for one in body["items"]):
                faults.append("an answer of two models")
            time.sleep(0.005)

    visitors = [threading.Thread(target=visit, args=(place,)) for place in range(3)]
    for visitor in visitors:
        visitor.start()
    try:
        for turn in range(20):
            home.roll_back() if turn % 4 == 3 else home.promote(make(home.store))
    finally:
        stop.set()
        for visitor in visitors:
            visitor.join()
    assert not faults, faults[:3]
    assert len(set(seen)) >= 15
    version = home.ask()["model_version"]
    (engine,) = [one for one in (reference() for reference in home.loaded) if one and vars(one) and one.model_version == version]
    assert sum(engine.counts.values()) == home.log.count()


def test_that_a_request_under_way_ends_on_the_engine_it_began_with(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    service = Service(VersionEngine("1"), SQLiteEventLog(database), SQLiteRecordStore(database))

    async def swap() -> tuple[str, str]:
        await service.start()
        begun, go_on = threading.Event(), threading.Event()
        service._thread.submit(lambda: (begun.set(), go_on.wait(20)))
        assert begun.wait(20)
        early = asyncio.create_task(service.recommend(RecommendationRequest(user_id="u1")))
        await asyncio.sleep(0.05)
        seat = service.seat_for(VersionEngine("2"), service._searches)
        service.follow(seat)
        switching = asyncio.create_task(service.switch(seat, service._searches))
        await asyncio.sleep(0.05)
        go_on.set()
        await switching
        late = await service.recommend(RecommendationRequest(user_id="u1"))
        return (await early).model_version, late.model_version

    assert asyncio.run(swap()) == ("1", "2")
    service.close()


def test_that_events_that_wait_for_the_engine_during_a_switch_count_once(tmp_path: Path) -> None:
    """They are on the disk, so the candidate reads them there; when their turn comes it must not take them in again."""
    database = Database(tmp_path / "penchant.db")
    service = Service(VersionEngine("1"), SQLiteEventLog(database), SQLiteRecordStore(database))
    fresh = VersionEngine("2")

    async def swap() -> None:
        await service.start()
        begun, go_on = threading.Event(), threading.Event()
        seat = service.seat_for(fresh, service._searches)
        service.follow(seat)
        await seat.rebuild()
        service._thread.submit(lambda: (begun.set(), go_on.wait(20)))
        assert begun.wait(20)
        switching = asyncio.create_task(service.switch(seat, service._searches))
        await asyncio.sleep(0.05)
        telling = asyncio.create_task(service.record_events([Event("e1", "u1", "i1", 1.0)]))
        while not service._log.count():
            await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.gather(switching, telling)

    asyncio.run(swap())
    service.close()
    assert fresh.seen["u1"] == ["i1"]


def test_that_what_the_present_engine_took_in_before_the_switch_is_known_after_it(tmp_path: Path) -> None:
    database = Database(tmp_path / "penchant.db")
    service = Service(VersionEngine("1"), SQLiteEventLog(database), SQLiteRecordStore(database))
    fresh = VersionEngine("2")

    async def swap() -> None:
        await service.start()
        seat = service.seat_for(fresh, service._searches)
        service.follow(seat)
        await seat.rebuild()
        await service.record_events([Event("e1", "u1", "i1", 1.0)])
        await service.put_items({"i9": {"title": "late"}})
        await service.switch(seat, service._searches)

    asyncio.run(swap())
    service.close()
    assert (fresh.seen["u1"], fresh.items["i9"]) == (["i1"], {"title": "late"})


def test_that_a_record_put_after_the_candidate_read_the_records_is_known_to_it(open_home: Opened) -> None:
    reading, go_on = threading.Event(), threading.Event()

    class Halting(VersionEngine):
        def apply_events(self, events: Any) -> None:
            super().apply_events(events)
            reading.set()
            assert go_on.wait(20)

    home = open_home(read=lambda bundle: Halting(bundle.version))
    home.tell("e1", "u1", "i1")
    assert home.client.post(f"/v1/models/{make(home.store)}/promote?wait=0").status_code == 202
    assert reading.wait(20)
    home.client.put("/v1/items/i9", json={"title": "late"})
    go_on.set()
    until(lambda: home.ask()["model_version"] == "2")
    assert home.loaded[-1]().items["i9"] == {"title": "late"}


def until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
