"""Events about users or items that the tables do not have, and users or items that no event is about."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, TableName, Tables, located


def find(tables: Tables) -> Iterator[Defect]:
    """Ids of events that their table lacks (warning), and rows of a table that no event is about; none where there is no table."""
    yield from _between(tables.events, tables.users, "users", "user_id")
    yield from _between(tables.events, tables.items, "items", "item_id")


def _between(events: pl.DataFrame, table: pl.DataFrame | None, name: TableName, column: str) -> Iterator[Defect]:
    if table is None:
        return
    known, seen = table[column].drop_nulls().unique(), events[column].drop_nulls().unique()
    strangers = seen.filter(~seen.is_in(known.implode()))
    yield from located(
        events, events[column].is_in(strangers.implode()), code="unknown_reference", table="events", column=column, severity="warning",
        what=f"events of {strangers.len():,} {column}s that are not among the {name}",
        mend=f"Their {name.removesuffix('s')} features are unknown; complete the table if you can.",
    )  # fmt: skip
    yield from located(
        table, ~table[column].is_in(seen.implode()), code="never_seen", table=name, column=column, severity="information",
        what=f"{name} without any event", mend="They live by their features alone; nothing needs to be done.",
    )  # fmt: skip
