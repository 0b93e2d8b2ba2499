"""Values and keys as TOML text."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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


def document(tables: Mapping[str, Any]) -> str:
    """A mapping of tables as a TOML document, tables within tables as dotted keys.

    >>> print(document({"data": {"title": "name"}, "features": {"user": {"age": {"kind": "number"}}}}))
    [data]
    title = "name"
    <BLANKLINE>
    [features]
    user.age = { kind = "number" }
    <BLANKLINE>
    """
    return "\n".join(f"[{key(name)}]\n{''.join(_lines(table))}" for name, table in tables.items())


def _lines(table: Mapping[str, Any], within: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping) and value and all(isinstance(inner, Mapping) for inner in value.values()):
            yield from _lines(value, f"{within}{key(name)}.")
        else:
            yield f"{within}{key(name)} = {toml(value)}\n"


def key(name: str) -> str:
    """A key, quoted where it must be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else toml(name)
