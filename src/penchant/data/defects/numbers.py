"""Numbers that are none: infinite values, and NaN where a value should be missing."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, located


def find(tables: Tables) -> Iterator[Defect]:
    """Infinite and NaN cells of every column of fractions (warning), an event's time apart."""
    for table, frame in tables.named():
        # `times` speaks of the time of an event.
        floats = [name for name, type_ in frame.schema.items() if type_.is_float() and (table, name) != ("events", "timestamp")]
        whole = frame.select(pl.col(name).is_finite().all() for name in floats).row(0) if floats else ()
        for name in (name for name, is_whole in zip(floats, whole, strict=True) if not is_whole):
            yield from located(
                frame, ~pl.col(name).is_finite(), code="not_finite", table=table, column=name, severity="warning",
                what=f"{table} whose {name} is infinite or not a number", mend="They count as missing; mend the export.",
            )  # fmt: skip
