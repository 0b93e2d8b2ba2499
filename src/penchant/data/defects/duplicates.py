"""The same event twice; the same user or item twice, agreeing or not."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.coded import mask_of
from penchant.data.defects.defect import Defect, TableName, Tables, located


def find(tables: Tables) -> Iterator[Defect]:
    """Repeated events (warning), repeated users and items (warning), and such that contradict each other (error)."""
    keys, rows = event_keys(tables.events), tables.coded.of_same_pair
    again = rows.filter(tables.events.select(keys)[rows].select(repeated(keys)).to_series())
    wanted = tables.recipe is not None and tables.recipe.data.clean.duplicates == "keep_all"
    yield from located(
        tables.events, mask_of(again, tables.events.height), code="duplicate_event", table="events", column=None,
        severity="information" if wanted else "warning",
        what=f"events that repeat an earlier one ({', '.join(keys)} the same)",
        mend='`clean.duplicates` decides: "keep_last", "keep_first" or "keep_all".',
        rule=None if wanted else 'data.clean.duplicates = "keep_last"',
    )  # fmt: skip
    if tables.users is not None:
        yield from _of_ids("users", "user_id", tables.users)
    if tables.items is not None:
        yield from _of_ids("items", "item_id", tables.items)


def event_keys(events: pl.DataFrame) -> list[str]:
    """What makes an event the same: user, item, time and, where the log tells kinds of events apart, the kind."""
    return [name for name in ("user_id", "item_id", "timestamp", "event") if name in events.columns]


def repeated(keys: list[str]) -> pl.Expr:
    """Whether a row has the keys of an earlier row; rows with a missing key repeat nothing."""
    return pl.all_horizontal(pl.col(key).is_not_null() for key in keys) & ~pl.struct(keys).is_first_distinct()


def _of_ids(table: TableName, id_name: str, frame: pl.DataFrame) -> Iterator[Defect]:
    again = frame.select(repeated([id_name])).to_series()
    if not again.any():
        return
    same = frame.hash_rows(seed=0)
    agreeing = again & ~same.is_first_distinct()
    yield from located(
        frame, agreeing, code="duplicate_id", table=table, column=id_name, severity="warning",
        what=f"{table} that repeat an earlier row", mend="`clean.duplicates` keeps one of them.",
        rule='data.clean.duplicates = "keep_last"',
    )  # fmt: skip
    yield from located(
        frame, again & ~agreeing, code="conflicting_id", table=table, column=id_name, severity="error",
        what=f"{table} with the {id_name} of an earlier row but other values",
        mend='`clean.duplicates` decides: "keep_last" or "keep_first"; better is to find out which is true.',
        rule='data.clean.duplicates = "keep_last"',
    )  # fmt: skip
