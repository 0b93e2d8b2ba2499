"""Columns whose values are others at the end than at the beginning."""

from collections.abc import Iterator
from typing import cast

import numpy as np
import polars as pl

from penchant.data.defects.defect import Defect, Tables, counted, listed, percent

LARGE = 0.25
"""Population stability index from which the field calls a shift large."""
_PERIOD = 0.25
_ENOUGH_ROWS = 1000
_BINS = 10
_VALUES = 50
_SAMPLE = 50_000
_SMALLEST = 1e-4
_KEYS = frozenset({"user_id", "item_id", "timestamp", "timestamp_original"})


def find(tables: Tables) -> Iterator[Defect]:
    """The first quarter of the events beside the last, by time; missing counts as a value, unless a source lacks the column."""
    if not tables.has_clock or tables.events.height < _ENOUGH_ROWS:
        return
    order = tables.coded.by_time
    several = tables.recipe is not None and isinstance(tables.recipe.data.events, tuple) and len(tables.recipe.data.events) > 1
    unused: list[tuple[str, float]] = []
    filled: dict[bytes, pl.Series] = {}
    for column in tables.events:
        if column.name in _KEYS or column.dtype.is_nested():
            continue
        rows = _present(column, order, filled) if several and column.null_count() else order
        # Two values cannot follow the time so closely.
        several_values = tables.different("events", column) > 2
        few = thinned(rows)
        if rows.len() < _ENOUGH_ROWS or (several_values and _tells_time(column.gather(few), tables.events["timestamp"].gather(few))):
            continue
        size = int(_PERIOD * rows.len())
        shift = stability_index(column.gather(thinned(rows[:size])), column.gather(thinned(rows[-size:])))
        if shift >= LARGE and tables.uses("events", column.name):
            yield _defect(tables, column.name, shift, column.gather(rows), size)
        elif shift >= LARGE:
            unused.append((column.name, shift))
    if unused:
        yield _unused(tables, sorted(unused, key=lambda pair: -pair[1]))


def _present(column: pl.Series, order: pl.Series, known: dict[bytes, pl.Series]) -> pl.Series:
    """The rows of an order in which a column has a value; columns of one source lack the same rows, which are looked for once."""
    present = column.is_not_null()
    key = np.packbits(present.to_numpy()).tobytes()
    if key not in known:
        known[key] = order.filter(present.gather(order))
    return known[key]


def _defect(tables: Tables, column: str, shift: float, values: pl.Series, size: int) -> Defect:
    seen = values[:-size].unique()
    fresh = int((~values[-size:].is_in(seen.implode())).sum()) / size if values.dtype == pl.String else 0.0
    new = f"; {percent(fresh)} of the last quarter have values never seen before" if fresh >= 0.01 else ""
    sentence = f"{column} of the events is distributed differently in the last quarter than in the first (stability index {shift:.2f}){new}"
    mend = "What was learnt may not hold: learn from recent events, or leave the column out."
    share = size / tables.events.height
    return Defect("drift", "events", column, "warning", size, share, (), sentence, mend)


def _unused(tables: Tables, columns: list[tuple[str, float]]) -> Defect:
    names = [f"{name} ({shift:.2f})" for name, shift in columns]
    sentence = f"{counted(len(names), 'column')} of the events that the recipe does not learn from drift: {listed(names)}"
    joined = ", ".join(name for name, _ in columns)
    size = int(_PERIOD * tables.events.height)
    return Defect("drift", "events", joined, "information", size, _PERIOD, (), sentence, "Nothing needs to be done.")


def thinned(values: pl.Series) -> pl.Series:
    """Every so manieth value, so that fifty thousand or a few more are left: enough for shares."""
    return values.gather_every(max(1, values.len() // _SAMPLE))


def stability_index(first: pl.Series, last: pl.Series) -> float:
    """Population stability index: the sum over bins of (q - p)·ln(q / p), at least 0; bins are tenths of `first`, or its commonest values.

    A bin that is empty counts as one in ten thousand. Missing is a bin of its own.
    """
    both = pl.concat([first, last])
    numbers = both.dtype.is_numeric() and both.n_unique() > _VALUES
    bins = _by_size(first, both) if numbers else _by_value(first, both)
    shares = [np.bincount(part, minlength=int(bins.max()) + 1) / len(part) for part in (bins[: len(first)], bins[len(first) :])]
    p, q = (np.maximum(share, _SMALLEST) for share in shares)
    return float(((q - p) * np.log(q / p)).sum())


def _by_size(first: pl.Series, both: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    numbers = first.cast(pl.Float64).fill_nan(None).sort()
    edges = np.unique([numbers.quantile(place / _BINS, "linear") or 0.0 for place in range(1, _BINS)])
    values = both.cast(pl.Float64).fill_nan(None)
    place = np.searchsorted(edges, values.fill_null(0).to_numpy(), side="right")
    return np.where(values.is_null().to_numpy(), len(edges) + 1, place).astype(np.int64)


def _by_value(first: pl.Series, both: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    first, both = (part if part.dtype.is_integer() else part.cast(pl.String) for part in (first, both))
    # The commonest of both periods: a value that is new must have its own bin.
    halves = [part.value_counts(sort=True)[:, 0][:_VALUES] for part in (first, both[len(first) :])]
    kept = pl.concat(halves).unique().drop_nulls()
    codes = both.replace_strict(kept, pl.Series(range(2, len(kept) + 2), dtype=pl.Int64), default=1, return_dtype=pl.Int64)
    return pl.select(pl.when(both.is_null()).then(0).otherwise(codes)).to_series().to_numpy()


def _tells_time(values: pl.Series, time: pl.Series) -> bool:
    """Whether a column is a date in another form, so that of course it moves: nearly the same order as the time."""
    if values.dtype == pl.String or not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        values = values.rank("dense") if values.dtype == pl.String and values.str.contains(r"^\d{4}-?\d\d").all() else values
    if not (values.dtype.is_numeric() or values.dtype.is_temporal()):
        return False
    pair = pl.DataFrame(
        {"value": values.cast(pl.Float64, strict=False) if values.dtype.is_numeric() else values.to_physical(), "time": time}
    )
    return abs(cast(float, pair.drop_nulls().select(pl.corr("value", "time", method="spearman")).item() or 0.0)) > 0.9
