"""The catalogue's columns as filters, rules and diversity read them: whole columns, as they are now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.funnel.condition import NOTHING_TOLD, Kind, Names, Told, check, condition, plain
from penchant.schema.filter import Filter
from penchant.schema.recipe import Recipe

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
MOST_KEPT = 64
"""Filters whose answer for the whole catalogue is kept."""
MOST_CHANGES = 200_000
"""Changed rows remembered, so that what is kept can be mended."""


@dataclass
class _Kept:
    """Something worked out of the whole catalogue, and how many changes it knows of."""

    value: Any
    changes: int


class ItemTable:
    """Items by row, read column by column; records put since replace the row they are of.

    Args:
        frame: The catalogue as it was learnt of, a row per item.
        separators: What stands between several values in one text of a column, `{"genres": "|"}`.
        users: The users' columns, for the names that filters may use.
        context: Names of circumstances that may be told.
        kinds: The column that says what kind of thing an item is; None where none does.
    """

    def __init__(
        self,
        frame: pl.DataFrame,
        separators: Mapping[str, str] | None = None,
        users: pl.DataFrame | None = None,
        context: Iterable[str] = (),
        kinds: str | None = None,
    ) -> None:
        self.kinds = kinds
        self._frame, self._separators = frame, dict(separators or {})
        self._live: dict[int, Mapping[str, Any]] = {}
        self._changed: list[int] = []
        self._forgotten = 0  # changes that are no longer in the list
        self._columns: dict[str, _Kept] = {}
        self._masks: dict[str, _Kept] = {}
        self._length = len(frame)
        items = {name: _kind(frame[name], name in self._separators) for name in frame.columns}
        self._users = {} if users is None else {name: kind for name in users.columns if (kind := _kind(users[name]))}
        self.names = Names({name: kind for name, kind in items.items() if kind}, self._users, frozenset(context))

    def __len__(self) -> int:
        return self._length

    def copy(self) -> "ItemTable":
        """The table as it was learnt of, free to be told more."""
        fresh = ItemTable(self._frame, self._separators, None, self.names.context, self.kinds)
        fresh._users, fresh.names = self._users, replace(fresh.names, user=self._users)
        return fresh

    def check(self, asked: Filter, context: Mapping[str, Any] | None = None, profile: Mapping[str, Any] | None = None) -> None:
        """Refuse what cannot be asked of these columns; a request may tell more circumstances. Raises FilterError."""
        check(asked, self._names_with(context or {}, profile or {}))

    def tell(self, row: int, record: Mapping[str, Any]) -> None:
        """All that is known of an item from now on; of a new one in the next row."""
        self._length = max(self._length, row + 1)
        self._live[row] = record
        self._changed.append(row)
        fresh = {name: _told_kind(value, name in self._separators) for name, value in record.items() if name not in self.names.item}
        fresh = {name: kind for name, kind in fresh.items() if kind != "missing"}
        if fresh:
            self.names = Names({**self.names.item, **fresh}, self._users, self.names.context)
        if len(self._changed) > MOST_CHANGES:
            self._forgotten += len(self._changed)
            self._changed.clear()

    def mask(self, asked: Filter, told: Told = NOTHING_TOLD) -> Mask:
        """Which items pass `[items]`; what reads items alone is worked out once and mended where items change.

        Raises:
            FilterError: as `check`.
        """
        if asked.columns["user"] or asked.columns["context"]:
            return self._passes(asked, told, None)
        kept = self._masks.get(asked.text)
        if kept is None or kept.changes < self._forgotten:
            if len(self._masks) >= MOST_KEPT:
                self._masks.pop(next(iter(self._masks)))
            self._masks[asked.text] = kept = _Kept(self._passes(asked, told, None), self._changes)
        elif kept.changes < self._changes:
            rows = np.unique(self._changed[kept.changes - self._forgotten :])
            grown = np.zeros(len(self), dtype=bool)
            grown[: len(kept.value)] = kept.value
            grown[rows] = self._passes(asked, told, rows)
            self._masks[asked.text] = kept = _Kept(grown, self._changes)
        mask: Mask = kept.value
        return mask

    def passes(self, asked: Filter, rows: Rows, told: Told = NOTHING_TOLD) -> Mask:
        """Which of some rows pass `[n]`."""
        return self.mask(asked, told)[rows] if asked.text in self._masks else self._passes(asked, told, rows)

    def column(self, name: str) -> pl.Series:
        """A column as it is now `[items]`: numbers, texts, true and false, or lists of those."""
        kept = self._columns.get(name)
        if kept is None or kept.changes < self._forgotten:
            kept = _Kept(self._whole(name), 0 if not self._forgotten else self._changes)
            if self._forgotten:
                kept.value = self._mended(kept.value, name, sorted(self._live))
        if kept.changes < self._changes:
            changed = sorted({*self._changed[kept.changes - self._forgotten :]})
            kept = _Kept(self._mended(kept.value, name, changed), self._changes)
        self._columns[name] = kept
        series: pl.Series = kept.value
        return series

    def values(self, name: str, rows: Rows) -> list[Any]:
        """A column's values at some rows."""
        found: list[Any] = self.column(name).gather(rows).to_list()
        return found

    def kinds_of(self, name: str, rows: Rows) -> list[list[str]]:
        """A column's values at some rows as kinds, several where it holds lists, none where it is missing."""
        return [
            [] if value is None else [str(each) for each in value if each is not None] if isinstance(value, list) else [str(value)]
            for value in self.values(name, rows)
        ]

    def shares(self, name: str, rows: Rows) -> NDArray[np.float64]:
        """How much each of some rows belongs to each kind of a column `[n, kinds of these rows]`; rows add up to 1, or to 0 without any."""
        told = self.kinds_of(name, rows)
        places: dict[str, int] = {}
        for kinds in told:
            for kind in kinds:
                places.setdefault(kind, len(places))
        shares = np.zeros((len(told), len(places)))
        for row, kinds in enumerate(told):
            for kind in kinds:
                shares[row, places[kind]] += 1 / len(kinds)
        return shares

    @property
    def _changes(self) -> int:
        return self._forgotten + len(self._changed)

    def _passes(self, asked: Filter, told: Told, rows: Rows | None) -> Mask:
        names = self._names_with(told.context, told.user)
        expression = condition(asked, names, told).fill_null(False).alias("passes")
        columns = [self.column(name) for name in sorted(asked.columns["item"])]
        frame = pl.DataFrame([each if rows is None else each.gather(rows) for each in columns])
        count = len(self) if rows is None else len(rows)
        found = (frame if columns else pl.DataFrame({"": [0]})).select(expression)["passes"].to_numpy()
        return np.broadcast_to(found, count).copy() if len(found) != count else found.copy()

    def _names_with(self, context: Mapping[str, Any], profile: Mapping[str, Any]) -> Names:
        more = context.keys() - self.names.context
        told: dict[str, Kind] = dict.fromkeys(profile.keys() - self._users.keys(), "any")
        if not more and not told:
            return self.names
        return Names(self.names.item, {**self._users, **told}, self.names.context | more)

    def _whole(self, name: str) -> pl.Series:
        """A column as it was learnt of."""
        if name in self._frame.columns:
            return _plain_series(self._frame[name], self._separators.get(name))
        kind = self.names.item[name]
        return pl.Series(name, [None] * len(self._frame), dtype=_DTYPES[kind])

    def _mended(self, series: pl.Series, name: str, rows: Sequence[int]) -> pl.Series:
        """The column with the values that records tell of these rows."""
        if not rows:
            return series
        told = [self._live[row].get(name) for row in rows]
        fresh = _plain_values(told, series.dtype, self._separators.get(name), name)
        places = np.arange(len(self))
        places[np.array(rows)] = len(series) + np.arange(len(rows))
        return pl.concat([series, fresh]).gather(places)


