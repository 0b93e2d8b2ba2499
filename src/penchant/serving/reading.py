"""Reads a JSON body: not too long, not too slow, not too deep, and JSON in the strict sense.

When a key stands twice in one object, the last one counts.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from penchant.serving.problems import ProblemError, malformed

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

LARGEST = 2**20
"""Bytes of a body."""
LARGEST_BULK = 8 * 2**20
"""Bytes of a bulk call's body."""
DEEPEST = 32
"""Objects and lists inside each other."""
SLOWEST = 10.0
"""Seconds a client may take to send its body."""
_SMALL = 16 * 1024
"""Bytes parsed on the event loop; more would hold up other requests."""


async def read_body(request: Request, kind: type[M], largest: int = LARGEST) -> M:
    """The body as `kind`.

    Raises:
        ProblemError: 413 too large (not read to its end), 408 too slow, 422 not strict JSON or not of this kind.
    """
    return await read_with(request, lambda content: _parse(content, kind), largest)


async def read_with(request: Request, read: Callable[[bytes], T], largest: int = LARGEST) -> T:
    """The body as `read` makes it, off the event loop when it is not small. Raises as `read_body` does."""
    content = await _content(request, largest)
    return read(content) if len(content) <= _SMALL else await asyncio.to_thread(read, content)


def parse_body(content: bytes, kind: type[M]) -> M:
    """Strict JSON as `kind`. Raises as `read_body` does."""
    return _parse(content, kind)


def _parse(content: bytes, kind: type[M]) -> M:
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise ProblemError(422, "not_json", "The body must be strict JSON in UTF-8: no NaN, no infinity, no lone surrogates.") from None
    if _is_too_deep(value):
        raise ProblemError(422, "too_deep", f"The body must nest at most {DEEPEST} levels.")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise malformed(error) from None


async def _content(request: Request, largest: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isdigit() or int(announced[:20]) > largest:
        raise _too_large(largest)
    chunks, size = [], 0
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.stream():
                size += len(chunk)
                if size > largest:
                    raise _too_large(largest)
                chunks.append(chunk)
    except TimeoutError:
        raise ProblemError(408, "too_slow", f"The body must arrive within {SLOWEST:g} s.", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise ProblemError(400, "incomplete", "The body ended early.") from None
    return b"".join(chunks)


def _too_large(largest: int) -> ProblemError:
    # Closing keeps the server from reading the rest only to throw it away.
    return ProblemError(413, "too_large", f"The body must be at most {largest // 2**20} MiB.", headers={"Connection": "close"})


def _is_too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(DEEPEST):
        inner = (child for one in level for child in (one.values() if isinstance(one, dict) else one))
        level = [child for child in inner if isinstance(child, dict | list)]
        if not level:
            return False
    return True
