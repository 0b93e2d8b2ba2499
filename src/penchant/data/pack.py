"""Packing at size: events stream in once; memory holds one partition and the dictionaries, never the data.

What streams in is put aside by the user's partition (`penchant.data.spill`); each partition is then sorted alone and written behind
the others. Users are numbered partition by partition, which leaves the whole sorted by user.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.lib.format import header_data_from_array_1_0, write_array_header_1_0
from numpy.typing import NDArray

from penchant.data import minimum
from penchant.data.clean import Action
from penchant.data.log import Array, Log, write_tables
from penchant.data.segments import folders, places_in
from penchant.data.spill import KIND, Events, Spill, nothing_left
from penchant.schema.errors import DataError
from penchant.schema.sections.data import CleanSettings

Rows = NDArray[np.int64]
PARTITIONS = 32
REJECTED = "rejected"
"""The folder, within a segment's, of the rows that were left out, as `penchant.data.clean.write_rejected` writes them."""
REPORT = "packing.json"
"""How many rows were read, and what cleaning did."""


def pack(
    directory: Path,
    events: Events,
    columns: Iterable[str],
    users: pl.DataFrame | None = None,
    items: pl.DataFrame | None = None,
    *,
    settings: CleanSettings | None = None,
    now: float = float("inf"),
) -> list[Action]:
    """Pack events into a new folder, from where `Log.open` reads them without loading them.

    Args:
        directory: A folder that does not exist or is empty. Nothing is there before everything is.
        events: Frames, or a lazy frame that is read in batches.
        columns: Event columns to keep beside user, item, time and `event`.
        users, items: Tables keyed by `user_id` / `item_id`; of an id told twice the last counts; ids seen only in events are added.
        settings: Cleaning rules; as in a recipe without any when None.
        now: The present, seconds since 1970; events more than a day later are in the future.

    Returns:
        What cleaning did to the events, as `penchant.data.clean.clean` tells it.

    Raises:
        DataError: when the folder is in use, a column is missing or changes its type, a rule refuses a row or needs the whole log,
            or no event is left.
    """
    if directory.exists() and any(directory.iterdir()):
        raise DataError(
            f"'{directory}'", must="a new or empty folder", came="one with files", do="Append to the log there, or choose another."
        )
    with _made_in(directory.with_name(f"{directory.name}.packing"), directory) as fresh:
        spill = Spill(fresh / "spill", columns, settings or CleanSettings(), now, PARTITIONS, None)
        spill.read(events)
        _write_segment(fresh, spill, users, items)
        _finish(fresh, spill)
    return spill.actions()


def append(
    directory: Path,
    events: Events,
    users: pl.DataFrame | None = None,
    items: pl.DataFrame | None = None,
    *,
    settings: CleanSettings | None = None,
    now: float = float("inf"),
) -> list[Action]:
    """Add events to a packed log as a segment of its own; the log is then what packing everything at once would have given.

    Memory holds a few columns of the new events and the log's order. Users and items keep their rows, new ones come after them.

    Args:
        directory: A folder that `pack` or `Log.save` wrote.
        events, settings, now: As in `pack`; the columns are those of the log.
        users, items: New rows, or rows that tell anew all that is known of an id.

    Raises:
        DataError: as `pack`; the log is then as it was.
    """
    log, segments = Log.open(directory), folders(directory)
    if log.in_history is not None:
        raise DataError(f"log '{directory}'", must="without a history rule of its own", came="in_history.npy", do="Take that file out.")
    with _made_in(directory / "packing", directory / f"{len(segments):04}") as fresh:
        spill = Spill(fresh / "spill", log.columns, settings or CleanSettings(), now, 1, log)
        spill.read(events)
        _write_segment(fresh, spill, users, items)
        np.save(fresh / "order.npy", _order(fresh, log, spill))
        _finish(fresh, spill)
    return spill.actions()