_DTYPES: Mapping[Kind, Any] = {
    "number": pl.Float64, "text": pl.String, "truth": pl.Boolean, "numbers": pl.List(pl.Float64), "texts": pl.List(pl.String),
}  # fmt: skip


def _kind(series: pl.Series, separated: bool = False) -> Kind | None:
    """What a column holds; None for what filters cannot read."""
    dtype = series.dtype
    if dtype == pl.String or dtype in (pl.Categorical, pl.Enum):
        return "texts" if separated else "text"
    if dtype == pl.Boolean:
        return "truth"
    if dtype.is_numeric() or dtype in (pl.Date, pl.Datetime):
        return "number"
    if isinstance(dtype, pl.List | pl.Array):
        inner = dtype.inner
        return "texts" if inner in (pl.String, pl.Categorical) else "numbers" if inner is not None and inner.is_numeric() else None
    return "text" if dtype == pl.Null else None


def _told_kind(value: Any, separated: bool) -> Kind:
    match plain(value):
        case None:
            return "missing"
        case bool():
            return "truth"
        case int() | float():
            return "number"
        case list() as values:
            return "texts" if any(isinstance(each, str) for each in values) else "numbers" if values else "missing"
    return "texts" if separated else "text"


def _plain_series(series: pl.Series, separator: str | None) -> pl.Series:
    if series.dtype == pl.Date or series.dtype == pl.Datetime:
        return series.dt.epoch("us").cast(pl.Float64) / 1e6 if series.dtype == pl.Datetime else series.dt.epoch("s").cast(pl.Float64)
    if series.dtype.is_numeric():
        return series.cast(pl.Float64).fill_nan(None)
    kind = _kind(series, separator is not None)
    assert kind is not None
    if kind == "texts" and series.dtype in (pl.String, pl.Categorical, pl.Enum):
        return series.cast(pl.String).str.split(separator or "|").list.eval(pl.element().str.strip_chars())
    return series.cast(_DTYPES[kind])


