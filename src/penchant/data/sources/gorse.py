"""Exports of the Gorse recommender: JSON lines (`feedback.jsonl`, `users.jsonl`, `items.jsonl`) or, before its version 0.5, CSV.

Labels are a JSON object whose keys become columns; categories are lists; Go's zero time counts as missing.
"""

import json
from collections.abc import Collection

import polars as pl

from penchant.data.sources.delimited import as_utf8, read_delimited
from penchant.data.sources.formats import Format, Keep, SourceFile, plain_name
from penchant.data.sources.jsonl import read_lines
from penchant.data.sources.layouts import Layout
from penchant.data.sources.names import Role, listed, plain
from penchant.data.sources.times import as_seconds

_HEADERS = (frozenset({"feedbacktype", "userid", "itemid"}), frozenset({"itemid", "ishidden", "categories"}))
_USERS = frozenset({"userid", "labels"})
_ROLES: dict[Role, str] = {"events": "feedback", "users": "users", "items": "items"}
_ZERO_TIME = "0001-01-01"


def _likeness(file: SourceFile) -> float:
    names = {plain(name) for name in _names(file)}
    return 0.95 if any(header <= names for header in _HEADERS) or (names >= _USERS and "itemid" not in names) else 0.0


def _names(file: SourceFile) -> list[str]:
    """Keys of the first object, or the header's names."""
    if not file.first_line.startswith("{"):
        return file.first_line.split(",")
    try:
        return list(json.loads(file.first_line))
    except ValueError:
        return []


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    lines = file.first_line.startswith("{")
    frame, notes = read_lines(file, keep) if lines else read_delimited(file, as_utf8(file), ",", keep)
    for column in frame.iter_columns():
        match plain(column.name):
            case "labels":
                frame, told = _with_labels(frame, column, file.shown)
                notes += told
            case "categories" if column.dtype == pl.String:
                frame = frame.with_columns(pl.col(column.name).str.split("|"))
            case "timestamp" if column.dtype == pl.String:
                frame = frame.with_columns(_times(column, file.shown))
    return frame, notes


def _times(column: pl.Series, shown: str) -> pl.Series:
    """Seconds; Go writes a time that was never set as the first day of the year 1."""
    known = column.set(column.str.starts_with(_ZERO_TIME).fill_null(value=False), None)
    return as_seconds(known, None, shown)[0].alias(column.name)


def _with_labels(frame: pl.DataFrame, column: pl.Series, shown: str) -> tuple[pl.DataFrame, list[str]]:
    """The frame with a column per label key; a list of labels stays one column, and other text stays as it is with a note."""
    labels = column
    if column.dtype == pl.String:
        try:
            labels = column.replace("", None).str.json_decode(infer_schema_length=None)
        except pl.exceptions.ComputeError:
            # The oldest exports separate bare words by bars.
            return frame.with_columns(column.str.split("|")), [f"{shown}: the labels are no JSON and were read as words separated by '|'"]
    if not isinstance(labels.dtype, pl.Struct):
        return frame.with_columns(labels), []
    fields = labels.struct.unnest()
    taken = set(frame.columns) - {column.name}
    fields = fields.rename({name: f"{column.name}_{name}" for name in fields.columns if name in taken})
    return frame.drop(column.name).hstack(fields), [f"{shown}: the labels became columns {listed(fields.columns)}"]


def _files(names: Collection[str]) -> dict[Role, str]:
    for ending in ("jsonl", "csv"):
        by_name = {plain_name(name): name for name in names}
        if f"feedback.{ending}" in by_name:
            return {role: by_name[f"{stem}.{ending}"] for role, stem in _ROLES.items() if f"{stem}.{ending}" in by_name}
    return {}


FORMATS = (Format("gorse", (), _likeness, _read),)
LAYOUTS = (Layout("gorse", _files),)
