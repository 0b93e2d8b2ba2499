"""Whatever is sent, the server answers: with success, or with a problem that names a code. Never with a 5xx."""

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_engine import Served

SOUND: dict[str, dict[str, Any]] = {
    "/v1/recommendations": {"user_id": "u1", "scenario": "home", "context": {"device": "phone"}, "n": 3},
    "/v1/rank": {"user_id": "u1", "items": ["i1", "i2"]},
    "/v1/events": {"events": [{"event_id": "e1", "user_id": "u1", "item_id": "i1", "event": "click", "timestamp": 1_650_888_000}]},
    "/v1/items": {"items": [{"item_id": "i1", "title": "Item 1"}]},
    "/v1/users": {"users": [{"user_id": "u1", "age": 30}]},
}
"""What each route takes."""
NAMES = st.sampled_from(
    [
        "user_id",
        "item_id",
        "items",
        "users",
        "events",
        "event",
        "event_id",
        "value",
        "timestamp",
        "scenario",
        "context",
        "session",
        "n",
        "x",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | st.sampled_from(["", "x" * 257, "\0", "i1", "u1", "home", "../..", "<b>", "9999-12-31T23:59:59Z"])
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=4), inner, max_size=5))
BODIES = st.dictionaries(NAMES, VALUES, max_size=6) | VALUES
IDS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: text not in (".", "..")  # the client takes these out of a path; a line break ends the router's path: "no such route"
)
GENTLY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CODES = {404: {"unknown_scenario", "unknown_item", "unknown_user", "unknown_target"}, 422: {"malformed", "not_json", "too_deep"}}
"""Problems a caller may get here. A 404 that says there is no such route would mean that the route was never asked."""


def checked(answer: Any) -> int:
    """The status of an answer that is as it must be."""
    content = orjson.loads(answer.content)
    if answer.status_code != 200:
        assert answer.status_code in CODES, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert content["status"] == answer.status_code
        assert content["code"] in CODES[answer.status_code]
    return int(answer.status_code)


@pytest.mark.parametrize("path", SOUND)
def test_that_any_json_is_answered(shared: Served, path: str) -> None:
    """Anything at all, and bodies that are sound but for one thing: a key with another value, or one more key."""
    seen = set()
    nearly = st.tuples(NAMES | st.sampled_from(sorted(SOUND[path])), VALUES).map(lambda changed: SOUND[path] | dict([changed]))

    @GENTLY
    @given(BODIES | nearly)
    @example(SOUND[path])
    @example([])
    def any_json(body: Any) -> None:
        seen.add(checked(shared.client.post(path, content=orjson.dumps(body))))

    any_json()
    assert {200, 422} <= seen


@pytest.mark.parametrize("path", [*SOUND, "PUT /v1/items/i1"])
def test_that_any_bytes_are_answered(shared: Served, path: str) -> None:
    """Bytes from nowhere, and sound bodies cut off or with bytes put in."""
    seen = set()
    method, _, where = path.rpartition(" ")
    sound = orjson.dumps(SOUND.get(where, {"title": "Item 1"}))
    spoilt = st.tuples(st.integers(0, len(sound)), st.binary(max_size=4), st.integers(0, 4)).map(
        lambda cut: sound[: cut[0]] + cut[1] + sound[cut[0] + cut[2] :]
    )

    @GENTLY
    @given(st.binary(max_size=60) | spoilt)
    @example(sound)
    @example(b"\xff")
    def any_bytes(content: bytes) -> None:
        seen.add(checked(shared.client.request(method or "POST", where, content=content)))

    any_bytes()
    assert {200, 422} <= seen


@pytest.mark.parametrize("rest", ["", "/similar"])
@pytest.mark.parametrize(("owner", "known"), [("items", "i1"), ("users", "u1")])
def test_that_any_id_in_a_path_is_answered(shared: Served, owner: str, known: str, rest: str) -> None:
    seen = set()

    @GENTLY
    @given(IDS)
    @example(known)
    @example("nobody")
    @example("x" * 257)
    def any_id(name: str) -> None:
        seen.add(checked(shared.client.get(f"/v1/{owner}/{quote(name, safe='')}{rest}")))

    any_id()
    assert seen == {200, 404, 422}
