"""Records told one by one, as columns: each value means what it would mean alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl


def frame_of(lines: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Records as a frame; a key that a record lacks is missing there."""
    names = {name for line in lines for name in line}
    return pl.DataFrame({name: series_of([line.get(name) for line in lines]) for name in sorted(names)})


def series_of(values: list[Any]) -> pl.Series:
    """Values as a series. Each means what it would mean alone, also where one record says 3 and another "three"."""
    kinds = {float if isinstance(value, int) and not isinstance(value, bool) else type(value) for value in values if value is not None}
    return pl.Series(values if len(kinds) < 2 else [_text(value) for value in values], strict=False)


def _text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case list():
            return "".join(f"\x1f{element}" for element in value)  # as a packed log keeps lists
        case bool() | int() | float() if value == int(value):
            return str(int(value))
    return str(value)
