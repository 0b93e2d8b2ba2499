"""Events on their way into a packed log: cleaned, coded and put aside on disk by partition, a batch at a time."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data import minimum
from penchant.data.clean import Action
from penchant.data.defects.times import is_future
from penchant.data.log import Array, Column, Log, numbers_of, texts_of
from penchant.data.rejected import RejectedRows
from penchant.schema.errors import DataError
from penchant.schema.sections.data import CleanSettings

Events = Iterable[pl.DataFrame] | pl.LazyFrame
"""Frames with `user_id` and `item_id` (text), `timestamp` (seconds) and further columns, the same in each; any order."""

ROWS_AT_ONCE = 500_000
Rows = NDArray[np.int64]
KIND = "event"
"""The column that tells kinds of events apart, kept where there is one: two kinds at one moment are no duplicates."""
RULES = {"missing_ids", "missing_time", "future_times", "duplicates"}
"""Cleaning rules that see one row or one user at a time."""
MINIMA = set(minimum.RULES.values())
"""Cleaning rules that see the packed log, and so cannot speak of what is appended."""


class Dictionary:
    """Texts as codes in the order in which they came; the codes of `known` texts are their places."""

    def __init__(self, known: pl.Series | None = None) -> None:
        self._categories = pl.Categories.random()
        self._kind = pl.Categorical(self._categories)
        self._held = pl.Series([] if known is None else known, dtype=pl.String).cast(self._kind)  # polars forgets unused categories
        self.known = len(self._held)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def values(self) -> pl.Series:
        """Every text by its code."""
        return self._categories.to_series()

    @property
    def new(self) -> pl.Series:
        """The texts that were not known, by their codes."""
        return self.values[self.known :]

    def codes(self, texts: pl.Series) -> NDArray[np.int32]:
        """A code for each text, -1 where it is missing, `[n]`."""
        return texts.cast(self._kind).to_physical().cast(pl.Int32).fill_null(-1).to_numpy()


@dataclass(frozen=True)
class _Rule:
    """A cleaning rule of single rows: which are bad, what they must be, what is said of them."""

    bad: pl.Expr
    must: str
    said: str


class Spill:
    """Rows on disk, batch by batch, within a batch by the user's partition, within a partition as they came.

    Args:
        directory: A folder of its own; what is there goes.
        columns: Event columns to keep.
        settings: Cleaning rules.
        now: The present, seconds since 1970.
        partitions: Users with code c lie in partition c modulo this.
        log: Whose users, items and texts keep their codes; None for a new log.

    Attributes:
        columns: Those kept, with `event` where the events have it and the log is new.
        people, things: Dictionaries of user and item ids.
        texts: Dictionaries of the columns that hold texts.
        rows: Rows read so far.
        rejected: Rows that went, with their reasons.
    """

    def __init__(
        self, directory: Path, columns: Iterable[str], settings: CleanSettings, now: float, partitions: int, log: Log | None
    ) -> None:
        _check_rules(settings, MINIMA if log is None else set())
        self.directory, self.settings, self.partitions, self.new = directory, settings, partitions, log is None
        self.columns = list(columns)
        self.people = Dictionary(log.users["user_id"] if log else None)
        self.things = Dictionary(log.items["item_id"] if log else None)
        packed = log.columns if log else {}
        self.texts = {name: Dictionary(column.values) for name, column in packed.items() if column.values is not None}
        self._numeric = {name for name, column in packed.items() if column.values is None}
        self._rules = _rules(now)
        self.rows, self._counts = 0, dict.fromkeys((*self._rules, "duplicates", *minimum.RULES.values()), 0)
        self._types: list[dict[str, np.dtype[Any]]] = []
        self._edges: list[NDArray[np.int64]] = []
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self.rejected = RejectedRows(directory)

    @property
    def files(self) -> dict[str, str]:
        """The event columns by the name of their file."""
        return {f"column{position}": name for position, name in enumerate(self.columns)}

    def read(self, events: Events) -> None:
        """Take in all events.

        Raises:
            DataError: when a column is missing or changes its type, a rule refuses a row, or no event is left.
        """
        frames = events.collect_batches(chunk_size=ROWS_AT_ONCE, maintain_order=True) if isinstance(events, pl.LazyFrame) else events
        for frame in frames:
            for start in range(0, len(frame), ROWS_AT_ONCE):
                self._take(frame[start : start + ROWS_AT_ONCE])
        if not self._edges:
            raise nothing_left(self.actions())

    def _take(self, frame: pl.DataFrame) -> None:
        if self.new and not self._edges and KIND in frame.columns and KIND not in self.columns:
            self.columns.append(KIND)
        for name in ("user_id", "item_id", "timestamp", *self.columns):
            if name not in frame.columns:
                came = f"columns {', '.join(frame.columns)}"
                raise DataError(f"column '{name}' of the events", must="in every batch", came=came, do="Give all batches the same columns.")
        if self.new and KIND in frame.columns and KIND not in self.columns:
            do = "Export all events with it, or take it out."
            raise DataError(f"column '{KIND}' of the events", must="in every batch or in none", came="batches without it before", do=do)
        frame, numbers = self._clean(frame)
        if len(frame):
            arrays: dict[str, Array] = {
                "row": numbers,
                "user": self.people.codes(frame["user_id"]),
                "item": self.things.codes(frame["item_id"]),
            }
            arrays |= {"time": frame["timestamp"].cast(pl.Float64).to_numpy()}
            self._write(arrays | {file: self._coded(frame[name]) for file, name in self.files.items()})

    def _clean(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, Rows]:
        """The rows that stay and their numbers, from 1."""
        bad = frame.select(rule.bad.fill_null(False).alias(name) for name, rule in self._rules.items())
        keep, numbers = np.ones(len(frame), dtype=bool), np.arange(self.rows + 1, self.rows + len(frame) + 1)
        self.rows += len(frame)
        for name, rule in self._rules.items():
            gone = bad[name].to_numpy() & keep
            decision = getattr(self.settings, name)
            if decision == "refuse" and gone.any():
                came = f"{gone.sum():,} of {len(frame):,} rows of a batch {rule.said}, first row {numbers[gone.argmax()]:,}"
                raise DataError("events", must=rule.must, came=came, do=f'Mend them, or set data.clean.{name} = "drop".')
            if decision == "drop" and gone.any():
                self.drop(name, frame.filter(pl.Series(gone)), numbers[gone])
                keep &= ~gone
        return (frame, numbers) if keep.all() else (frame.filter(pl.Series(keep)), numbers[keep])

    def _coded(self, series: pl.Series) -> Array:
        """Numbers as they are, texts as codes; a column of which nothing is known yet, as NaN, fits both."""
        if series.dtype == pl.Null:
            return np.full(len(series), np.nan)
        numbers = numbers_of(series)
        if series.name in (self._numeric if numbers is None else self.texts):
            came = f"{'texts' if numbers is None else 'numbers'} ({series.dtype}) where it held the other before"
            raise DataError(f"event column '{series.name}'", must="of one type throughout", came=came, do="Export it with one type.")
        if numbers is not None:
            self._numeric.add(series.name)
            return numbers
        return self.texts.setdefault(series.name, Dictionary()).codes(texts_of(series))

    def _write(self, arrays: dict[str, Array]) -> None:
        partition = (arrays["user"] % self.partitions).astype(np.uint16)
        order = np.argsort(partition, kind="stable")
        for name, array in arrays.items():
            array[order].tofile(self.directory / f"{len(self._edges)}.{name}")
        self._types.append({name: array.dtype for name, array in arrays.items()})
        self._edges.append(np.append(0, np.cumsum(np.bincount(partition, minlength=self.partitions))))

    def partition(self, number: int, name: str) -> Array:
        """One array of a partition, as its rows came."""
        final = self.type_of(name)
        parts = [np.zeros(0, dtype=final)]
        for batch, (types, edges) in enumerate(zip(self._types, self._edges, strict=True)):
            begin, end = int(edges[number]), int(edges[number + 1])
            part = np.fromfile(self.directory / f"{batch}.{name}", types[name], end - begin, offset=begin * types[name].itemsize)
            missing = self.is_text(name) and part.dtype.kind == "f"
            parts.append(np.full(len(part), -1, dtype=final) if missing else part.astype(final, copy=False))
        return np.concatenate(parts)

    def type_of(self, name: str) -> np.dtype[Any]:
        """The smallest type that holds every batch's numbers, or every text's code."""
        if self.is_text(name):
            texts = self.texts.get(self.files[name])
            return np.min_scalar_type(-1 - len(texts) if texts else -1)
        return np.result_type(*(types[name] for types in self._types))

    def is_text(self, name: str) -> bool:
        """Whether a file holds codes of texts; a column that is missing throughout counts as text."""
        return name in self.files and self.files[name] not in self._numeric

    def drop(self, rule: str, rows: pl.DataFrame, numbers: Array | None) -> None:
        """Count rows that a rule took out, and keep them aside."""
        self._counts[rule] += len(rows)
        self.rejected.add(rows, rule, numbers)

    def told(self, ids: Mapping[str, pl.Series], arrays: Mapping[str, Array]) -> pl.DataFrame:
        """Coded events with their values.

        Args:
            ids: The ids that the codes of `user` and `item` stand for.
            arrays: Each file's numbers, `[events]`.
        """
        roles = {f"{owner}_id": ids[owner].gather(arrays[owner]) for owner in ("user", "item")} | {"timestamp": pl.Series(arrays["time"])}
        return pl.DataFrame(roles | {name: self._column(file, arrays[file]).take(slice(None)) for file, name in self.files.items()})

    def _column(self, file: str, data: Array) -> Column:
        if not self.is_text(file):
            return Column(data)
        texts = self.texts.get(self.files[file])
        return Column(data, texts.values if texts else pl.Series(dtype=pl.String))

    def actions(self) -> list[Action]:
        """What cleaning did, rule by rule; rules that found nothing are absent."""
        keys = ", ".join(["user_id", "item_id", "timestamp", *({KIND} & set(self.columns))])
        kept = "an earlier" if self.settings.duplicates == "keep_first" else "a later"
        said = {name: rule.said for name, rule in self._rules.items()} | {"duplicates": f"with the {keys} of {kept} row"}
        said |= {rule: f"of {owner}s with fewer than {getattr(self.settings, rule):,} events" for owner, rule in minimum.RULES.items()}
        return [Action(name, "events", n, f"{name}: left out {n:,} events {said[name]}") for name, n in self._counts.items() if n]


def nothing_left(actions: Sequence[Action]) -> DataError:
    """The error for events that all went."""
    came = "; ".join(action.sentence for action in actions) or "a table without rows"
    return DataError("events", must="left after cleaning", came=came, do="Loosen the rules in [data.clean] or look at the file.")


def _check_rules(settings: CleanSettings, more: set[str]) -> None:
    for name, value in settings:
        if name in RULES | more or value == CleanSettings.model_fields[name].get_default(call_default_factory=True):
            continue
        if name in MINIMA:
            came, do = f"data.clean.{name} = {value!r}, which counts the whole log", "Pack all events anew, or take the rule out."
            raise DataError("cleaning of events that are appended", must="row by row or user by user", came=came, do=do)
        came, do = f"data.clean.{name} = {value!r}, which is applied to whole tables only", "Take it out, or read the data whole."
        raise DataError("cleaning while packing", must="row by row or user by user", came=came, do=do)


def _rules(now: float) -> dict[str, _Rule]:
    """In the order in which `penchant.data.clean` applies them."""
    time, ids = pl.col("timestamp"), [pl.col("user_id"), pl.col("item_id")]
    return {
        "missing_ids": _Rule(
            pl.any_horizontal(key.is_null() | (key == "") for key in ids), "complete in user_id and item_id", "without user_id or item_id"
        ),
        "missing_time": _Rule(time.is_null() | ~time.is_finite(), "at a known time", "without a finite timestamp"),
        "future_times": _Rule(is_future(time, now), "in the past", "more than a day in the future"),
    }
