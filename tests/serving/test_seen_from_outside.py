"""Counters, lines of the log and health: they tell what happens and nothing of whom."""

import io
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from failing_engine import FailingEngine
from prometheus_client.parser import text_string_to_metric_families
from small_engine import Served

from penchant.serving import logs
from penchant.serving.breaker import FAILURES
from penchant.serving.logs import LogFormat, written

CANARY = "c4n4ry"


def figures(served: Served) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """All samples of /metrics by name and labels."""
    answer = served.client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, "text/plain")
    families = text_string_to_metric_families(answer.text)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}


def figure(served: Served, name: str, **labels: str) -> float:
    return figures(served).get((name, frozenset(labels.items())), 0.0)


def lines_of(act: Callable[[], Any], form: LogFormat = "json") -> list[str]:
    """What is written while it acts."""
    stream = io.StringIO()
    with written(form, lambda: None, stream):
        act()
    return stream.getvalue().splitlines()


def test_that_requests_are_counted_by_route_and_status_and_timed(served: Served) -> None:
    served.client.post("/v1/recommendations", json={"user_id": "u1"})
    served.client.post("/v1/recommendations", json={"n": 0})
    served.client.get(f"/v1/items/{CANARY}")
    served.client.get(f"/{CANARY}")
    served.client.request("STRANGE", "/v1/models")
    told = {"method": "POST", "route": "/v1/recommendations"}
    assert figure(served, "penchant_requests_total", status="200", **told) == 1
    assert figure(served, "penchant_requests_total", status="422", **told) == 1
    assert figure(served, "penchant_requests_total", status="404", method="GET", route="/v1/items/{item_id:path}") == 1
    assert figure(served, "penchant_requests_total", status="404", method="GET", route="unmatched") == 1
    assert figure(served, "penchant_request_seconds_count", route="/v1/recommendations") == 2
    assert {dict(labels)["method"] for name, labels in figures(served) if name == "penchant_requests_total"} == {"GET", "POST", "other"}


def test_that_events_lists_and_the_state_of_each_part_are_told(served: Served) -> None:
    event = {"event_id": "e1", "user_id": "u1", "item_id": "i1"}
    served.client.post("/v1/events", json={"events": [event, event, {"user_id": ""}]})
    served.client.post("/v1/recommendations", json={"user_id": "u1"})
    outcomes = [figure(served, "penchant_events_total", outcome=outcome) for outcome in ("accepted", "duplicate", "rejected")]
    assert outcomes == [1, 1, 1]
    assert figure(served, "penchant_answers_total", rung="personalised", reason="") == 1
    assert figure(served, "penchant_model_info", version="7") == 1
    assert [figure(served, "penchant_breaker", state=state) for state in ("closed", "half_open", "open")] == [1, 0, 0]
    now = {name: figure(served, name) for name in ("penchant_ready", "penchant_behind", "penchant_storage_ok", "penchant_encoders_up")}
    assert now == {"penchant_ready": 1, "penchant_behind": 0, "penchant_storage_ok": 1, "penchant_encoders_up": 1}


def test_that_degraded_answers_and_an_open_breaker_are_told_everywhere(serve: Callable[..., Served]) -> None:
    served = serve(FailingEngine())
    served.engine.fails = True  # type: ignore[attr-defined]
    for _ in range(FAILURES):
        answer = served.client.post("/v1/recommendations", json={"user_id": "u1"})
        assert (answer.status_code, answer.json()["degraded"], answer.json()["reason"]) == (200, True, "failed")
    (line,) = lines_of(lambda: served.client.post("/v1/recommendations", json={"user_id": "u1"}))
    told = {"degraded": True, "fallback": "popular", "reason": "breaker_open", "status": 200, "model_version": "7"}
    assert told.items() <= json.loads(line).items()
    assert figure(served, "penchant_answers_total", rung="popular", reason="failed") == FAILURES
    assert figure(served, "penchant_breaker", state="open") == 1
    ready = served.client.get("/health/ready")
    assert (ready.status_code, ready.json()["parts"]["engine"]) == (200, "resting")


