"""Latitudes and longitudes that belong together."""

from typing import Any

import polars as pl

_LATITUDE, _LONGITUDE = ("latitude", "lat"), ("longitude", "lon", "lng", "long")


def places_in(frame: pl.DataFrame) -> dict[str, tuple[dict[str, Any], str]]:
    """A place for each pair of columns that are named latitude and longitude alike and hold degrees: its name, keys and reason."""
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for name in frame.columns:
        pair = _longitude_of(name, frame.columns)
        if pair is None or not (_within(frame[name], 90) and _within(frame[pair[1]], 180)):
            continue
        what, other = pair
        found[f"{what}_place" if what else "place"] = (
            {"kind": "place", "columns": [name, other]},
            f"{name} and {other} are degrees on Earth",
        )
    return found


def _longitude_of(name: str, columns: list[str]) -> tuple[str, str] | None:
    """What a latitude is of (`home` of `home_lat`) and the column of its longitude; None for anything else."""
    lower = {column.lower(): column for column in columns}
    for latitude in _LATITUDE:
        if not name.lower().endswith(latitude):
            continue
        before = name[: len(name) - len(latitude)]
        if before and before[-1].isalpha() and not name[len(before)].isupper():  # the end of another word, as in "flat"
            continue
        other = next((lower[before.lower() + each] for each in _LONGITUDE if before.lower() + each in lower), None)
        return (before.rstrip("_- ."), other) if other else None
    return None


def _within(column: pl.Series, degrees: float) -> bool:
    if not column.dtype.is_numeric():
        return False
    values = column.drop_nulls().drop_nans() if column.dtype.is_float() else column.drop_nulls()
    return values.n_unique() > 1 and bool((values.abs() <= degrees).all())