def _plain_values(told: Sequence[Any], dtype: Any, separator: str | None, name: str) -> pl.Series:
    """Values of records in the column's type; missing where they are of another."""
    found = [_as(dtype, plain(each), separator) for each in told]
    return pl.Series(name, found, dtype=dtype)


def _as(dtype: Any, value: Any, separator: str | None) -> Any:
    if value is None:
        return None
    if dtype == pl.Float64:
        return float(value) if isinstance(value, int | float) else None
    if dtype == pl.Boolean:
        return bool(value) if isinstance(value, int | float) else None
    if dtype == pl.String:
        return value if isinstance(value, str) else " ".join(map(str, value)) if isinstance(value, list) else _number_text(value)
    values = value if isinstance(value, list) else value.split(separator) if isinstance(value, str) and separator else [value]
    if dtype.inner == pl.String:
        return [each.strip() if isinstance(each, str) else _number_text(each) for each in values if each is not None]
    return [float(each) for each in values if isinstance(each, int | float)]


def _number_text(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def item_table(recipe: Recipe, users: pl.DataFrame, items: pl.DataFrame, context: Iterable[str]) -> ItemTable:
    """The table of a recipe's catalogue; a feature of kinds says what separates several in one text, the first of them what kinds are.

    Args:
        recipe: What the columns mean.
        users, items: A row each.
        context: Names of circumstances that requests tell.
    """
    separators: dict[str, str] = {}
    kinds = None
    for name, part in recipe.features.item.items():
        if part.kind not in ("category", "categories") or (column := part.reads(name)[0]) == "item_id":
            continue
        kinds = kinds or column
        if part.kind == "categories":
            separators[column] = part.settings.get("separator", "|")
    return ItemTable(items, separators, users, context, kinds)
