"""The packed log: integer-coded contiguous columns, events sorted by user and time, an offset per user.

A history is a slice of the log, never a copied row. On disk each column is one `.npy` file, opened memory-mapped.
What was appended later lies in segments of its own (`penchant.data.segments`), read as if it had been packed with the rest.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.segments import Merged, folders, tables_of
from penchant.schema.errors import DataError

FORMAT = 2
Array = NDArray[Any]


@dataclass(frozen=True)
class Column:
    """One event column: numbers as they are (missing = NaN), texts as codes into `values` (missing = -1).

    A list is a text, each of its elements after the character 0x1f.
    """

    data: NDArray[Any]
    values: pl.Series | None = None

    @classmethod
    def pack(cls, series: pl.Series) -> "Column":
        """The smallest exact form of a polars column."""
        if (numbers := numbers_of(series)) is not None:
            return cls(numbers)
        texts = texts_of(series)
        values = texts.drop_nulls().unique().sort()
        codes = texts.replace_strict(values, pl.Series(range(len(values)), dtype=pl.Int32), default=-1, return_dtype=pl.Int32)
        return cls(codes.to_numpy(), values)

    @cached_property
    def table(self) -> pl.Series:
        """The texts by code, and a missing one behind them for code -1; empty for numbers."""
        return pl.Series(dtype=pl.String) if self.values is None else self.values.extend_constant(None, 1)

    def take(self, rows: NDArray[np.integer] | slice) -> pl.Series:
        """The column's original values at these rows."""
        data = np.asarray(self.data[rows])
        if self.values is not None:
            return self.table.gather(data)
        series = pl.Series(data)
        return series.fill_nan(None) if series.dtype.is_float() else series


