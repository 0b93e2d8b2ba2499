"""Missing ids and times, which no event can do without, and missing values of every other column."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Severity, TableName, Tables, located

_IDS: dict[TableName, tuple[str, ...]] = {"events": ("user_id", "item_id"), "users": ("user_id",), "items": ("item_id",)}
_MUCH = 0.5
_STAND_INS = ("unknown", "n/a", "na", "nan", "null", "none", "undefined")


def find(tables: Tables) -> Iterator[Defect]:
    """Rows without an id or, among events, a time (errors), and missing values or words for them in all other columns."""
    for table, frame in tables.named():
        for column in frame.columns:
            yield from _of_column(table, frame, column, expected=table == "events" and _has_several_sources(tables))


def _has_several_sources(tables: Tables) -> bool:
    """Whether the events come from several files, each of which may lack columns of the others."""
    return tables.recipe is not None and isinstance(tables.recipe.data.events, tuple) and len(tables.recipe.data.events) > 1


def _of_column(table: TableName, frame: pl.DataFrame, column: str, expected: bool) -> Iterator[Defect]:
    values = frame[column]
    missing = values.is_null() | (values == "") if values.dtype == pl.String else values.is_null()
    what = f"{table} without {column}"
    if column in _IDS[table]:
        mend = '`clean.missing_ids` decides: "drop" leaves the rows out, "refuse" stops.'
        yield from located(frame, missing, code="missing_id", table=table, column=column, severity="error", what=what, mend=mend)
    elif table == "events" and column == "timestamp":
        mend = '`clean.missing_time` decides: "drop" leaves the rows out, "refuse" stops.'
        yield from located(frame, missing, code="missing_time", table=table, column=column, severity="error", what=what, mend=mend)
    else:
        yield from _of_value(table, frame, column, missing, what, expected)


def _of_value(table: TableName, frame: pl.DataFrame, column: str, missing: pl.Series, what: str, expected: bool) -> Iterator[Defect]:
    much = not expected and frame.height > 0 and int(missing.sum()) / frame.height >= _MUCH
    severity: Severity = "warning" if much else "information"
    mend = "Consider leaving this column out." if much else "Features treat it as unknown; nothing needs to be done."
    yield from located(frame, missing, code="missing_value", table=table, column=column, severity=severity, what=what, mend=mend)
    # A column of ids has its own finding for these, in `ids`.
    if frame.schema[column] == pl.String and column not in ("user_id", "item_id"):
        stand_in = frame[column].str.to_lowercase().is_in(_STAND_INS)
        what = f"{table} whose {column} is a word for missing"
        mend = "It counts as a value of its own; leave such cells empty if it should not."
        yield from located(frame, stand_in, code="stand_in_value", table=table, column=column, severity="information", what=what, mend=mend)
