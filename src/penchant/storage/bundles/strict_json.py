"""JSON that means one thing: UTF-8, no key twice, no NaN or infinity, not too deep."""

import json
import math
from typing import Any, NoReturn


def parse(content: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: when it is not JSON, or not strict.
    """
    try:
        return json.loads(content.decode("utf8"), object_pairs_hook=_object, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deep") from None


def dump(value: Any) -> bytes:
    """`value` as JSON with sorted keys; ValueError on NaN and infinity."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True).encode()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number
