"""Events about users or items that the tables do not have, and users or items that no event is about."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, TableName, Tables, having, located


def find(tables: Tables) -> Iterator[Defect]:
    """Ids of events that their table lacks (warning), and rows of a table that no event is about; none where there is no table."""
    yield from _between(tables, tables.users, "users", "user_id")
    yield from _between(tables, tables.items, "items", "item_id")


def _between(tables: Tables, table: pl.DataFrame | None, name: TableName, column: str) -> Iterator[Defect]:
    if table is None:
        return
    events = tables.events
    known, seen = table[column].drop_nulls().unique(), tables.counts("events", events[column])["text"]
    strangers = seen.filter(~seen.is_in(known.implode()) & (seen != ""))
    yield from located(
        events, having(events[column], strangers), code="unknown_reference", table="events", column=column, severity="warning",
        what=f"events of {strangers.len():,} {column}s that are not among the {name}",
        mend=f"Their {name.removesuffix('s')} features are unknown; complete the table, or leave them out with `clean.unknown_{name}`.",
        rule=f'data.clean.unknown_{name} = "drop"',
    )  # fmt: skip
    yield from located(
        table, ~table[column].is_in(seen.implode()), code="never_seen", table=name, column=column, severity="information",
        what=f"{name} without any event", mend="They live by their features alone; nothing needs to be done.",
    )  # fmt: skip
