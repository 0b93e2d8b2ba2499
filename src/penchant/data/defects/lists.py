"""Lists that are empty or have holes."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, located


def find(tables: Tables) -> Iterator[Defect]:
    """Cells of list columns that are empty (information) or lack elements (warning)."""
    for table, frame in tables.named():
        for column in frame:
            if not isinstance(column.dtype, pl.List):
                continue
            yield from located(
                frame, column.list.len() == 0, code="empty_list", table=table, column=column.name, severity="information",
                what=f"{table} whose {column.name} is an empty list", mend="It counts as missing; nothing needs to be done.",
            )  # fmt: skip
            yield from located(
                frame, column.list.len() > column.list.drop_nulls().list.len(), code="list_with_holes", table=table, column=column.name,
                severity="warning", what=f"{table} whose {column.name} has missing elements", mend="They are left out of the list.",
            )  # fmt: skip
