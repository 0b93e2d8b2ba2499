"""The worst inputs: each message says which thing, what it must be, what came and what to do; none ends in a traceback."""

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import TargetError
from penchant.serving.app import create_app
from penchant.serving.engine import BundleEngine
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore
from tests import small_data
from tests.cli.given import penchant
from tests.cli.worst_inputs import CASES, PAGE, Case, page


def message_of(case: Case, trained: Path, folder: Path) -> tuple[int, str]:
    recipe = Path(shutil.copytree(trained.parent, folder)) / trained.name
    ran = case.run(recipe)
    return ran.code, case.message(ran, recipe)


@pytest.fixture(scope="module")
def messages(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """Exit code and message of every case."""
    folder = tmp_path_factory.mktemp("worst")
    return {case.name: message_of(case, trained, folder / str(place)) for place, case in enumerate(CASES)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_that_each_of_the_worst_inputs_is_told_so_that_it_can_be_mended(case: Case, messages: dict[str, tuple[int, str]]) -> None:
    code, message = messages[case.name]
    assert code == case.code
    for part in case.said:
        assert part in message
    if code:
        assert len(message.splitlines()) == 1
        assert re.match(r"error    .+ must be .+; found .+\. .+[.?]$|error    .+ must be .+; found .+\. .+", message)


@pytest.mark.parametrize("case", [case for case in CASES if case.code], ids=lambda case: case.name.replace(" ", "-"))
def test_that_the_four_parts_come_as_json_when_asked(case: Case, trained: Path, tmp_path: Path) -> None:
    recipe = Path(shutil.copytree(trained.parent, tmp_path / "films")) / trained.name
    case.spoil(recipe)
    name, *options = case.command
    ran = penchant(name, recipe, *options, "--json")
    error = ran.json["error"]
    assert ran.code == case.code
    assert set(error) == {"code", "thing", "must", "came", "do"}
    for key, part in zip(("thing", "must", "came", "do"), case.said, strict=True):
        assert part in error[key]


def test_that_the_page_shows_them_as_they_are_printed(messages: dict[str, tuple[int, str]]) -> None:
    assert len(CASES) >= 57
    wanted = page([(case, messages[case.name][1]) for case in CASES])
    assert PAGE.read_text(encoding="utf8") == wanted, f"run: {sys.executable} -m tests.cli.worst_inputs"


def test_that_an_unknown_user_can_be_refused_in_python() -> None:
    with pytest.raises(TargetError) as caught:
        small_data.film_network().recommend(["u1", "nobody"], 3, unknown="raise")
    error = caught.value
    assert (error.thing, error.must) == ("user 'nobody'", "in the log")
    assert error.came == "1 of 2 users it does not hold"
    assert error.do == "Use unknown='fallback' to get what suits everybody."
    with pytest.warns(UserWarning, match="user 'nobody' must be in the log"):
        assert len(small_data.film_network().recommend(["nobody"], 3, unknown="warn")) == 3
    assert len(small_data.film_network().recommend(["nobody"], 3)) == 3


@pytest.mark.parametrize("k", [0, -1, 31, 2.5, True, "3"])
def test_that_a_number_of_items_out_of_range_is_refused_in_python(k: Any) -> None:
    with pytest.raises(TargetError, match=r"k must be a whole number from 1 to 30 \(the catalogue\); found"):
        small_data.film_network().recommend(["u1"], k)


# Over HTTP.


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    model: NetworkRecommender = small_data.film_network()
    database = Database(tmp_path_factory.mktemp("http") / "penchant.db")
    app = create_app(BundleEngine(model, "1"), SQLiteEventLog(database), SQLiteRecordStore(database), None)
    with TestClient(app) as client:
        while client.get("/health/ready").status_code != 200:
            pass
        yield client


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "names"),
    [
        ("recommendations", {"user_id": "u1", "n": 0}, 422, "malformed", "n: "),
        ("recommendations", {"user_id": "u1", "scenario": ""}, 422, "malformed", "scenario: "),
        ("recommendations", {"user_id": "u1", "scenario": "hme"}, 404, "unknown_scenario", "GET /v1/scenarios"),
        ("recommendations", {"user_id": 1}, 422, "malformed", "user_id: "),
        ("recommendations", {"user": "u1"}, 422, "malformed", "user: "),
        ("rank", {"items": ["a1", "a1"]}, 422, "malformed", "each item once"),
        ("rank", {"user_id": "u1"}, 422, "malformed", "items: "),
    ],
)
def test_that_a_bad_request_is_told_which_part_is_wrong(
    path: str, body: dict[str, Any], status: int, code: str, names: str, client: TestClient
) -> None:
    answer = client.post(f"/v1/{path}", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert names in problem["detail"]
    assert "Traceback" not in answer.text


def test_that_an_unknown_user_is_answered_over_http_and_told_so(client: TestClient) -> None:
    answer = client.post("/v1/recommendations", json={"user_id": "nobody", "n": 3}).json()
    assert (len(answer["items"]), answer["fallback"], answer["degraded"]) == (3, "unknown_user", False)


def test_that_an_event_of_a_wrong_kind_is_rejected_by_itself(client: TestClient) -> None:
    events = [{"user_id": "http", "item_id": "a1", "value": "good"}, {"user_id": "http", "item_id": "a2", "event_id": "1"}]
    answer = client.post("/v1/events", content=json.dumps({"events": events})).json()
    assert (answer["accepted"], [one["index"] for one in answer["rejected"]]) == (1, [0])


def test_that_an_unknown_item_has_no_neighbours_over_http(client: TestClient) -> None:
    answer = client.get("/v1/items/nothing/similar")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_target")
