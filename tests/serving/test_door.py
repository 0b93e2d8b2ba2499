"""Who may come in, and what happens when a part fails."""

import gc
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from small_engine import Served, SmallEngine, wait_until_ready
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from penchant.schema.errors import StorageError
from penchant.serving.access import PUBLIC
from penchant.serving.app import create_app
from penchant.serving.keys import Keys
from penchant.serving.protocol import RecommendationAnswer, RecommendationRequest, ScoredItem
from penchant.serving.server import AddressError, run
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore


def routes_of(routes: list[Any], prefix: str = "") -> list[tuple[str, str]]:
    """Every (method, path) an app answers, mounted apps and included routers too."""
    found = []
    for route in routes:
        path = prefix + getattr(route, "path", "")
        if isinstance(route, APIRoute | Route):
            found += [(method, path) for method in route.methods or {"GET"}]
        elif isinstance(route, Mount):
            found += [("GET", path + "/x"), *routes_of(list(route.routes), path)]
        else:
            inner = getattr(route, "original_router", None) or route
            found += routes_of(list(getattr(inner, "routes", [])), prefix)
    return found


def test_that_every_route_but_the_public_ones_needs_a_key(shared: Served) -> None:
    found = routes_of(list(shared.app.routes))
    paths = {path for _, path in found}
    assert {"/v1/recommendations", "/v1/events", "/openapi.json", "/docs", "/health/live", "/v1/items/{item_id:path}"} <= paths
    stranger = TestClient(shared.app)
    for method, path in [*found, ("GET", "/nowhere"), ("GET", "//v1/models"), ("POST", "/health/live/../../v1/events")]:
        answer = stranger.request(method, path)
        if path not in PUBLIC:
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), (method, path)
            assert method == "HEAD" or answer.json()["code"] == "unauthorized"
    assert stranger.get("/health/live").status_code == stranger.get("/health/ready").status_code == 200


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_that_a_key_opens_the_door_and_anything_near_it_does_not(shared: Served, header: str) -> None:
    scheme = "Bearer " if header == "Authorization" else ""
    stranger = TestClient(shared.app)

    def status(key: str) -> int:
        return stranger.get("/v1/models", headers={header: (scheme + key).encode("latin1", "replace")}).status_code

    assert status(shared.key) == 200
    wrong = (shared.key[:-1], shared.key + "x", shared.key.swapcase(), "", "pk_", "é")
    assert [status(key) for key in wrong] == [401] * len(wrong)


def test_that_a_key_in_the_wrong_scheme_or_place_does_not_count(shared: Served) -> None:
    stranger = TestClient(shared.app)
    assert stranger.get("/v1/models", headers={"Authorization": f"Basic {shared.key}"}).status_code == 401
    assert stranger.get(f"/v1/models?key={shared.key}").status_code == 401
    both = {"Authorization": "Bearer wrong", "X-API-Key": shared.key}
    assert stranger.get("/v1/models", headers=both).status_code == 401


def test_that_keys_are_kept_as_hashes_and_made_once(tmp_path: Path) -> None:
    records = SQLiteRecordStore(Database(tmp_path / "penchant.db"))
    key = Keys(records).first()
    assert key is not None
    assert key.startswith("pk_")
    assert len(key) >= 40
    again = Keys(records)
    assert again.first() is None
    assert (again.admit(key), again.admit(key + " ")) == (True, False)
    records.close()
    assert not [path for path in tmp_path.iterdir() if key.encode() in path.read_bytes()]


