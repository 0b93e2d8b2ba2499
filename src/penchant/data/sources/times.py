"""Times as seconds since 1970 (UTC)."""

from typing import Literal, cast

import polars as pl

from penchant.schema.errors import DataError

Unit = Literal["s", "ms", "us", "ns"]
_PER_SECOND: dict[Unit, float] = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
_LEAST: dict[Unit, float] = {"ns": 1e17, "us": 1e14, "ms": 1e11}
"""Sizes from which a number can only be of that unit: in seconds 1e11 would be the year 5138."""
_SPELLINGS = (
    (r"^(\S+) +(\d)", "${1}T${2}"),  # a blank for the T
    (r" *([+-]\d{2}:?\d{2})(?: [A-Z]{3,5})?$", "${1}"),  # Go writes zones as `+0000 UTC`
    (r" *(?:UTC|GMT)$", "Z"),
)
_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y/%m/%d", "%Y%m%d")


def as_seconds(column: pl.Series, unit: Unit | None, shown: str, time_zone: str | None = None) -> tuple[pl.Series, str | None]:
    """Times as Float64 seconds since 1970, and a note where something was guessed or lost.

    Takes dates and date-times, ISO 8601 text with and without zones side by side, and numbers, whose unit is guessed from their median
    when `unit` is None; whole numbers such as 20220425 are days. A time without a zone is in `time_zone`, UTC when None: of an hour that
    a change of clocks repeats the first is meant, and in an hour that it leaves out clocks are read as if they had not been changed.
    Missing stays missing; NaN and text that is no time become missing.

    Raises:
        DataError: when nothing in a non-empty column reads as a time.
    """
    kind = column.dtype
    if kind == pl.Date or isinstance(kind, pl.Datetime):
        return _seconds(column.cast(pl.Datetime("us", getattr(kind, "time_zone", None))), time_zone), None
    if kind == pl.String:
        return _from_text(column, unit, shown, time_zone)
    if kind.is_numeric():
        return _from_numbers(column, unit, time_zone)
    if kind == pl.Null:
        return column.cast(pl.Float64), None
    raise _not_times(column, shown, f"values of type {kind}")


def guess_of(column: pl.Series) -> str | None:
    """What `as_seconds` takes numbers for when no unit is given ("ms", "days"); None where nothing is guessed."""
    numbers = column.cast(pl.Int64, strict=False) if column.dtype == pl.String else column
    if not numbers.dtype.is_numeric() or not numbers.count() or numbers.count() < column.count():
        return None
    return "days" if _are_days(numbers) else _unit_of(numbers.cast(pl.Float64).fill_nan(None))


def _seconds(times: pl.Series, time_zone: str | None) -> pl.Series:
    """Date-times as seconds; those without a zone are in this one."""
    if time_zone is None or cast(pl.Datetime, times.dtype).time_zone is not None:
        return times.dt.epoch("us").cast(pl.Float64) / 1e6
    hour = pl.duration(hours=1)
    local = pl.col("local")
    # An hour before a time that was left out, clocks still show the old zone.
    left_out = _in_zone(local - hour, time_zone) + hour
    found = pl.DataFrame({"local": times}).select(pl.coalesce(_in_zone(local, time_zone), left_out).dt.epoch("us").cast(pl.Float64) / 1e6)
    return found.to_series().alias(times.name)


def _in_zone(local: pl.Expr, time_zone: str) -> pl.Expr:
    return local.dt.replace_time_zone(time_zone, ambiguous="earliest", non_existent="null")


def _from_numbers(column: pl.Series, unit: Unit | None, time_zone: str | None) -> tuple[pl.Series, str | None]:
    if unit is None and _are_days(column):
        return _from_iso(column.cast(pl.String), time_zone), "whole numbers such as 20220425 were read as days"
    numbers = column.cast(pl.Float64).fill_nan(None)
    found = unit or _unit_of(numbers)
    if found == "s":
        return numbers, None
    return numbers / _PER_SECOND[found], None if unit else f"times were read as {found} by their size"


def _unit_of(numbers: pl.Series) -> Unit:
    # The median: a single wrong time far in the future must not change the unit of all others.
    middle = abs(cast(float, numbers.median() or 0.0))
    return next((unit for unit, least in _LEAST.items() if middle >= least), "s")


def _are_days(column: pl.Series) -> bool:
    """Whether all are whole numbers of the form YYYYMMDD between 1900 and 2100."""
    if not column.dtype.is_integer() or column.null_count() == column.len():
        return False
    if cast(int, column.min()) < 19_000_101 or cast(int, column.max()) > 21_001_231:  # most are seconds, and this is soon seen
        return False
    year, month, day = column // 10_000, column // 100 % 100, column % 100
    return bool((year.is_between(1900, 2100) & month.is_between(1, 12) & day.is_between(1, 31)).all())


def _from_text(column: pl.Series, unit: Unit | None, shown: str, time_zone: str | None) -> tuple[pl.Series, str | None]:
    text = column.str.strip_chars().replace("", None)
    numbers = text.cast(pl.Float64, strict=False)
    if numbers.count() and numbers.count() == text.count():
        whole = text.cast(pl.Int64, strict=False)
        return _from_numbers(whole if whole.count() == text.count() else numbers, unit, time_zone)
    seconds = _from_iso(text, time_zone)
    # Files of several years may count seconds in some and write dates in others, and one stray word must not cost all the numbers.
    counted = numbers.set(seconds.is_not_null(), None)
    if counted.count():
        seconds = seconds.fill_null(_from_numbers(counted, unit, time_zone)[0])
    lost = (text.is_not_null() & seconds.is_null()).arg_true()
    if lost.len() == text.count() and lost.len():
        raise _not_times(column, shown, f"text such as '{text.drop_nulls()[0][:40]}'")
    if not lost.len():
        return seconds, None
    return seconds, f"{lost.len():,} times could not be read and count as missing, first row {lost[0] + 1:,} ('{text[lost[0]][:40]}')"


def _from_iso(text: pl.Series, time_zone: str | None) -> pl.Series:
    """Each text by the first form that fits it; a form is tried on what those before it left."""
    seconds = pl.Series(text.name, [None], dtype=pl.Float64).new_from_index(0, text.len())
    left = text.is_not_null().arg_true()
    rest = text.gather(left)
    for pattern, replacement in _SPELLINGS:
        rest = rest.str.replace(pattern, replacement)
    for form in _FORMATS:
        if not left.len():
            break
        times = rest.str.to_datetime(form, strict=False, time_unit="us", time_zone="UTC" if form.endswith("z") else None)
        fits = times.is_not_null()
        seconds = seconds.scatter(left.filter(fits), _seconds(times.filter(fits), time_zone))
        left, rest = left.filter(~fits), rest.filter(~fits)
    return seconds


def _not_times(column: pl.Series, shown: str, came: str) -> DataError:
    must = "times (ISO 8601, dates, or numbers since 1970)"
    return DataError(f"column '{column.name}' of {shown}", must=must, came=came, do="Name the time column: columns = {timestamp = ...}.")
