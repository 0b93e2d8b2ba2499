"""Rows that are not in the order of time."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, located


def find(tables: Tables) -> Iterator[Defect]:
    """Events earlier than the row above (information)."""
    earlier = pl.col("timestamp") < pl.col("timestamp").shift()
    yield from located(
        tables.events, earlier, code="out_of_order", table="events", column="timestamp", severity="information",
        what="events earlier than the row above", mend="Packing sorts them; nothing needs to be done.",
    )  # fmt: skip
