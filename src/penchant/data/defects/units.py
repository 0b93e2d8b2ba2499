"""An amount whose unit changed at some moment: milliseconds that had been seconds, cents that had been euros."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.defects.coded import mask_of
from penchant.data.defects.defect import Defect, Tables, counted, located

_JUMP = 1.5
"""In powers of ten: thirtyfold. Sixty (minutes) is the smallest change of unit that is looked for."""
_ENOUGH_ROWS = 200
_SAMPLE = 20_000
"""Rows that are looked at first; where they jump, all are."""


def find(tables: Tables) -> Iterator[Defect]:
    """Rows on the smaller side of a jump in scale (warning)."""
    for column in tables.events:
        if column.name == "timestamp" or not column.dtype.is_numeric() or not _is_wide(column):
            continue
        rows = tables.coded.by_time
        sizes = column.gather(rows).cast(pl.Float64).abs()
        there = sizes.is_finite() & (sizes > 0)
        rows, sizes = rows.filter(there), sizes.filter(there)
        if change_of_scale(_logarithms(sizes.gather_every(max(1, len(sizes) // _SAMPLE)))) is None:
            continue
        change = change_of_scale(_logarithms(sizes))
        if change is None:
            continue
        place, factor = change
        late = 2 * place >= len(rows)
        fewer = rows[place:] if late else rows[:place]
        when = "from some moment on" if late else "up to some moment"
        told = "larger" if (factor > 1) == late else "smaller"
        times = f"{max(factor, 1 / factor):,.0f} times"
        yield from located(
            tables.events, mask_of(fewer, tables.events.height), code="unit_change", table="events", column=column.name, severity="warning",
            what=f"events whose {column.name} is about {times} {told} {when}, as if its unit had changed",
            mend=f"Bring the {counted(fewer.len(), 'row')} to one unit in the export.",
        )  # fmt: skip


def _is_wide(column: pl.Series) -> bool:
    """Whether its amounts lie far enough apart for a jump; of ones and zeros none need be put in order."""
    ends = [abs(float(end)) for end in (column.min(), column.max()) if isinstance(end, int | float)]
    if column.dtype.is_integer() and max(ends, default=0) < 10**_JUMP:
        return False
    sizes = column.cast(pl.Float64).abs()
    sizes = sizes.filter(sizes.is_finite() & (sizes > 0))
    least, most = sizes.min(), sizes.max()
    return isinstance(least, float) and isinstance(most, float) and most / least >= 10**_JUMP


def _logarithms(sizes: pl.Series) -> NDArray[np.float64]:
    logarithms: NDArray[np.float64] = np.log10(sizes.to_numpy())
    return logarithms


def change_of_scale(sizes: NDArray[np.float64]) -> tuple[int, float] | None:
    """Where a series `[n]` of logarithms (base 10) jumps once for good, and by which factor; None when it does not.

    The place is the one that divides the series best (least squares). It is a jump when it is thirtyfold, there and between the
    sides; both have 5 % of the rows, and nine tenths of each lie on its own side of the middle.
    """
    n = len(sizes)
    if n < _ENOUGH_ROWS:
        return None
    sums, places = np.cumsum(sizes), np.arange(1, n)
    before, after = sums[:-1] / places, (sums[-1] - sums[:-1]) / (n - places)
    least = max(1, n // 20)
    gain = (places * (n - places) * (after - before) ** 2)[least - 1 : n - least]
    place = int(np.argmax(gain)) + least
    jump = float(np.median(sizes[place:]) - np.median(sizes[:place]))
    middle = float(np.median(sizes[place:]) + np.median(sizes[:place])) / 2
    at_once = float(np.median(sizes[place : place + least]) - np.median(sizes[place - least : place]))  # growth has none
    if abs(jump) < _JUMP or abs(at_once) < _JUMP:
        return None
    apart = min(np.mean((sizes[place:] > middle) == (jump > 0)), np.mean((sizes[:place] > middle) != (jump > 0)))
    return (place, 10.0**jump) if apart >= 0.9 else None
