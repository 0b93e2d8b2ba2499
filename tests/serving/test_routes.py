"""The routes: answers, feedback, records, and what is refused with which code."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from small_engine import Served, SmallEngine

from penchant.serving.protocol import SimilarAnswer, SimilarRequest


def post(served: Served, path: str, body: Any) -> Any:
    answer = served.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def code(served: Served, path: str, content: bytes | str, status: int = 422, **headers: str) -> tuple[str, list[dict[str, str]]]:
    answer = served.client.post(path, content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    return body["code"], body.get("errors", [])


def test_that_an_answer_has_items_scores_tasks_and_says_who_made_it(shared: Served) -> None:
    answer = post(shared, "/v1/recommendations", {"user_id": "u1", "n": 2})
    assert answer["model_version"] == "7"
    assert len(answer["request_id"]) >= 16
    assert (answer["degraded"], answer["fallback"]) == (False, None)
    assert answer["items"] == [
        {
            "item_id": "i1",
            "title": "Item 1",
            "score": 1.0,
            "tasks": {"click": 1.0},
            "propensity": 1.0,
            "propensity_error": 0.0,
            "reasons": [],
        },
        {
            "item_id": "i2",
            "title": "Item 2",
            "score": 1.0,
            "tasks": {"click": 1.0},
            "propensity": 1.0,
            "propensity_error": 0.0,
            "reasons": [],
        },
    ]


def test_that_every_answer_has_its_own_request_id(shared: Served) -> None:
    assert len({post(shared, "/v1/recommendations", {})["request_id"] for _ in range(10)}) == 10


def test_that_unknown_users_and_context_are_answered_with_a_fallback(shared: Served) -> None:
    assert post(shared, "/v1/recommendations", {"user_id": "nobody"})["fallback"] == "unknown_user"
    assert post(shared, "/v1/recommendations", {})["fallback"] == "unknown_user"
    assert post(shared, "/v1/recommendations", {"user_id": "u1", "context": {"device": "toaster", "new": 1}})["items"]


def test_that_everything_asked_reaches_the_engine(served: Served) -> None:
    session = {"session_id": "s1", "events": [{"item_id": "i1", "event": "like", "value": 2.0, "timestamp": 5}]}
    body = {"session": session, "scenario": "home", "context": {"device": "phone"}, "n": 3, "exclude_seen": False, "explain": True}
    post(served, "/v1/recommendations", body | {"profile": {"age": 20}})
    request = served.engine.requests[-1]
    assert (request.user_id, request.session_id, request.scenario, request.n) == (None, "s1", "home", 3)
    assert (request.context, request.exclude_seen, request.explain, request.profile) == ({"device": "phone"}, False, True, {"age": 20})
    (event,) = request.session
    assert (event.user_id, event.item_id, event.event, event.value, event.timestamp, event.scenario) == (
        "s1",
        "i1",
        "like",
        2.0,
        5.0,
        "home",
    )


def test_that_ranking_orders_the_given_items_only(served: Served) -> None:
    served.engine.counts["i3"] = 1
    answer = post(served, "/v1/rank", {"user_id": "u1", "items": ["i3", "i4", "unknown"]})
    assert [item["item_id"] for item in answer["items"]] == ["i4", "i3"]
    assert post(served, "/v1/rank", {"items": ["i3", "i4"], "n": 1})["items"][0]["item_id"] == "i4"
    assert code(served, "/v1/rank", '{"items": ["i1", "i1"]}')[1][0]["code"] == "duplicate_items"


def test_that_an_event_changes_the_very_next_answer(served: Served) -> None:
    first = post(served, "/v1/recommendations", {"user_id": "u1"})["items"][0]["item_id"]
    answer = post(served, "/v1/events", {"events": [{"event_id": "e1", "user_id": "u1", "item_id": first}]})
    assert answer == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert first not in [item["item_id"] for item in post(served, "/v1/recommendations", {"user_id": "u1"})["items"]]


def test_that_an_event_sent_again_is_stored_and_applied_once_also_across_a_restart(serve: Callable[..., Served]) -> None:
    served = serve()
    event = {"event_id": "e1", "user_id": "u1", "item_id": "i1", "timestamp": "2026-01-02T03:04:05+01:00", "event": "like", "value": 0.1}
    assert post(served, "/v1/events", {"events": [event, event]}) == {"accepted": 1, "duplicates": 1, "rejected": []}
    served = serve(SmallEngine())
    assert served.engine.seen["u1"] == ["i1"]
    assert post(served, "/v1/events", {"events": [event]}) == {"accepted": 0, "duplicates": 1, "rejected": []}
    assert served.engine.seen["u1"] == ["i1"]
    ((_, stored),) = served.log.read()
    assert (stored.timestamp, stored.value, stored.event) == (1767319445.0, 0.1, "like")


def test_that_a_bad_event_is_rejected_alone_with_its_place_and_code(served: Served) -> None:
    events: list[Any] = [{"event_id": f"e{n}", "user_id": "u1", "item_id": "i1"} for n in range(1000)]
    events[417] = {"event_id": "bad", "user_id": "u1", "item_id": ""}
    events[5] = 3
    answer = post(served, "/v1/events", {"events": events})
    assert (answer["accepted"], answer["duplicates"]) == (998, 0)
    assert answer["rejected"] == [{"index": 5, "code": "model_type"}, {"index": 417, "code": "string_too_short"}]
    assert served.log.count() == 998


def test_that_more_than_a_thousand_events_are_refused_whole(shared: Served) -> None:
    assert code(shared, "/v1/events", '{"events": [' + ",".join(["{}"] * 1001) + "]}")[1][0]["code"] == "too_long"


def test_that_an_event_without_a_time_happened_now(served: Served) -> None:
    post(served, "/v1/events", {"events": [{"user_id": "u1", "item_id": "i1"}]})
    ((_, stored),) = served.log.read()
    assert abs(stored.timestamp - time.time()) < 5
    assert stored.event_id


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", None), ("5e-324", None), ("1700000000.25", None), ('"2026-01-31T12:00:00Z"', None),
        ("1e11", "timestamp_milliseconds"), ("1700000000000", "timestamp_milliseconds"), ("1e308", "timestamp_milliseconds"),
        ("-1", "timestamp_past"), ('"1969-12-31T23:59:59Z"', "timestamp_past"),
        ("TOMORROW", "timestamp_future"), ('"9999-12-31T23:59:59Z"', "timestamp_future"),
        ("true", "timestamp_form"), ('"1"', "timestamp_form"),
        ('"2026-01-31T12:00:00"', "timestamp_form"), ('"2026-01-31"', "timestamp_form"),
        ('"0001-01-01T00:00:00+14:00"', "timestamp_past"), ('""', "timestamp_form"), ("[]", "timestamp_form"),
    ],
)  # fmt: skip
def test_that_a_timestamp_is_seconds_or_rfc_3339_and_plausible(shared: Served, value: str, expected: str | None) -> None:
    value = value.replace("TOMORROW", str(time.time() + 90_000))  # not a parameter: every test process must collect the same names
    content = f'{{"events": [{{"user_id": "u1", "item_id": "i1", "timestamp": {value}}}]}}'
    answer = shared.client.post("/v1/events", content=content)
    assert answer.status_code == 200
    assert [one["code"] for one in answer.json()["rejected"]] == ([expected] if expected else [])


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 5000, r'"\ud800"', "{", "", "[1,]", "'a'"])
def test_that_only_strict_json_is_read(shared: Served, literal: str) -> None:
    assert code(shared, "/v1/recommendations", f'{{"context": {{"x": {literal}}}}}')[0] == "not_json"


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ('{"n": 0}', "n", "greater_than_equal"), ('{"n": -1}', "n", "greater_than_equal"), ('{"n": 1001}', "n", "less_than_equal"),
        ('{"n": true}', "n", "int_type"), ('{"n": "1"}', "n", "int_type"),
        ('{"n": 1.0}', "n", "int_type"), ('{"n": null}', "n", "int_type"),
        ('{"user_id": ""}', "user_id", "string_too_short"), (f'{{"user_id": "{"x" * 257}"}}', "user_id", "string_too_long"),
        (r'{"user_id": "a\u0000b"}', "user_id", "nul_character"), ('{"user_id": 7}', "user_id", "string_type"),
        ('{"explain": 1}', "explain", "bool_type"), ('{"scenari": "home"}', "scenari", "extra_forbidden"),
        ('{"context": {"x": {"y": 1}}}', "context", "nested_value"), ('{"context": {"x": []}}', "context", "nested_value"),
        (f'{{"context": {{"x": "{"y" * 1025}"}}}}', "context", "text_too_long"), ('{"context": {"": 1}}', "context", "column_name"),
        (r'{"context": {"x": "\u0000"}}', "context", "nul_character"), ('{"context": []}', "context", "dict_type"),
        ('{"session": {"events": [{}]}}', "session.events.0.item_id", "missing"), ("[]", "", "model_type"), ("null", "", "model_type"),
        ('{"session": {"events": [{"item_id": "i1", "value": "3"}]}}', "session.events.0.value", "float_type"),
    ],
)  # fmt: skip
def test_that_a_malformed_request_names_path_and_code(shared: Served, body: str, path: str, expected: str) -> None:
    name, (fault, *_) = code(shared, "/v1/recommendations", body)
    assert name == "malformed"
    assert (fault["path"], fault["code"]) == (path, expected)


@pytest.mark.parametrize("user_id", ["a", "x" * 256, "用户", "👩‍👩‍👧", "\u00e9", "e\u0301", "../etc", "%2F", "' OR 1=1 --", "<b>", "‮abc"])
def test_that_any_text_may_be_an_id_and_comes_back_as_it_was(shared: Served, user_id: str) -> None:
    post(shared, "/v1/users", {"users": [{"user_id": user_id, "age": 1}]})
    post(shared, "/v1/recommendations", {"user_id": user_id})
    assert shared.engine.requests[-1].user_id == user_id
    assert user_id in shared.engine.users


def test_that_values_are_never_echoed(shared: Served) -> None:
    canary = "c4n4ry"
    bodies = [
        f'{{"n": "{canary}"}}',
        f'{{"user_id": ["{canary}"]}}',
        f'{{"a {canary}": 1}}',
        f'{{"context": {{"x": ["{canary}"]}}}}',
        canary,
    ]
    answers = [shared.client.post(path, content=body) for body in bodies for path in ("/v1/recommendations", "/v1/rank", "/v1/events")]
    answers += [shared.client.get(f"/v1/items/{canary}"), shared.client.get(f"/{canary}"), shared.client.get(f"/v1/items/{canary}/similar")]
    answers += [shared.client.get(f"/v1/users/{canary}/similar"), shared.client.get(f"/v1/users/u1/similar?friends={canary}")]
    answers += [shared.client.get(f"/v1/items/i1/similar?{name}={canary}") for name in ("n", "space", "by")]
    answers += [shared.client.post("/v1/recommendations", json={"scenario": canary})]
    assert {answer.status_code for answer in answers} <= {404, 422}
    assert not [answer.text for answer in answers if canary in answer.text]


def test_that_depth_is_bounded(shared: Served) -> None:
    assert code(shared, "/v1/recommendations", '{"profile":' * 32 + "1" + "}" * 32)[0] == "malformed"
    assert code(shared, "/v1/recommendations", '{"profile":' * 33 + "1" + "}" * 33)[0] == "too_deep"
    assert code(shared, "/v1/recommendations", '{"profile":' + "[" * 500_000 + "]" * 500_000 + "}")[0] == "not_json"


def test_that_a_large_body_is_refused_with_or_without_its_length(shared: Served) -> None:
    def without_length() -> Iterator[bytes]:
        for _ in range(64):
            yield b" " * 2**18

    assert code(shared, "/v1/recommendations", b" " * (2**20 + 1), 413)[0] == "too_large"
    answer = shared.client.post("/v1/recommendations", content=without_length())
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert code(shared, "/v1/items", b" " * (8 * 2**20 + 1), 413)[0] == "too_large"


def test_that_a_bulk_body_may_be_larger(served: Served) -> None:
    items = [{"item_id": f"new{n}", "title": "x" * 1000} for n in range(3000)]
    assert post(served, "/v1/items", {"items": items}) == {"accepted": 3000, "rejected": []}
    assert "new2999" in served.engine.items


def test_that_a_duplicate_key_counts_as_it_stands_last(shared: Served) -> None:
    answer = shared.client.post("/v1/recommendations", content='{"n": 1, "n": 2}')
    assert len(answer.json()["items"]) == 2


def test_that_an_item_put_online_is_kept_found_and_recommended(serve: Callable[..., Served]) -> None:
    served = serve()
    record = {"title": "新", "genres": ["a", "b"], "year": 2026, "price": 0.1, "none": None, "new": True}
    assert served.client.put("/v1/items/a%2Fb", json=record).json() == record | {"item_id": "a/b"}
    assert served.client.get("/v1/items/a%2Fb").json() == record | {"item_id": "a/b"}
    served = serve(SmallEngine())
    assert served.engine.items["a/b"] == record
    assert "a/b" in [item["item_id"] for item in post(served, "/v1/recommendations", {})["items"]]


def test_that_a_user_put_online_is_known(serve: Callable[..., Served]) -> None:
    served = serve()
    assert served.client.put("/v1/users/u9", json={"age": 3}).status_code == 200
    served = serve(SmallEngine())
    assert served.client.get("/v1/users/u9").json() == {"age": 3, "user_id": "u9"}
    assert post(served, "/v1/recommendations", {"user_id": "u9"})["fallback"] is None


def test_that_a_bad_record_is_rejected_alone(shared: Served) -> None:
    users = [{"user_id": "a", "x": 1}, {"x": 1}, {"user_id": "b", "x": {"deep": 1}}, 7, {"user_id": "c", "x": ["y" * 65_537]}]
    answer = post(shared, "/v1/users", {"users": users})
    assert answer["accepted"] == 1
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [
        (1, "string_type"), (2, "nested_value"), (3, "dict_type"), (4, "text_too_long"),
    ]  # fmt: skip


@pytest.mark.parametrize("body", ['{"x": {"y": 1}}', "[]", "3", '{"x": [[1]]}', '{"": 1}', '{"x": [' + "1," * 1000 + "1]}"])
def test_that_a_record_holds_plain_values_and_short_lists_only(shared: Served, body: str) -> None:
    assert shared.client.put("/v1/items/i1", content=body).status_code == 422


def test_that_the_unknown_is_404_with_its_own_code(shared: Served) -> None:
    assert code(shared, "/v1/recommendations", '{"scenario": "moon"}', 404)[0] == "unknown_scenario"
    assert code(shared, "/v1/rank", '{"scenario": "moon", "items": ["i1"]}', 404)[0] == "unknown_scenario"
    found = [
        shared.client.get(path) for path in ("/v1/items/x", "/v1/users/x", "/v1/items/x/similar", "/nowhere", "/v1/items/" + "x" * 257)
    ]
    assert [answer.status_code for answer in found] == [404, 404, 404, 404, 422]
    assert [answer.json()["code"] for answer in found[:4]] == ["unknown_item", "unknown_user", "unknown_target", "not_found"]
    wrong = shared.client.delete("/v1/events")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")


def test_that_neighbours_are_other_items(shared: Served) -> None:
    answer = shared.client.get("/v1/items/i1/similar?n=2").json()
    assert [item.pop("item_id") for item in answer["items"]] == ["i2", "i3"]
    assert len(answer.pop("request_id")) >= 16
    item = {"title": "Item 2", "score": 1.0, "tasks": {"click": 1.0}, "propensity": 1.0, "propensity_error": 0.0, "reasons": []}
    rest = {"model_version": "7", "space": "behaviour", "by": None, "degraded": False, "fallback": None}
    assert answer == {"items": [item, {**item, "title": "Item 3"}], **rest}


def test_that_neighbours_of_users_are_other_users_and_say_who_is_a_friend(served: Served) -> None:
    for name in ("friend", "a/b", "broken"):
        served.client.put(f"/v1/users/{quote(name, safe='')}", json={})
    served.engine.likeness = {"friend": 0.75, "broken": float("nan")}
    answer = served.client.get("/v1/users/u1/similar?space=joint&by=pearson&friends=none&n=3").json()
    assert answer.pop("request_id")
    assert answer == {
        "model_version": "7", "space": "joint", "by": "pearson", "degraded": True, "fallback": "nonfinite_scores",
        "users": [{"user_id": "friend", "score": 0.75, "related": True}, {"user_id": "a/b", "score": 0.5, "related": False}],
    }  # fmt: skip
    assert served.engine.asked[-1] == SimilarRequest(of="user", id="u1", n=3, space="joint", by="pearson", friends="none")
    assert next(user["user_id"] for user in served.client.get("/v1/users/a%2Fb/similar").json()["users"]) == "u1"


@pytest.mark.parametrize(
    ("path", "status", "expected", "says"),
    [
        ("items/i1/similar?n=0", 422, "malformed", "query.n"), ("items/i1/similar?n=1001", 422, "malformed", "query.n"),
        ("items/i1/similar?space=looks", 422, "malformed", "query.space: Input should be 'content', 'behaviour' or 'joint'"),
        ("users/u1/similar?by=euclid", 422, "malformed", "query.by: Input should be 'cosine' or 'pearson'"),
        ("users/u1/similar?friends=yes", 422, "malformed", "query.friends: Input should be 'any', 'only' or 'none'"),
        ("items/i1/similar?space=content", 422, "unsupported", "space 'content' must be told by features"),
        ("items/none/similar", 404, "unknown_target", ""), ("users/none/similar", 404, "unknown_target", ""),
    ],
)  # fmt: skip
def test_that_a_wrong_question_about_neighbours_names_what_is_wrong(
    shared: Served, path: str, status: int, expected: str, says: str
) -> None:
    answer = shared.client.get(f"/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (status, expected)
    assert says in answer.json()["detail"]


def test_that_a_search_for_neighbours_holds_nobody_up(served: Served) -> None:
    """A search that waits for the engine to answer somebody else could never end if it ran where the engine runs."""
    answered = threading.Event()

    def search() -> SimilarAnswer:
        assert answered.wait(20), "the engine was held up"
        return SimilarAnswer([], "7", "joint", "cosine")

    served.engine.similar = lambda _: search  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as other:
        waiting = other.submit(served.client.get, "/v1/items/i1/similar")
        post(served, "/v1/recommendations", {"user_id": "u1"})
        answered.set()
        assert waiting.result().status_code == 200


def test_that_facts_are_told(shared: Served) -> None:
    assert shared.client.get("/v1/scenarios").json() == {"scenarios": ["home", "search"], "factors": {}}
    assert shared.client.get("/v1/models").json() == {
        "models": [{"version": "7", "serving": True, "final_score": {"everywhere": {"click": 1.0}}}]
    }
    assert shared.client.get("/health/live").json()["status"] == "live"
    parts = {"state": "ready", "engine": "answering", "event_log": "ok", "records": "ok", "encoders": "none"}
    ready = {"status": "ready", "behind": 0, "model_version": "7", "parts": parts}
    assert shared.client.get("/health/ready").json() == ready


def test_that_the_document_names_every_route_and_resolves_every_reference(shared: Served) -> None:
    document = shared.client.get("/openapi.json").json()
    similar = {f"/v1/{name}s/{{{name}_id}}/similar" for name in ("item", "user")}
    assert similar <= set(document["paths"])
    parameters = {one["name"] for one in document["paths"]["/v1/users/{user_id}/similar"]["get"]["parameters"]}
    assert parameters == {"user_id", "n", "space", "by", "friends"}
    assert {"/v1/recommendations", "/v1/rank", "/v1/events", "/v1/items", "/v1/users", "/v1/scenarios", "/v1/models"} <= set(
        document["paths"]
    )
    text = shared.client.get("/openapi.json").text
    references = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}
    assert "EventBody" in references
    assert references <= set(document["components"]["schemas"])


def test_that_the_page_of_routes_needs_nothing_from_elsewhere(shared: Served) -> None:
    page = shared.client.get("/docs")
    assert "/v1/recommendations" in page.text
    assert "friends?: &quot;any&quot; or &quot;only&quot; or &quot;none&quot;" in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    assert "<script" not in page.text
