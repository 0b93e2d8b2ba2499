"""Columns that tell nothing: the same value everywhere, or another value in nearly every row."""

from collections.abc import Iterator

import polars as pl

from penchant.data.averages import mean
from penchant.data.defects.defect import Defect, Tables, percent

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
            different = values.n_unique()
            if different <= 1:
                told = f"always '{str(values[0])[:40]}'" if different else "always missing"
                sentence = f"column {column.name} of {table} is {told}"
                yield Defect(
                    "constant_column",
                    table,
                    column.name,
                    "information",
                    frame.height,
                    1.0,
                    (1,),
                    sentence,
                    "Leave it out: it tells nothing.",
                )
            elif _is_near_unique(values, different):
                share = different / values.len()
                sentence = f"column {column.name} of {table} has another value in {percent(share)} of the rows"
                mend = "As a category it cannot be learnt; leave it out or group its values."
                yield Defect("near_unique_column", table, column.name, "information", different, share, (1,), sentence, mend)


def _is_near_unique(values: pl.Series, different: int) -> bool:
    if values.len() < _ENOUGH_ROWS or different < _NEARLY * values.len() or not (values.dtype.is_integer() or values.dtype == pl.String):
        return False
    return values.dtype != pl.String or mean(values.str.len_chars()) < _LONG_TEXT
