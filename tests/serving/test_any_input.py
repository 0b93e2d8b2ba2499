"""Whatever is sent, the server answers: with success, or with a problem that names a code. Never with a 5xx."""

from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_engine import Served

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
POSTS = ["/v1/recommendations", "/v1/rank", "/v1/events", "/v1/items", "/v1/users"]
GENTLY = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(answer: Any) -> None:
    assert answer.status_code in (200, 404, 405, 413, 422), answer.text
    content = orjson.loads(answer.content)
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert content["status"] == answer.status_code
        assert content["code"]


@pytest.mark.parametrize("path", POSTS)
def test_that_any_json_is_answered(shared: Served, path: str) -> None:
    @GENTLY
    @given(BODIES)
    def any_json(body: Any) -> None:
        check(shared.client.post(path, content=orjson.dumps(body)))

    any_json()


@pytest.mark.parametrize("path", [*POSTS, "PUT /v1/items/i1"])
def test_that_any_bytes_are_answered(shared: Served, path: str) -> None:
    @GENTLY
    @given(st.binary(max_size=60))
    def any_bytes(content: bytes) -> None:
        method, _, where = path.rpartition(" ")
        check(shared.client.request(method or "POST", where, content=content))

    any_bytes()


def test_that_any_id_in_a_path_is_answered(shared: Served) -> None:
    @GENTLY
    @given(st.text(min_size=1, max_size=30).filter(lambda text: text not in (".", "..")), st.sampled_from(["", "/similar"]))
    def any_id(name: str, rest: str) -> None:
        check(shared.client.get(f"/v1/items/{quote(name, safe='')}{rest}"))

    any_id()
