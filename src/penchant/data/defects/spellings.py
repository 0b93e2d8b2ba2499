"""One value of a category written in several ways: Male, male, 'M ale'."""

from collections.abc import Iterator

import polars as pl

from penchant.data.averages import mean
from penchant.data.defects.defect import Defect, Tables, located
from penchant.data.spelling import commonest

_MOST_VALUES = 1000
_LONG_TEXT = 40


def find(tables: Tables) -> Iterator[Defect]:
    """Cells of categories that are a rarer spelling of another value (warning)."""
    for table, frame, column in tables.texts():
        rare = rarer_spellings(column)
        if rare.is_empty():
            continue
        worse, better = rare.sort("text").row(0)
        yield from located(
            frame, column.is_in(rare["text"].implode()), code="lookalike_value", table=table, column=column.name, severity="warning",
            what=f"{table} whose {column.name} is a rarer spelling of another value (such as {worse!r} for {better!r})",
            mend="`clean.spellings` writes the commonest; each spelling is a value of its own otherwise.",
            rule='data.clean.spellings = "commonest"',
        )  # fmt: skip


def rarer_spellings(column: pl.Series) -> pl.DataFrame:
    """`text` and `better` for a column of categories; empty for one of names or prose, where each row may be written as it likes."""
    counts = pl.DataFrame({"text": column}).drop_nulls().group_by("text").agg(pl.len().alias("rows"))
    is_category = counts.height <= _MOST_VALUES and counts.height <= 0.5 * column.len()
    short = is_category and mean(counts["text"].str.len_chars()) < _LONG_TEXT
    return commonest(counts if short else counts.clear())
