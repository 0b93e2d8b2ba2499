"""Times that cannot be: infinite, before computers kept logs, or still to come."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import DAY, Defect, Tables, located

_EARLIEST = 315_532_800.0
"""1 January 1980: a clock time before it is a default or a wrong unit."""


def find(tables: Tables) -> Iterator[Defect]:
    """Times that are not finite or lie ahead (errors), or before 1980 (warning); the last two only where times are of a clock."""
    time = pl.col("timestamp")
    mend = "`clean.missing_time` treats them as missing."
    yield from located(
        tables.events, ~time.is_finite(), code="impossible_time", table="events", column="timestamp", severity="error",
        what="events at a time that is not a finite number", mend=mend,
    )  # fmt: skip
    if not tables.has_clock():
        return
    yield from located(
        tables.events, time.is_finite() & (time < _EARLIEST), code="early_time", table="events", column="timestamp", severity="warning",
        what="events before 1980", mend='Probably a default or another unit; leave them out with `where = "timestamp >= ..."`.',
    )  # fmt: skip
    yield from located(
        tables.events, time.is_finite() & is_future(time, tables.now), code="future_time", table="events", column="timestamp",
        severity="error", what="events later than now",
        mend='`clean.future_times` decides: "drop" leaves them out, "refuse" stops; a wrong `time_unit` looks like this too.',
    )  # fmt: skip


def is_future(time: pl.Expr, now: float) -> pl.Expr:
    """Whether a time lies ahead by more than a day, which is more than a wrong time zone."""
    return time > now + DAY