def test_that_a_line_tells_the_request_that_the_answer_and_its_header_name(served: Served) -> None:
    answers = []
    lines = lines_of(lambda: answers.append(served.client.post("/v1/recommendations", json={"user_id": "u1"})))
    (answer,) = answers
    told = json.loads(lines[0])
    assert told["request_id"] == answer.json()["request_id"] == answer.headers["x-request-id"]
    assert (told["message"], told["method"], told["route"], told["status"]) == ("request", "POST", "/v1/recommendations", 200)
    assert (told["degraded"], told["fallback"], told["model_version"], told["level"]) == (False, None, "7", "info")
    assert 0 < told["ms"] < 10_000
    assert told["time"].endswith("Z")
    assert "reason" not in told


def test_that_a_user_is_told_as_a_hash_of_a_key_that_changes(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(user: str) -> str:
        (line,) = lines_of(lambda: served.client.post("/v1/recommendations", json={"user_id": user}))
        return str(json.loads(line)["user"])

    first = told("u1")
    assert told("u1") == first != told("u2")
    monkeypatch.setattr(logs, "_KEY", b"another")
    assert told("u1") != first


def test_that_nothing_a_caller_sends_reaches_a_log_a_metric_or_an_error(serve: Callable[..., Served]) -> None:
    served = serve(FailingEngine())
    key = {"X-API-Key": CANARY}
    event = {"event_id": CANARY, "user_id": CANARY, "item_id": CANARY, "scenario": "home", "context": {CANARY: CANARY}}
    texts = []

    def act() -> None:
        texts.append(
            served.client.post(f"/v1/recommendations?{CANARY}={CANARY}", json={"user_id": CANARY, "context": {CANARY: CANARY}}).text
        )
        texts.append(
            served.client.post("/v1/recommendations", json={"user_id": CANARY, f"{CANARY} x": 1, "session": {"session_id": CANARY}}).text
        )
        texts.append(served.client.post("/v1/recommendations", json={"scenario": CANARY}).text)
        texts.append(served.client.post("/v1/rank", json={"user_id": CANARY, "items": [CANARY]}).text)
        texts.append(served.client.post("/v1/events", json={"events": [event, event | {"value": CANARY}]}).text)
        texts.append(served.client.get(f"/v1/items/{CANARY}").text)
        texts.append(served.client.get(f"/v1/users/{CANARY}/similar").text)
        texts.append(served.client.get(f"/{CANARY}").text)
        texts.append(served.client.get("/v1/models", headers=key).text)
        texts.append(served.client.get("/v1/models", headers={"X-Request-ID": CANARY, "User-Agent": CANARY}).text)
        served.engine.fails = True  # type: ignore[attr-defined]
        body = {"user_id": CANARY}
        texts.extend(served.client.post("/v1/recommendations", json=body).text for _ in range(FAILURES + 1))
        logging.getLogger("another").warning("line\nbreak \x1b[31m")
        try:
            raise KeyError(CANARY)
        except KeyError:
            logging.getLogger("another").exception("a fault")

    for form in ("json", "text"):
        lines = lines_of(act, form)
        assert len(lines) >= 10 + FAILURES + 1 + 2
        assert CANARY not in "".join(lines)
        assert "\x1b" not in "".join(lines)
        assert sum("KeyError" in line for line in lines) >= 1
    assert [text for text in texts if CANARY in text] == []
    assert CANARY not in served.client.get("/metrics").text
    for line in lines_of(act):
        json.loads(line)


def test_that_faults_only_are_written_where_nobody_wants_the_rest(served: Served) -> None:
    def act() -> None:
        served.client.get("/v1/models")
        logging.getLogger("another").warning("something")

    (line,) = lines_of(act, "faults")
    assert line.endswith("WARNING another something")


def test_that_a_reader_that_takes_nothing_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "WAITING", 10)
    dropped = []

    class Stuck(io.StringIO):
        def write(self, _: str) -> int:
            time.sleep(5)
            return 0

    begun = time.monotonic()
    with written("json", lambda: dropped.append(1), Stuck()):
        for _ in range(100):
            logging.getLogger("another").warning("a line")
        assert time.monotonic() - begun < 1
    assert time.monotonic() - begun < 3
    assert len(dropped) >= 80


def test_that_the_counters_need_a_key(served: Served) -> None:
    served.client.headers.pop("X-API-Key")
    assert served.client.get("/metrics").status_code == 401
