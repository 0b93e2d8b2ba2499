"""Missing ids and times, which no event can do without, and missing values of every other column."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import polars as pl

from penchant.data.defects.defect import Defect, Severity, TableName, Tables, having, listed, located

_IDS: dict[TableName, tuple[str, ...]] = {"events": ("user_id", "item_id"), "users": ("user_id",), "items": ("item_id",)}
_MUCH = 0.5
STAND_INS = ("unknown", "n/a", "na", "nan", "null", "none", "undefined")


def find(tables: Tables) -> Iterator[Defect]:
    """Rows without an id or, among events, a time (errors), and missing values or words for them in all other columns."""
    for table, frame in tables.named():
        needed = [name for name in (*_IDS[table], "timestamp") if name in frame.columns and (name != "timestamp" or table == "events")]
        for column in needed:
            yield from _of_needed(table, frame, column)
        others = [name for name in frame.columns if name not in needed]
        for columns, missing in _alike(frame, others, _missing):
            yield from _of_values(tables, table, frame, columns, missing)
        # A column of ids has its own finding for these, in `ids`.
        texts = [name for name in others if frame.schema[name] == pl.String and name not in ("user_id", "item_id")]
        for columns, stand_in in _alike(frame, texts, partial(_stand_ins, tables, table)):
            yield from _of_stand_ins(table, frame, columns, stand_in)


def stands_for_missing(values: pl.Series) -> pl.Series:
    """Whether each text `[rows]` is a word for missing."""
    return values.str.strip_chars().str.to_lowercase().is_in(STAND_INS)


def _stand_ins(tables: Tables, table: TableName, column: pl.Series) -> pl.Series:
    texts = tables.counts(table, column)["text"]
    return having(column, texts.filter(stands_for_missing(texts)))


def _missing(values: pl.Series) -> pl.Series:
    return (values.is_null() | (values == "")).fill_null(True) if values.dtype == pl.String else values.is_null()


def _alike(frame: pl.DataFrame, names: list[str], bad: Callable[[pl.Series], pl.Series]) -> list[tuple[list[str], pl.Series]]:
    """Columns that are bad in the very same rows together, with those rows: an export lacks whole records, and one line tells it."""
    groups: dict[bytes, tuple[list[str], pl.Series]] = {}
    for name in names:
        if frame.schema[name] != pl.String and not frame[name].null_count():
            continue
        mask = bad(frame[name]).fill_null(False)
        if mask.any():
            groups.setdefault(np.packbits(mask.to_numpy()).tobytes(), ([], mask))[0].append(name)
    return list(groups.values())


def _of_needed(table: TableName, frame: pl.DataFrame, column: str) -> Iterator[Defect]:
    code, rule = ("missing_time", "missing_time") if column == "timestamp" else ("missing_id", "missing_ids")
    yield from located(
        frame, _missing(frame[column]), code=code, table=table, column=column, severity="error", what=f"{table} without {column}",
        mend=f'`clean.{rule}` decides: "drop" leaves the rows out, "refuse" stops.', rule=f'data.clean.{rule} = "drop"',
    )  # fmt: skip


def _of_values(tables: Tables, table: TableName, frame: pl.DataFrame, columns: list[str], missing: pl.Series) -> Iterator[Defect]:
    used = any(tables.uses(table, name) for name in columns)
    expected = table == "events" and _has_several_sources(tables)
    much = used and not expected and int(missing.sum()) / frame.height >= _MUCH
    severity: Severity = "warning" if much else "information"
    mend = "Consider leaving this column out." if much else "Features treat it as unknown; nothing needs to be done."
    what = f"{table} without {listed(columns)}"
    yield from located(
        frame, missing, code="missing_value", table=table, column=", ".join(columns), severity=severity, what=what, mend=mend
    )


def _of_stand_ins(table: TableName, frame: pl.DataFrame, columns: list[str], stand_in: pl.Series) -> Iterator[Defect]:
    yield from located(
        frame, stand_in, code="stand_in_value", table=table, column=", ".join(columns), severity="information",
        what=f"{table} whose {listed(columns)} {'is' if len(columns) == 1 else 'are'} a word for missing",
        mend="It counts as a value of its own; `clean.stand_ins` makes it missing.", rule='data.clean.stand_ins = "missing"',
    )  # fmt: skip


def _has_several_sources(tables: Tables) -> bool:
    """Whether the events come from several files, each of which may lack columns of the others."""
    return tables.recipe is not None and isinstance(tables.recipe.data.events, tuple) and len(tables.recipe.data.events) > 1
