"""Segments: what was packed at one time, each sorted by user and time, read together as one log.

The first segment lies in the log's folder, each later one in a numbered folder within it. A later segment brings the users, items
and texts that were new, numbered after the old ones, and `order.npy`: where each event of the whole log lies when the segments are
thought one behind the other. Nothing older is touched, so that a segment that was not finished has never been there.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from penchant.schema.errors import DataError


class Merged(NDArrayOperatorsMixin):
    """One array made of the segments' own, in the log's order. Rows are gathered where they lie; whole, it is an ordinary array.

    Args:
        parts: The segments' arrays, `[events of the segment]` each.
        order: For every event of the log, its place in the parts put one behind the other, `[events]`.
    """

    def __init__(self, parts: Sequence[NDArray[Any]], order: NDArray[np.integer]) -> None:
        self.parts, self.order = parts, order
        self.starts = np.cumsum([0, *map(len, parts)])[:-1]
        self.dtype, self.shape, self.ndim = np.result_type(*parts), order.shape, 1

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, rows: Any) -> Any:
        place = np.asarray(self.order[rows])
        segment = np.searchsorted(self.starts, place, side="right") - 1
        found = np.empty(place.shape, dtype=self.dtype)
        for number, part in enumerate(self.parts):
            inside = segment == number
            found[inside] = part[place[inside] - self.starts[number]]
        return found if found.ndim else found[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        arrays = [np.asarray(each) if isinstance(each, Merged) else each for each in inputs]
        return getattr(function, method)(*arrays, **settings)


def folders(directory: Path) -> list[Path]:
    """The segments of a log, oldest first.

    Raises:
        DataError: when no log lies there.
    """
    if not (directory / "log.json").is_file():
        raise DataError(
            f"'{directory}'",
            must="the folder of a packed log",
            came="a folder without log.json",
            do="Pack one there first, with: penchant pack RECIPE",
        )
    return [directory, *sorted(folder for folder in directory.iterdir() if folder.is_dir() and folder.name.isdigit())]


def tables_of(segments: Sequence[Path], name: str, key: str) -> pl.DataFrame:
    """Users or items of all segments in row order; of those told again, what was told last."""
    told = pl.concat([pl.read_parquet(segment / f"{name}.parquet") for segment in segments], how="diagonal_relaxed")
    if len(segments) == 1:
        return told
    return told.select(pl.col(key).unique(maintain_order=True)).join(
        told.unique(key, keep="last"), on=key, how="left", maintain_order="left"
    )


def places_in(
    offsets: NDArray[np.int64], times: NDArray[np.float64], user: NDArray[np.integer], time: NDArray[np.float64], *, after_equals: bool
) -> NDArray[np.int64]:
    """Where events would stand in a log sorted by user and time, `[new]`: before or after those of the same moment.

    Args:
        offsets: Where each user's events begin in the log, `[users + 1]`.
        times: The log's times, `[events]`.
        user, time: The events; user rows that the log does not have stand behind all, `[new]`.
        after_equals: Whether they stand after the log's events of the same user and time.
    """
    known = len(offsets) - 1
    low, high = (offsets[np.minimum(rows, known)] for rows in (user, user + 1))
    while (searching := low < high).any():
        middle = (low + high) // 2
        seen = times[np.where(searching, middle, 0)]
        later = searching & ((seen <= time) if after_equals else (seen < time))
        low, high = np.where(later, middle + 1, low), np.where(searching & ~later, middle, high)
    found: NDArray[np.int64] = low
    return found
