"""Columns that tell nothing: the same value everywhere, or another value in nearly every row."""

from collections.abc import Iterator

import polars as pl

from penchant.data.averages import mean
from penchant.data.defects.defect import Defect, TableName, Tables, percent

_NEARLY = 0.95
_ENOUGH_ROWS = 100
_LONG_TEXT = 40
"""Mean characters from which text is read rather than counted, so that it may well be different everywhere."""
_KEYS = frozenset({"user_id", "item_id", "timestamp", "timestamp_original"})


def find(tables: Tables) -> Iterator[Defect]:
    """Columns of one value at most, and columns of ids or short texts that hardly repeat; keys and nested columns are left alone."""
    for table, frame in tables.named():
        for column in frame:
            if column.name in _KEYS or column.dtype.is_nested() or frame.height < 2:
                continue
            values = column.drop_nulls()
            different = tables.different(table, column)
            if different <= 1:
                yield _constant(table, frame.height, column.name, values)
            elif _is_near_unique(values, different):
                yield _near_unique(table, column.name, different, different / values.len())


def _constant(table: TableName, rows: int, column: str, values: pl.Series) -> Defect:
    told = f"always '{str(values[0])[:40]}'" if values.len() else "always missing"
    sentence = f"column {column} of {table} is {told}"
    return Defect("constant_column", table, column, "information", rows, 1.0, (1,), sentence, "Leave it out: it tells nothing.")


def _near_unique(table: TableName, column: str, different: int, share: float) -> Defect:
    sentence = f"column {column} of {table} has another value in {percent(share)} of the rows"
    mend = "As a category it cannot be learnt; leave it out or group its values."
    return Defect("near_unique_column", table, column, "information", different, share, (1,), sentence, mend)


def _is_near_unique(values: pl.Series, different: int) -> bool:
    if values.len() < _ENOUGH_ROWS or different < _NEARLY * values.len() or not (values.dtype.is_integer() or values.dtype == pl.String):
        return False
    return values.dtype != pl.String or mean(values.str.len_chars()) < _LONG_TEXT
