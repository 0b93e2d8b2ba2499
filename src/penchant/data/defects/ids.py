"""Ids that look like one another, stand for nothing, or are too long to be served."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, TableName, Tables, located

LONGEST = 256
_PLACEHOLDERS = ("null", "none", "nan", "na", "n/a", "undefined", "unknown", "-1", "?")
_OWNERS: dict[str, TableName] = {"user_id": "users", "item_id": "items"}


def find(tables: Tables) -> Iterator[Defect]:
    """Ids that differ by case or space only, that stand for a missing value (warnings), or that are too long to be served (error)."""
    named = dict(tables.named())
    for column, owner in _OWNERS.items():
        everywhere = [frame[column].unique() for table, frame in named.items() if table in ("events", owner)]
        lookalikes = _lookalikes(pl.concat(everywhere).unique())
        for table in ("events", owner):
            if table in named:
                yield from _of_table(named[table], table, column, lookalikes)


def _lookalikes(ids: pl.Series) -> pl.Series:
    """Ids that another id equals but for case and surrounding space."""
    plain = ids.str.strip_chars().str.to_lowercase()
    return ids.filter(plain.is_duplicated() & ids.is_not_null())


def _of_table(frame: pl.DataFrame, table: TableName, column: str, lookalikes: pl.Series) -> Iterator[Defect]:
    ids = frame[column]
    example = f" (such as '{lookalikes.sort()[0]}')" if lookalikes.len() else ""
    yield from located(
        frame, ids.is_in(lookalikes.implode()), code="lookalike_id", table=table, column=column, severity="warning",
        what=f"{table} whose {column} differs from another only by case or surrounding space{example}",
        mend="Write ids one way where they are made.",
    )  # fmt: skip
    yield from located(
        frame, ids.str.to_lowercase().is_in(_PLACEHOLDERS), code="placeholder_id", table=table, column=column, severity="warning",
        what=f"{table} whose {column} looks like a missing value", mend=f"Leave them out with `where = \"{column} != '...'\"`.",
    )  # fmt: skip
    yield from located(
        frame, ids.str.len_chars() > LONGEST, code="long_id", table=table, column=column, severity="error",
        what=f"{table} whose {column} has more than {LONGEST} characters", mend="Shorten or hash them; the server refuses longer ids.",
    )  # fmt: skip