@contextmanager
def _made_in(fresh: Path, target: Path) -> Iterator[Path]:
    """A folder that takes the target's place when everything in it is done, and goes when something fails."""
    try:
        yield fresh
        fresh.replace(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _finish(directory: Path, spill: Spill) -> None:
    """Write what was left out and why, and take away what only packing needed."""
    spill.rejected.write(directory / REJECTED / "events.parquet")
    told = {"rows": spill.rows, "actions": [action.to_json() for action in spill.actions()]}
    (directory / REPORT).write_text(json.dumps(told, indent=1), encoding="utf8")
    (directory / "row.npy").unlink()
    shutil.rmtree(spill.directory)


def _write_segment(directory: Path, spill: Spill, users: pl.DataFrame | None, items: pl.DataFrame | None) -> None:
    users, items = _told(users, "user_id"), _told(items, "item_id")
    spill.people.codes(users["user_id"])  # those without events get their codes, too
    spill.things.codes(items["item_id"])
    people = [spill.people.values[part :: spill.partitions] for part in range(spill.partitions)]
    first = np.append(0, np.cumsum([len(part) for part in people]))
    files = {name: _Growing(directory / f"{name}.npy", spill.type_of(name)) for name in _arrays(spill)}
    for number in range(spill.partitions):
        for name, array in _sorted_partition(spill, number, int(first[number])):
            files[name].write(array)
    for file in files.values():
        file.close()
    ids = {"user": pl.concat(people), "item": spill.things.values}
    if max(_least(spill).values()) > 1:
        ids = _without_too_few(directory, spill, ids, {"user": users["user_id"], "item": items["item_id"]})
    write_tables(
        directory,
        _joined("user_id", ids["user"], users, spill.people.known),
        _joined("item_id", ids["item"], items, spill.things.known),
        {name: _new_texts(spill, name, file) for file, name in spill.files.items()},
    )


def _arrays(spill: Spill) -> list[str]:
    """The files of a segment with a number per event; `row` goes when it is done."""
    return ["user", "item", "time", "row", *spill.files]


def _least(spill: Spill) -> dict[str, int]:
    return {owner: getattr(spill.settings, rule) for owner, rule in minimum.RULES.items()}


def _without_too_few(directory: Path, spill: Spill, ids: Mapping[str, pl.Series], tables: Mapping[str, pl.Series]) -> dict[str, pl.Series]:
    """Takes out of a new segment the events of users and items that have too few; the ids that stay, those of the tables among them."""
    arrays = {name: _mapped(directory, name) for name in _arrays(spill)}
    found = minimum.too_few({owner: arrays[owner] for owner in ids}, {owner: len(each) for owner, each in ids.items()}, _least(spill))
    stays = {owner: (found.gone[owner] == minimum.NEVER) | each.is_in(tables[owner].implode()).to_numpy() for owner, each in ids.items()}
    places = {owner: minimum.places(mask) for owner, mask in stays.items()}
    files = {name: _Growing(directory / f"{name}.fewer", array.dtype) for name, array in arrays.items()}
    for part in minimum.slices(len(arrays["user"])):
        piece = {name: array[part] for name, array in arrays.items()}
        left = np.ones(len(piece["user"]), dtype=bool)
        for rule, gone in found.reasons(piece["user"], piece["item"]):
            left &= ~gone
            rejected = {name: array[gone] for name, array in piece.items()}
            spill.drop(rule, spill.told(ids, rejected), rejected["row"])
        for name, array in piece.items():
            files[name].write(places[name][array[left]] if name in places else array[left])
    for name, file in files.items():
        file.close()
        (directory / f"{name}.fewer").replace(directory / f"{name}.npy")
    if not files["user"].rows:
        raise nothing_left(spill.actions())
    return {owner: each.filter(pl.Series(stays[owner])) for owner, each in ids.items()}


def _mapped(directory: Path, name: str) -> Array:
    array: Array = np.load(directory / f"{name}.npy", mmap_mode="r")
    return array


def _told(table: pl.DataFrame | None, key: str) -> pl.DataFrame:
    """A table with one row per id, the last one told."""
    if table is None:
        return pl.DataFrame(schema={key: pl.String})
    return table.filter(pl.col(key).is_not_null() & (pl.col(key) != "")).unique(key, keep="last", maintain_order=True)


def _joined(key: str, ids: pl.Series, table: pl.DataFrame, known: int) -> pl.DataFrame:
    """A row for every id after the known ones, and for the known ones that the table tells of."""
    again = ids[:known].filter(ids[:known].is_in(table[key].implode()))
    return pl.DataFrame({key: pl.concat([ids[known:], again])}).join(table, on=key, how="left", maintain_order="left")


def _new_texts(spill: Spill, name: str, file: str) -> pl.Series | None:
    if not spill.is_text(file):
        return None
    return spill.texts[name].new if name in spill.texts else pl.Series(dtype=pl.String)


def _sorted_partition(spill: Spill, number: int, first_user: int) -> Iterator[tuple[str, Array]]:
    """Each array of a partition, sorted by user, time and arrival, without the duplicates that go."""
    user = (first_user + spill.partition(number, "user") // spill.partitions).astype(np.int32)
    time = spill.partition(number, "time")
    order = pl.DataFrame({"user": user, "time": time}).select(pl.arg_sort_by("user", "time", maintain_order=True)).to_series().to_numpy()
    user, time = user[order], time[order]
    same = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
    rows = np.flatnonzero(np.append(same, False) | np.append(False, same)) if len(user) else np.zeros(0, dtype=np.int64)
    keys = {name: spill.partition(number, name)[order[rows]] for name in _keys(spill)} if len(rows) else {}
    gone = rows[_repeats({"user": user[rows], "time": time[rows], **keys}, spill)]
    if len(gone):
        rejected = {name: spill.partition(number, name)[order[gone]] for name in _arrays(spill)}
        spill.drop("duplicates", spill.told({"user": spill.people.values, "item": spill.things.values}, rejected), rejected["row"])
    order = np.delete(order, gone)
    yield "user", np.delete(user, gone)
    yield "time", np.delete(time, gone)
    for name in ("item", "row", *spill.files):
        yield name, spill.partition(number, name)[order]


def _keys(spill: Spill) -> list[str]:
    """The files of what makes an event the same, beside its user and time."""
    return ["item", *(file for file, name in spill.files.items() if name == KIND)]


def _repeats(keys: Mapping[str, Array], spill: Spill) -> NDArray[np.bool_]:
    """Which rows, in order of arrival, go because another has the same keys."""
    if spill.settings.duplicates == "keep_all":
        return np.zeros(len(keys["user"]), dtype=bool)
    same = pl.struct(keys.keys())
    kept = same.is_last_distinct() if spill.settings.duplicates == "keep_last" else same.is_first_distinct()
    return ~pl.DataFrame(dict(keys)).select(kept).to_series().to_numpy()


def _order(directory: Path, log: Log, spill: Spill) -> NDArray[np.integer]:
    """The log's order with the new segment's events in their places; of duplicates across segments one is left out."""
    user, time = (np.load(directory / f"{name}.npy", mmap_mode="r") for name in ("user", "time"))
    begin = sum(len(np.load(folder / "user.npy", mmap_mode="r")) for folder in folders(directory.parent))
    kind = np.uint32 if begin + len(user) < 2**32 else np.int64
    old = getattr(log.user, "order", np.arange(len(log))).astype(kind)
    first, end = (places_in(log.offsets, log.time, user, time, after_equals=after) for after in (False, True))
    gone_old, gone_new = _repeated_across(directory, log, spill, first, end)
    rejected = {name: _mapped(directory, name)[gone_new] for name in _arrays(spill)}
    spill.drop("duplicates", log.take(["user_id", "item_id", "timestamp", *log.columns], gone_old), None)
    spill.drop("duplicates", spill.told({"user": spill.people.values, "item": spill.things.values}, rejected), rejected["row"])
    place = np.delete(end, gone_new) - np.searchsorted(gone_old, np.delete(end, gone_new))
    fresh = np.delete(np.arange(begin, begin + len(user), dtype=kind), gone_new)
    return np.insert(np.delete(old, gone_old), place, fresh)


def _repeated_across(directory: Path, log: Log, spill: Spill, first: Rows, end: Rows) -> tuple[Rows, Rows]:
    """Rows of the log, and of the new segment, that go because of each other.

    Args:
        first, end: Between which rows of the log lie the events of the same user and time, for each new event `[new]`.
    """
    new = np.flatnonzero(first < end)
    old = np.flatnonzero(np.cumsum(np.bincount(first[new], minlength=len(log) + 1) - np.bincount(end[new], minlength=len(log) + 1)))
    files: dict[str, Array] = {"user": log.user, "time": log.time, "item": log.item}
    files |= {f"column{position}": column.data for position, column in enumerate(log.columns.values())}
    keys = {
        name: np.concatenate([files[name][old], np.load(directory / f"{name}.npy", mmap_mode="r")[new]])
        for name in ("user", "time", *_keys(spill))
    }
    gone = np.flatnonzero(_repeats(keys, spill))
    return old[gone[gone < len(old)]], new[gone[gone >= len(old)] - len(old)]


class _Growing:
    """An array on disk that is written piece by piece; its length is told at the end."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.rows, self.dtype, self._file = 0, dtype, path.open("wb")
        self._header()

    def _header(self) -> None:
        told = header_data_from_array_1_0(np.zeros(0, dtype=self.dtype)) | {"shape": (self.rows,)}
        write_array_header_1_0(self._file, told)  # pads so that a longer length takes no more room

    def write(self, array: Array) -> None:
        """Add these numbers at the end."""
        self.rows += len(array)
        array.astype(self.dtype, copy=False).tofile(self._file)

    def close(self) -> None:
        """Tell the length."""
        self._file.seek(0)
        self._header()
        self._file.close()
