"""One value of a category written in several ways: Male, male, 'M ale'."""

from collections.abc import Iterator

import polars as pl

from penchant.data.averages import mean
from penchant.data.defects.defect import Defect, Tables, counted_values, having, located
from penchant.data.spelling import commonest

_MOST_VALUES = 1000
_LONG_TEXT = 40


def find(tables: Tables) -> Iterator[Defect]:
    """Cells of categories that are a rarer spelling of another value (warning)."""
    for table, frame, column in tables.texts():
        rare = _rarer(tables.counts(table, column), frame.height)
        if rare.is_empty():
            continue
        worse, better = rare.sort("text").row(0)
        yield from located(
            frame, having(column, rare["text"]), code="lookalike_value", table=table, column=column.name, severity="warning",
            what=f"{table} whose {column.name} is a rarer spelling of another value (such as {worse!r} for {better!r})",
            mend="`clean.spellings` writes the commonest; each spelling is a value of its own otherwise.",
            rule='data.clean.spellings = "commonest"',
        )  # fmt: skip


def rarer_spellings(column: pl.Series) -> pl.DataFrame:
    """`text` and `better` for a column of categories; empty for one of names or prose, where each row may be written as it likes."""
    return _rarer(counted_values(column), column.len())


def _rarer(counts: pl.DataFrame, rows: int) -> pl.DataFrame:
    is_category = counts.height <= _MOST_VALUES and counts.height <= 0.5 * rows
    short = is_category and mean(counts["text"].str.len_chars()) < _LONG_TEXT
    return commonest(counts if short else counts.clear())