@dataclass(frozen=True)
class Log:
    """All events of all users, packed.

    Attributes:
        users: One row per user in row order: `user_id` and profile columns.
        items: One row per item in row order: `item_id` and attribute columns.
        user, item: Rows into `users` and `items`, int32 `[events]`; sorted by user, then time, then arrival.
        time: Seconds since 1970, float64 `[events]`.
        columns: The other event columns.
        in_history: Whether an event enters histories, bool `[events]`.
    """

    users: pl.DataFrame
    items: pl.DataFrame
    user: NDArray[np.int32]
    item: NDArray[np.int32]
    time: NDArray[np.float64]
    columns: Mapping[str, Column] = field(default_factory=dict)
    in_history: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.user)

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each user's events begin, `[users + 1]`."""
        return np.searchsorted(self.user, np.arange(len(self.users) + 1)).astype(np.int64)

    @cached_property
    def first_of_moment(self) -> NDArray[np.int64]:
        """The first event row of the same user with the same time, `[events]`: what comes before it is the past."""
        new = np.ones(len(self), dtype=bool)
        new[1:] = (self.user[1:] != self.user[:-1]) | (self.time[1:] != self.time[:-1])
        first = np.where(new, np.arange(len(self)), 0)
        return np.maximum.accumulate(first, out=first)

    @cached_property
    def history_rows(self) -> NDArray[np.int64]:
        """Event rows that enter histories, in log order."""
        return np.arange(len(self)) if self.in_history is None else np.flatnonzero(self.in_history)

    @cached_property
    def history_offsets(self) -> NDArray[np.int64]:
        """Where each user's part of `history_rows` begins, `[users + 1]`."""
        return np.searchsorted(self.history_rows, self.offsets).astype(np.int64)

    def history_end(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        """For event rows `[n]`, the end (exclusive) in `history_rows` of what had happened strictly before."""
        first: NDArray[np.int64] = self.first_of_moment[rows]
        return first if self.in_history is None else np.searchsorted(self.history_rows, first).astype(np.int64)

    def take(self, names: list[str], rows: NDArray[np.integer] | slice) -> pl.DataFrame:
        """Event columns (role columns included) at these rows, as a frame."""
        return pl.DataFrame({name: self.series(name, rows) for name in names})

    def series(self, name: str, rows: NDArray[np.integer] | slice = slice(None)) -> pl.Series:
        """One event column at these rows, with its original values."""
        if name == "timestamp":
            return pl.Series(name, self.time[rows])
        if name == "user_id":
            return self.users["user_id"].gather(self.user[rows])
        if name == "item_id":
            return self.items["item_id"].gather(self.item[rows])
        if name not in self.columns:
            raise DataError(
                f"event column '{name}'", must="in the log", came="a log without it", do=f"The log has: {sorted(self.columns)}."
            )
        return self.columns[name].take(rows).alias(name)

    @classmethod
    def pack(cls, events: pl.DataFrame, users: pl.DataFrame, items: pl.DataFrame, columns: list[str]) -> "Log":
        """Pack checked frames.

        Args:
            events: `user_id`, `item_id` (text), `timestamp` (seconds) and `columns`; any order.
            users, items: Tables keyed by `user_id` / `item_id`; ids seen only in events are added without attributes.
            columns: Event columns to keep beside the three.
        """
        users, user_row = _with_all_ids(users, events["user_id"], "user_id")
        items, item_row = _with_all_ids(items, events["item_id"], "item_id")
        user, time = user_row.to_numpy(), events["timestamp"].cast(pl.Float64).to_numpy()
        rows = np.lexsort((time, user))
        packed = {name: Column.pack(events[name]) for name in columns}  # codes are put in order faster than texts
        return cls(
            users=users,
            items=items,
            user=user[rows],
            item=item_row.to_numpy()[rows],
            time=time[rows],
            columns={name: replace(column, data=column.data[rows]) for name, column in packed.items()},
        )

    def save(self, directory: Path) -> None:
        """Write the log as one segment, a file per column."""
        directory.mkdir(parents=True, exist_ok=True)
        arrays = {"user": self.user, "item": self.item, "time": self.time, "in_history": self.in_history}
        arrays |= {f"column{position}": column.data for position, column in enumerate(self.columns.values())}
        for name, array in arrays.items():
            if array is not None:
                np.save(directory / f"{name}.npy", np.asarray(array), allow_pickle=False)
        write_tables(directory, self.users, self.items, {name: column.values for name, column in self.columns.items()})

    @classmethod
    def open(cls, directory: Path) -> "Log":
        """Open a saved or packed log with all its segments; events stay on disk until touched.

        Raises:
            DataError: when there is no log, or one of another format.
        """
        segments = folders(directory)
        texts = [_texts(segment) for segment in segments]
        order = _mapped(segments[-1], "order") if len(segments) > 1 else None

        def array(name: str) -> NDArray[Any]:
            parts = [_mapped(segment, name) for segment in segments]
            return parts[0] if order is None else Merged(parts, order)  # type: ignore[return-value]  # read as an array is

        columns = {
            name: Column(array(f"column{position}"), pl.concat([text[name] for text in texts]) if name in texts[0] else None)
            for position, name in enumerate(_names(directory))
        }
        users, items = (tables_of(segments, f"{owner}s", f"{owner}_id") for owner in ("user", "item"))
        in_history = array("in_history") if (directory / "in_history.npy").exists() else None
        return cls(users, items, array("user"), array("item"), array("time"), columns, in_history)


def numbers_of(series: pl.Series) -> NDArray[Any] | None:
    """A column of numbers, truths or times in its smallest exact form, missing as NaN; None for anything else."""
    if series.dtype == pl.Boolean:
        series = series.cast(pl.Int8)
    if series.dtype in (pl.Date, pl.Datetime):
        series = series.dt.epoch("ms") / 1000
    if series.dtype.is_integer() and series.null_count() == 0:
        return series.shrink_dtype().to_numpy()
    if series.dtype.is_numeric():
        exact = pl.Float32 if series.dtype == pl.Float32 else pl.Float64
        return series.cast(exact).fill_null(float("nan")).to_numpy()
    return None


def texts_of(series: pl.Series) -> pl.Series:
    """A column as texts; a list as its elements, each after the character 0x1f."""
    if series.dtype == pl.List:
        series = series.list.eval("\x1f" + pl.element().cast(pl.String)).list.join("")
    return series.cast(pl.String)


def write_tables(directory: Path, users: pl.DataFrame, items: pl.DataFrame, values: Mapping[str, pl.Series | None]) -> None:
    """The files of a segment that are not one array of its events; `values` are the texts of each column, None for numbers."""
    users.write_parquet(directory / "users.parquet")
    items.write_parquet(directory / "items.parquet")
    for position, texts in enumerate(values.values()):
        if texts is not None:
            pl.DataFrame({"text": texts}).write_parquet(directory / f"column{position}.parquet")
    (directory / "log.json").write_text(json.dumps({"format": FORMAT, "columns": list(values)}), encoding="utf8")


def _names(directory: Path) -> list[str]:
    """The event columns of a log, in the order of their files."""
    meta = json.loads((directory / "log.json").read_text(encoding="utf8"))
    if meta["format"] != FORMAT:
        raise DataError(f"log '{directory}'", must=f"of format {FORMAT}", came=f"format {meta['format']}", do="Pack it again.")
    names: list[str] = meta["columns"]
    return names


def _texts(segment: Path) -> dict[str, pl.Series]:
    """The texts that a segment brought, by column."""
    files = {name: segment / f"column{position}.parquet" for position, name in enumerate(_names(segment))}
    return {name: pl.read_parquet(file)["text"] for name, file in files.items() if file.exists()}


def _mapped(segment: Path, name: str) -> NDArray[Any]:
    array: NDArray[Any] = np.load(segment / f"{name}.npy", mmap_mode="r", allow_pickle=False)
    return array


def _with_all_ids(table: pl.DataFrame, seen: pl.Series, key: str) -> tuple[pl.DataFrame, pl.Series]:
    """The table with a row for every id, and the row of each seen id (int32)."""
    ids = pl.concat([table[key], seen]).unique().sort()
    full = pl.DataFrame({key: ids}).join(table, on=key, how="left", maintain_order="left")
    rows = seen.replace_strict(ids, pl.Series(range(len(ids)), dtype=pl.Int32), return_dtype=pl.Int32)
    return full, rows
