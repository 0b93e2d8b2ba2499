"""Times that cannot be: infinite, before computers kept logs, still to come, in another unit than the others, or standing for none."""

from collections.abc import Iterator
from typing import TypeVar

import polars as pl

from penchant.data.defects.defect import DAY, Defect, Tables, located

Times = TypeVar("Times", pl.Expr, pl.Series)
_EARLIEST = 315_532_800.0
"""1 January 1980: a clock time before it is a default or a wrong unit."""
_UNITS = (1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9)
_STAND_INS = (-1.0, 0.0, -2_208_988_800.0, 946_684_800.0, 2_147_483_647.0, 4_102_444_800.0, 253_402_214_400.0, 253_402_300_799.0)
"""-1, 1970, 1900, 2000, the end of 32 bits, 2100, and 31 December 9999, to the second."""


def find(tables: Tables) -> Iterator[Defect]:
    """Times that are not finite, in another unit or ahead (errors), before 1980 or for none (warnings); the last four need a clock."""
    time = pl.col("timestamp")
    yield from located(
        tables.events, ~time.is_finite(), code="impossible_time", table="events", column="timestamp", severity="error",
        what="events at a time that is not a finite number", mend="`clean.missing_time` treats them as missing.",
        rule='data.clean.missing_time = "drop"',
    )  # fmt: skip
    if not tables.has_clock:
        return
    factor = unit_factor(tables.events, tables.now)
    stand_in = stands_for_none(tables.events)
    other_unit = factor.is_not_null() & ~stand_in
    rest = tables.events["timestamp"].is_finite() & ~stand_in & ~other_unit
    yield from _of_clock(tables, stand_in, other_unit, rest)


def _of_clock(tables: Tables, stand_in: pl.Series, other_unit: pl.Series, rest: pl.Series) -> Iterator[Defect]:
    events, time = tables.events, tables.events["timestamp"]
    early, future = is_early(time), is_future(time, tables.now)
    yield from located(
        events, stand_in, code="stand_in_time", table="events", column="timestamp", severity="warning",
        what="events at a moment that stands for no time (1970-01-01 and the like, to the second)",
        mend="`clean.stand_ins` makes it missing, and `clean.missing_time` decides then.", rule='data.clean.stand_ins = "missing"',
    )  # fmt: skip
    yield from located(
        events, other_unit, code="other_time_unit", table="events", column="timestamp", severity="error",
        what="events whose time is in another unit than the others' (seconds among milliseconds, or the like)",
        mend='`clean.time_units = "mend"` reads them in the unit that puts them among the others.', rule='data.clean.time_units = "mend"',
    )  # fmt: skip
    yield from located(
        events, rest & early, code="early_time", table="events", column="timestamp", severity="warning",
        what="events before 1980", mend="Probably a default or another unit; `clean.early_times` can leave them out.",
        rule='data.clean.early_times = "drop"',
    )  # fmt: skip
    yield from located(
        events, rest & future, code="future_time", table="events", column="timestamp", severity="error", what="events later than now",
        mend='`clean.future_times` decides: "drop" leaves them out, "refuse" stops; a wrong `time_unit` looks like this too.',
        rule='data.clean.future_times = "drop"',
    )  # fmt: skip


def is_early(time: Times) -> Times:
    """Whether a clock time is before 1980."""
    return time < _EARLIEST


def is_future(time: Times, now: float) -> Times:
    """Whether a time lies ahead by more than a day, which is more than a wrong time zone."""
    return time > now + DAY


def stands_for_none(events: pl.DataFrame) -> pl.Series:
    """Whether each event is at a moment that programs write for "no time"."""
    return events["timestamp"].is_in(_STAND_INS)


def unit_factor(events: pl.DataFrame, now: float) -> pl.Series:
    """What a time must be multiplied by to be of the others' unit, for each row; missing where it is fine or nothing makes it so.

    A row of another unit is early or in the future, and lies among the plain times once multiplied by a power of a thousand.
    """
    time = events["timestamp"]
    odd = (is_early(time) | is_future(time, now)) & (time > 0) & time.is_finite()
    plain = time.filter(~odd & time.is_finite() & ~time.is_in(_STAND_INS)) if odd.any() else time.clear()
    if plain.is_empty():
        return pl.repeat(None, events.height, dtype=pl.Float64, eager=True)
    low, high = plain.min(), plain.max()
    moved = pl.col("timestamp")
    factors = [pl.when(odd & (moved * factor).is_between(low, high)).then(pl.lit(factor)) for factor in _UNITS]
    return events.select(pl.coalesce(factors).alias("factor")).to_series()