def test_that_every_answer_carries_the_protective_headers(shared: Served) -> None:
    for answer in (shared.client.get("/v1/models"), shared.client.get("/nowhere"), TestClient(shared.app).get("/v1/models")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert "default-src 'none'" in answer.headers["content-security-policy"]


class FailingEngine(SmallEngine):
    """Fails where told to, with a message that holds an id."""

    failing: frozenset[str] = frozenset()

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        if "numbers" in self.failing:
            bad = [ScoredItem("i1", None, float("nan")), ScoredItem("i2", None, 1.0, {"click": float("inf")}), ScoredItem("i3", None, 0.5)]
            return RecommendationAnswer(bad, "7")
        return super().recommend(request)

    def user(self, user_id: str) -> dict[str, Any] | None:
        if "user" in self.failing:
            raise KeyError("c4n4ry")
        return super().user(user_id)

    def apply_events(self, events: Any) -> None:
        if "apply" in self.failing:
            raise ValueError("c4n4ry")
        super().apply_events(events)


def test_that_a_fault_inside_is_a_plain_500_and_no_id_reaches_the_log(
    serve: Callable[..., Served], caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(FailingEngine())
    served.engine.failing = frozenset({"user"})
    with caplog.at_level(logging.DEBUG):
        answer = served.client.get("/v1/users/u1")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "KeyError" in caplog.text
    assert "c4n4ry" not in caplog.text + answer.text


def test_that_items_without_finite_numbers_are_left_out_and_said_so(serve: Callable[..., Served]) -> None:
    served = serve(FailingEngine())
    served.engine.failing = frozenset({"numbers"})
    answer = served.client.post("/v1/recommendations", json={}).json()
    assert [item["item_id"] for item in answer["items"]] == ["i3"]
    assert (answer["degraded"], answer["fallback"]) == (True, "nonfinite_scores")


def test_that_what_is_stored_stays_acknowledged_when_the_engine_fails(serve: Callable[..., Served]) -> None:
    served = serve(FailingEngine())
    served.engine.failing = frozenset({"apply"})
    answer = served.client.post("/v1/events", json={"events": [{"event_id": "e1", "user_id": "u1", "item_id": "i1"}]})
    assert answer.json()["accepted"] == 1
    ready = served.client.get("/health/ready").json()
    assert (ready["status"], ready["behind"]) == ("ready", 1)
    assert serve(SmallEngine()).engine.seen["u1"] == ["i1"]


def test_that_a_state_that_cannot_be_rebuilt_is_told_and_nothing_is_served(tmp_path: Path) -> None:
    log = SQLiteEventLog(database := Database(tmp_path / "penchant.db"))
    records = SQLiteRecordStore(database)
    records.put("item", {"i1": {}})
    engine = SmallEngine()
    engine.upsert_items = lambda _: 1 / 0
    with TestClient(create_app(engine, log, records, None)) as client:
        while client.get("/health/ready").json()["status"] == "starting":
            pass
        assert client.get("/health/ready").json()["status"] == "failed"
        assert client.get("/v1/models").json()["code"] == "failed"
        assert client.get("/health/live").status_code == 200


def test_that_nothing_is_served_before_the_state_is_rebuilt(tmp_path: Path) -> None:
    log = SQLiteEventLog(database := Database(tmp_path / "penchant.db"))
    records = SQLiteRecordStore(database)
    records.put("item", {"new": {"title": "New"}})
    engine, held = SmallEngine(), threading.Event()
    upsert = engine.upsert_items
    engine.upsert_items = lambda found: (held.wait(5), upsert(found))[1]
    with TestClient(create_app(engine, log, records, None)) as client:
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").json()["status"] == "starting"
        early = client.post("/v1/recommendations", json={})
        assert (early.status_code, early.json()["code"], early.headers["retry-after"]) == (503, "starting", "1")
        held.set()
        wait_until_ready(client)
        assert "new" in client.post("/v1/recommendations", json={}).text


def test_that_storage_that_fails_refuses_events_while_answers_go_on(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Any) -> None:
        raise StorageError("database '/secret/path'", must="synced", came="'disk I/O error'", do="Mend it.")

    monkeypatch.setattr(served.log, "submit", fail)
    answer = served.client.post("/v1/events", json={"events": [{"user_id": "u1", "item_id": "i1"}]})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_error")
    assert "secret" not in answer.text
    assert served.engine.seen["u1"] == []
    assert served.client.post("/v1/recommendations", json={}).status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_that_an_address_others_reach_is_refused_without_keys(tmp_path: Path, host: str) -> None:
    with pytest.raises(AddressError, match="Use keys"):
        run(tmp_path, SmallEngine(), host=host, port=0, with_keys=False)
    assert list(tmp_path.iterdir()) == []


def test_that_a_taken_port_is_named(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(AddressError, match="must be free"):
        run(tmp_path, SmallEngine(), port=taken.getsockname()[1])


def test_that_what_is_loaded_is_never_searched_for_garbage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[int] = []
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: frozen.append(gc.get_freeze_count()))
    try:
        run(tmp_path, SmallEngine(), port=0, announce=lambda _: None)
    finally:
        gc.unfreeze()
    assert frozen[0] > 10_000
