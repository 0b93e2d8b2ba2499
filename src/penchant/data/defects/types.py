"""Columns of numbers in which some cells are not: "12 EUR", "1,5", "free"."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, having, located
from penchant.data.defects.missing import STAND_INS

_MOSTLY = 0.9


def find(tables: Tables) -> Iterator[Defect]:
    """Cells of text in columns of numbers; a warning where the recipe takes the column for an amount."""
    for table, frame, column in tables.texts():
        texts, rows = tables.counts(table, column)
        text = texts.str.strip_chars()
        filled = (text != "") & ~text.str.to_lowercase().is_in(STAND_INS)
        number = text.cast(pl.Float64, strict=False).is_not_null()
        if int(rows.filter(filled & number).sum()) < _MOSTLY * int(rows.filter(filled).sum()) or not filled.any():
            continue
        # A code such as 98107-2117 is no failed number: a letter, a currency or a decimal comma makes one.
        yield from located(
            frame, having(column, texts.filter(filled & ~number & text.str.contains(r"\p{L}|\p{Sc}|%|^-?\d+,\d+$"))),
            code="mixed_type", table=table, column=column.name,
            severity="warning" if tables.reads_as_number(table, column.name) else "information",
            what=f"{table} whose {column.name} is text where most are numbers",
            mend="The whole column is read as text because of them; mend these cells in the export.",
        )  # fmt: skip
