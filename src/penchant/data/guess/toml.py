"""Values and keys as TOML text."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any


def toml(value: Any) -> str:
    """A text, number, truth value, list or mapping as TOML on one line.

    >>> toml({"kind": "category", "column": "short desc"})
    '{ kind = "category", column = "short desc" }'
    """
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key(name)} = {toml(inner)}" for name, inner in value.items()) + " }"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(toml(inner) for inner in value) + "]"
    # JSON's escapes are TOML's too, but for the delete character, which TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def key(name: str) -> str:
    """A key, quoted where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)
