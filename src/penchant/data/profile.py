"""What a table's columns hold, and when its events were: the shapes that a page draws beside the defects."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

import numpy as np
import polars as pl

from penchant.data.defects.defect import DAY, Defect, TableName, Tables, counted_values, finite_of
from penchant.report.words import shortened

_BINS = 24
_VALUES = 6
_LONGEST = 200
_MOST_BARS = 90


@dataclass(frozen=True)
class ColumnProfile:
    """One column.

    Attributes:
        table, name: Which.
        type: In words: number, time, text, list, date, yes or no.
        missing: Share of the rows without a value, 0 to 1.
        different: How many different values there are.
        bars: Rows per bin of a number or a date from the first to the last percentile, what lies outside in the outermost; per value
            of few numbers, in order; per value of a text, the commonest first, evenly chosen ones where there are many. None for
            lists and where every row has its own value.
        labels: What the bars are: the least and the greatest value of a scale, the few values, or the commonest texts, long ones cut.
        numeric: Whether the bars are of a scale.
    """

    table: TableName
    name: str
    type: str
    missing: float
    different: int
    bars: tuple[int, ...]
    labels: tuple[str, ...]
    numeric: bool


@dataclass(frozen=True)
class Timeline:
    """Events over time.

    Attributes:
        days: Length of a bar.
        starts: The day on which each bar begins (ISO, UTC).
        events: Events in each bar.
        faulty: Of those, rows of an error or a warning.
    """

    days: int
    starts: tuple[str, ...]
    events: tuple[int, ...]
    faulty: tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """The columns of every table in their order, and the timeline; None where the events have no clock."""

    columns: tuple[ColumnProfile, ...]
    timeline: Timeline | None


def profile(tables: Tables, defects: Sequence[Defect]) -> Profile:
    """The profile of tables in which these defects were found."""
    columns = [_column(tables, table, column) for table, frame in tables.named() for column in frame]
    return Profile(tuple(columns), _timeline(tables, defects) if tables.has_clock else None)


def _column(tables: Tables, table: TableName, column: pl.Series) -> ColumnProfile:
    filled = column.drop_nulls()
    missing = column.null_count() / column.len() if column.len() else 0.0
    if column.dtype.is_nested():
        return ColumnProfile(table, column.name, "list", missing, 0, (), (), False)
    different = tables.different(table, column)
    unit = _unit_of_clock(filled) if column.dtype.is_numeric() else None
    if column.dtype.is_numeric() and (different > _BINS or (unit and different)):
        bars, labels = _histogram(filled * (unit or 1), _day if unit else _number)
        return ColumnProfile(table, column.name, "time" if unit else "number", missing, different, bars, labels, True)
    if column.dtype.is_temporal() and column.dtype != pl.Time and filled.len():
        seconds = filled.cast(pl.Datetime("us")).dt.epoch("us").cast(pl.Float64) / 1e6
        bars, labels = _histogram(seconds, _day)
        return ColumnProfile(table, column.name, "date", missing, different, bars, labels, True)
    counts = tables.counts(table, column) if column.dtype == pl.String else counted_values(column)
    return _of_values(table, column, counts, missing)


def _of_values(table: TableName, column: pl.Series, counts: pl.DataFrame, missing: float) -> ColumnProfile:
    """A column of few numbers, in their order, or of texts, the commonest first."""
    numeric = column.dtype.is_numeric()
    counts = counts.sort("text") if numeric else counts.sort("rows", "text", descending=[True, False])
    ordered = numeric and counts.height > _VALUES
    shown = counts["text"].gather([0, counts.height - 1]) if ordered else counts["text"][:_VALUES]
    labels = tuple(_number(value) if numeric else shortened(f"{value}", _LONGEST) for value in shown.to_list())
    bars = counts["rows"]
    if bars.len() > _BINS:
        bars = bars.gather([place * (bars.len() - 1) // (_BINS - 1) for place in range(_BINS)])
    kind = "yes or no" if column.dtype == pl.Boolean else "number" if numeric else "text"
    told = () if bars.len() > 1 and bars.max() == 1 else tuple(bars.to_list())
    return ColumnProfile(table, column.name, kind, missing, counts.height, told, labels, ordered)


def _histogram(values: pl.Series, shown: Callable[[float], str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Rows per bin between the first and the last percentile, what lies outside in the outermost bins; the least and the greatest."""
    finite = finite_of(values)
    if finite.is_empty():
        return (), ()
    least, most = cast(float, finite.min()), cast(float, finite.max())
    low, high = (cast(float, finite.quantile(part)) for part in (0.01, 0.99))
    if low == high:
        low, high = least, most
    place = np.clip((finite.to_numpy() - low) / max(high - low, 1e-300) * _BINS, 0, _BINS - 1).astype(np.int64)
    bars = np.bincount(place, minlength=_BINS)
    return tuple(int(bar) for bar in bars), (shown(least), shown(most))


def _timeline(tables: Tables, defects: Sequence[Defect]) -> Timeline | None:
    """Events per day, or per so many days that there are at most ninety bars; the outermost thousandth of the times is left out."""
    time = tables.events["timestamp"]
    usable = time.is_finite() & (time <= tables.now + DAY) & (time > 0)
    plain = time.filter(usable)
    if plain.is_empty():
        return None
    first, last = (int(cast(float, plain.quantile(part)) // DAY) for part in (0.001, 0.999))
    days = -(-(last - first + 1) // _MOST_BARS)
    bars = (last - first) // days + 1
    bad = np.zeros(time.len(), dtype=bool)
    for defect in defects:
        if defect.table == "events" and defect.severity != "information" and defect.rows is not None:
            bad[defect.rows.to_numpy()] = True
    place = ((time / DAY).floor() - first) // days
    inside = (usable & (place >= 0) & (place < bars)).fill_null(False).to_numpy()
    places = place.fill_null(0).fill_nan(0).to_numpy()
    events, faulty = (np.bincount(places[rows].astype(np.int64), minlength=bars) for rows in (inside, inside & bad))
    starts = tuple(_day((first + bar * days) * DAY) for bar in range(bars))
    return Timeline(days, starts, tuple(events.tolist()), tuple(faulty.tolist()))


def _unit_of_clock(values: pl.Series) -> float | None:
    """In seconds, where a column is of moments since 1970 by its name and its size (1980 to 2100); else None."""
    named = re.search(r"time|date|(^|_)ts($|_)", values.name.lower())
    middle = values.median() if named else None
    units = [unit for unit in (1.0, 1e-3) if isinstance(middle, float) and 315_532_800 <= middle * unit < 4_102_444_800]
    return units[0] if units else None


def _number(value: float) -> str:
    """A number for people; one such as 20220425 is a day and has no commas."""
    if abs(value) < 1e4:
        return f"{value:.4g}"
    return f"{value:.0f}" if 19_000_101 <= value <= 21_001_231 else f"{value:,.0f}"


def _day(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "?"
