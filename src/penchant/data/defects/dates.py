"""Dates that stand for none: 1900-01-01 as a birthday, 9999-12-31 as an end."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, counted_values, having, located

_STAND_INS = ("0000-00-00", "0001-01-01", "1900-01-01", "1970-01-01", "9999-12-31", "2099-12-31", "19000101", "19700101", "99991231")
_TYPES = (pl.String, pl.Date, pl.Datetime)


def find(tables: Tables) -> Iterator[Defect]:
    """Cells of dates that stand for none (warning)."""
    for table, frame in tables.named():
        for column in frame:
            if column.dtype not in _TYPES or not _are_dates(values := tables.counts(table, column)):
                continue
            yield from located(
                frame, having(column, values.filter(stands_for_none(pl.col("text")))["text"]), code="stand_in_date", table=table,
                column=column.name, severity="warning", what=f"{table} whose {column.name} is a date that stands for none",
                mend="`clean.stand_ins` makes it missing.", rule='data.clean.stand_ins = "missing"',
            )  # fmt: skip


def is_of_dates(column: pl.Series) -> bool:
    """Whether most values are dates, or texts that begin like one."""
    return column.dtype in _TYPES and _are_dates(counted_values(column))


def _are_dates(values: pl.DataFrame) -> bool:
    if values.schema["text"] != pl.String:
        return True
    dated = values.filter(pl.col("text").str.contains(r"^\d{4}-?\d\d-?\d\d"))["rows"]
    return not values.is_empty() and int(dated.sum()) > 0.5 * int(values["rows"].sum())


def stands_for_none(column: pl.Expr) -> pl.Expr:
    """Whether a value is such a date, with any time of the day behind it."""
    text = column.cast(pl.String)
    return pl.any_horizontal(text.str.starts_with(date) for date in _STAND_INS)
