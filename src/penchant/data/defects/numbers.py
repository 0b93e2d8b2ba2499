"""Numbers that are none: infinite values, and NaN where a value should be missing."""

from collections.abc import Iterator

from penchant.data.defects.defect import Defect, Tables, located


def find(tables: Tables) -> Iterator[Defect]:
    """Infinite and NaN cells of every column of fractions (warning), an event's time apart."""
    for table, frame in tables.named():
        for column in frame:
            # `times` speaks of the time of an event.
            if column.dtype.is_float() and not (table == "events" and column.name == "timestamp"):
                yield from located(
                    frame, ~column.is_finite(), code="not_finite", table=table, column=column.name, severity="warning",
                    what=f"{table} whose {column.name} is infinite or not a number", mend="They count as missing; mend the export.",
                )  # fmt: skip
