"""The way into the pages, and what a stranger, a cookie and a key can do. Looking at the pages is in `test_playground_browser`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from film_engine import FilmEngine
from starlette.testclient import TestClient

from penchant.console import Playground
from penchant.console.operation import summary
from penchant.console.visits import LASTS, MOST, Visits
from penchant.serving.access import CONSOLE_HEADER
from penchant.serving.app import create_app
from penchant.serving.keys import Keys
from penchant.serving.recent import Answered
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore

STATIC = Path("src/penchant/console/static")


@pytest.fixture
def playground() -> Playground:
    return Playground()


@pytest.fixture
def client(tmp_path: Path, playground: Playground) -> Iterator[TestClient]:
    database = Database(tmp_path / "penchant.db")
    records = SQLiteRecordStore(database)
    keys = Keys(records)
    key = keys.add("test")
    with TestClient(create_app(FilmEngine(), SQLiteEventLog(database), records, keys, playground), follow_redirects=False) as client:
        client.key = key
        while client.get("/health/ready").status_code != 200:
            pass
        yield client


def test_that_a_stranger_is_led_to_the_login_and_sees_no_facts(client: TestClient) -> None:
    front = client.get("/")
    assert (front.status_code, front.headers["location"]) == (303, "/login")
    assert client.get("/login").status_code == 200
    assert client.get("/console/style.css").status_code == 200
    assert client.get("/console/facts").status_code == 401
    assert client.post("/console/logout", headers={CONSOLE_HEADER: "1"}).status_code == 401


def test_that_the_login_link_works_once_and_its_cookie_is_out_of_reach_of_scripts_and_other_sites(
    client: TestClient, playground: Playground
) -> None:
    link = playground.login_path()
    entered = client.get(link)
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/console/facts").json()["model_version"] == "3"
    client.cookies.clear()
    assert "set-cookie" not in client.get(link).headers
    assert client.get("/").status_code == 303


def test_that_a_key_logs_in_and_anything_else_does_not(client: TestClient) -> None:
    refused = client.post("/login", data={"key": "pk_wrong"})
    assert (refused.status_code, refused.headers["location"]) == (303, "/login?refused=key")
    assert client.post("/login", content=b"x" * 5000).status_code == 413
    assert client.get("/").status_code == 303
    client.post("/login", data={"key": client.key})
    assert client.get("/").status_code == 200


def test_that_a_cookie_changes_nothing_without_the_header_other_sites_cannot_send(client: TestClient, playground: Playground) -> None:
    client.get(playground.login_path())
    body = {"events": [{"user_id": "u", "item_id": "f1"}]}
    assert client.post("/v1/events", json=body).status_code == 401
    assert client.post("/v1/events", json=body, headers={CONSOLE_HEADER: "1"}).status_code == 200


def test_that_logging_out_ends_the_visit_on_the_server(client: TestClient, playground: Playground) -> None:
    client.get(playground.login_path())
    kept = dict(client.cookies)
    assert client.post("/console/logout", headers={CONSOLE_HEADER: "1"}).status_code == 204
    client.cookies.update(kept)
    assert client.get("/console/facts").status_code == 401


def test_that_a_made_up_cookie_is_not_known(client: TestClient) -> None:
    client.cookies.set("penchant_visit", "x" * 43)
    assert client.get("/console/facts").status_code == 401


def test_that_visits_end_after_their_time_and_do_not_pile_up() -> None:
    now = [0.0]
    visits = Visits(clock=lambda: now[0])
    token, cookie = visits.token(), visits.cookie()
    now[0] = LASTS - 1
    assert visits.knows(cookie)
    now[0] = LASTS + 1
    assert not visits.knows(cookie)
    assert visits.enter(token) is None
    first = visits.cookie()
    for _ in range(MOST):
        visits.cookie()
    assert not visits.knows(first)
    assert len(visits._cookies) == MOST


def test_that_pages_allow_only_their_own_scripts_and_styles_and_need_nothing_from_elsewhere(client: TestClient) -> None:
    policy = client.get("/login").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|//cdn", text), path
        assert not re.search(r"\bon\w+=|style=|<style|<script>|javascript:", text), path
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), path


def test_that_both_languages_say_the_same_things() -> None:
    text = (STATIC / "words.js").read_text()
    english, chinese = (set(re.findall(r"(\w+): \"", part)) for part in text.split("const Language")[0].split("zh: {"))
    assert english == chinese
    used = set(re.findall(r"data-(?:word|hint)=\"(\w+)\"", "".join(path.read_text() for path in STATIC.glob("*.html"))))
    used |= set(re.findall(r"data-label=\"(\w+)\"", "".join(path.read_text() for path in STATIC.glob("*.html"))))
    used |= {word for path in STATIC.glob("*.js") for word in re.findall(r"\bsay\(\"(\w+)\"", path.read_text())}
    assert used <= english


def test_that_the_feed_tells_what_came_after_and_the_state_what_is_known(client: TestClient, playground: Playground) -> None:
    client.get(playground.login_path())
    header = {CONSOLE_HEADER: "1"}
    for item in ("f1", "f2"):
        client.post("/v1/events", json={"events": [{"user_id": "u1", "item_id": item}]}, headers=header)
    feed = client.get("/console/feed").json()
    assert [(event["number"], event["item_id"]) for event in feed["events"]] == [(2, "f2"), (1, "f1")]
    assert [event["item_id"] for event in client.get("/console/feed?after=1").json()["events"]] == ["f2"]
    client.post("/v1/recommendations", json={}, headers=header)
    state = client.get("/console/state").json()
    assert (state["state"], state["model_version"], state["stored"], state["answers"], state["behind"]) == ("ready", "3", 2, 1, 0)
    assert state["fallbacks"] == {"anonymous": 1}


def test_that_latencies_are_those_within_which_so_many_were_answered() -> None:
    answers = [
        Answered(0.0, milliseconds / 1000, milliseconds > 99, "popular" if milliseconds > 99 else None) for milliseconds in range(1, 101)
    ]
    told = summary(answers)
    assert told["latency_ms"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert (told["answers"], told["degraded"], told["fallbacks"]) == (100, 1, {"popular": 1})
    assert summary([])["latency_ms"] == {"p50": None, "p95": None, "p99": None}


def test_that_a_page_changes_models_only_with_its_header_and_says_by_whom(client: TestClient, playground: Playground) -> None:
    assert client.post("/v1/models/1/promote").status_code == 401
    client.get(playground.login_path())
    assert client.post("/v1/models/1/promote").status_code == 401
    assert client.post("/v1/models/1/promote", headers={CONSOLE_HEADER: "1"}).json()["code"] == "unknown_model"
    for path in ("/console/models", "/console/events", "/console/health"):
        page = client.get(path)
        assert (page.status_code, page.text.count('aria-current="page"')) == (200, 1)
