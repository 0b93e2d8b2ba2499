"""All features of a recipe, fitted together on the training part, the same for a log offline and for a request online."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.lib.mixins import NDArrayOperatorsMixin
from safetensors.numpy import load_file, save_file

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.data.records import series_of
from penchant.features.feature import Array, AsOf, Feature, Filed, Form, Grows, Pretrained, Without, as_number, as_text, build
from penchant.schema.errors import RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.features import FeaturePart

Owner = Literal["user", "item", "context", "history", "scenario", "candidate"]
OWNERS: tuple[Owner, ...] = get_args(Owner)
LARGE = 4_000_000
"""Events from which on a log's event features are worked out for the rows asked for, so that memory does not grow with the log."""


class Gathered(NDArrayOperatorsMixin):
    """An array with a row per event, of which only the rows asked for are made; whole, it is an ordinary array.

    Args:
        make: The array's rows for event rows `[n]`.
        events: How many events there are.
    """

    def __init__(self, make: Callable[[Array], Array], events: int) -> None:
        none = make(np.zeros(0, dtype=np.int64))
        self.make, self.events = make, events
        self.dtype, self.shape, self.ndim = none.dtype, (events, *none.shape[1:]), none.ndim

    def __len__(self) -> int:
        return self.events

    def __getitem__(self, rows: Any) -> Array:
        places = np.arange(len(self))[rows] if isinstance(rows, slice) else np.asarray(rows)
        return self.make(places.ravel()).reshape((*places.shape, *self.shape[1:]))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self[:], dtype=dtype)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        arrays = [np.asarray(each) if isinstance(each, Gathered) else each for each in inputs]
        return getattr(function, method)(*arrays, **settings)


REMEMBERED = 4096
"""Values of requests whose arrays are kept."""
LONGEST_REMEMBERED = 256
"""Characters of such a value as Python writes it."""


@dataclass(frozen=True)
class Encoded:
    """A log as model inputs: one array per feature.

    Attributes:
        user, item: Arrays with one row per user or item.
        context, history, scenario: Arrays with one row per event, gathered by rows (`array[rows]`).
        candidate: The same, of the event's own item.
    """

    user: dict[str, Array] = field(default_factory=dict)
    item: dict[str, Array] = field(default_factory=dict)
    context: dict[str, Array] = field(default_factory=dict)
    history: dict[str, Array] = field(default_factory=dict)
    scenario: dict[str, Array] = field(default_factory=dict)
    candidate: dict[str, Array] = field(default_factory=dict)


class FeatureSet:
    """The recipe's features by owner.

    What depends on the past (counters) is told of the log that was encoded last, and of the events observed since.

    Raises:
        RecipeError: for an unknown kind or setting, naming the feature; for counters of what is no circumstance of an event.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.parts: dict[Owner, dict[str, FeaturePart]] = {
            "user": recipe.features.user,
            "item": recipe.features.item,
            "context": recipe.features.context,
            "history": recipe.history.columns,
            "scenario": recipe.scenario.parts,
            "candidate": recipe.features.candidate,
        }
        of_items, self._beside_item = recipe.features.item_columns, recipe.features.candidate_moment
        self._by_item = {name: of_items & {*part.asks(name)} for name, part in recipe.features.candidate.items()}
        self.features: dict[Owner, dict[str, Feature]] = {
            owner: {name: build(part, _written(owner, name), recipe.directory) for name, part in parts.items()}
            for owner, parts in self.parts.items()
        }
        self._of_candidates = {name: feature for name, feature in self.features["candidate"].items() if isinstance(feature, AsOf)}
        self._remembered: dict[tuple[Owner, str, str], Array] = {}
        for owner, name in self._names():
            self._check_place(owner, name)

    def _check_place(self, owner: Owner, name: str) -> None:
        """What counts stands where it can be asked of, and nothing else stands where only counters are asked of."""
        thing, counts = _written(owner, name), isinstance(self.features[owner][name], AsOf)
        by = self.parts[owner][name].asks(name)[:-1] if counts else ()
        if counts and owner not in ("context", "candidate"):
            do = f"Write [features] context.{name}; counters of users or items may also stand under user or item."
            raise RecipeError(thing, must="a kind that does not count", came="counters", do=do)
        if owner == "candidate" and not counts:
            do = f"Write [features] item.{name}."
            raise RecipeError(f"features, candidate.{name}", must="counters", came=f"kind '{self.parts[owner][name].kind}'", do=do)
        if owner == "candidate" and not self._by_item[name]:
            do = f"Add item_id, or write [features] context.{name}."
            raise RecipeError(thing, must="counted by item_id, or by a column of the items", came=f"by {', '.join(by)}", do=do)
        if owner == "context" and "item_id" in by:
            do = f"Write [features] item.{name}, which is asked of each candidate."
            raise RecipeError(thing, must="by what is known before an item is chosen", came="by item_id", do=do)

    def _names(self) -> list[tuple[Owner, str]]:
        return [(owner, name) for owner in OWNERS for name in self.features[owner]]

    def forms(self, owner: Owner) -> dict[str, Form]:
        """The form of each of the owner's features."""
        return {name: feature.form for name, feature in self.features[owner].items()}

    def columns(self, owner: Owner) -> list[str]:
        """Every column the owner's features read."""
        return sorted({column for name, part in self.parts[owner].items() for column in part.reads(name)})

    def fit(self, data: Dataset) -> "FeatureSet":
        """Fit every feature on the values of this part: its events, and the users and items in them, told how many events each has."""
        self._remembered.clear()
        log, rows = data.log, data.rows
        tables = {"user": _with_events(log.users, log.user[rows]), "item": _with_events(log.items, log.item[rows])}
        for owner, name in self._names():
            columns = self.parts[owner][name].reads(name)
            table, events = tables[owner] if owner in tables else (self._of_events(log, owner, name, rows), None)
            self.features[owner][name].fit(_values(table, columns), events)
        return self

    def grown(self, recipe: Recipe, data: Dataset) -> "FeatureSet":
        """These features with an index for every value that has come in this part too; what they have learnt else stays as it is.

        Indices keep their meaning. Nothing that either of the two encodes or observes changes the other; pretrained networks are shared.

        Args:
            recipe: The one that these were fitted for.
            data: The part.
        """
        fresh, log, rows = FeatureSet(recipe), data.log, data.rows
        tables = {"user": _with_events(log.users, log.user[rows]), "item": _with_events(log.items, log.item[rows])}
        for owner, name in self._names():
            feature = self.features[owner][name]
            if isinstance(feature, Pretrained | Filed):
                fresh.features[owner][name] = feature
                continue
            copy = fresh.features[owner][name].restore(*feature.state())
            if isinstance(copy, Grows):
                columns = self.parts[owner][name].reads(name)
                table, events = tables[owner] if owner in tables else (self._of_events(log, owner, name, rows), None)
                copy.grow(_values(table, columns), events)
        return fresh

    def values(self, owner: Owner, name: str, table: pl.DataFrame) -> pl.Series:
        """What a feature reads of these rows `[n]`: a column, or a struct of several."""
        return _values(table, self.parts[owner][name].reads(name))

    def encode(self, owner: Owner, table: pl.DataFrame, given: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Arrays of the owner's features for these rows; columns the table lacks are missing values.

        Args:
            owner: Whose features.
            table: Their columns, `[n]` rows.
            given: Arrays `{name: [n, *]}` that were made elsewhere. No pretrained network is run then: what it would have read is missing
                where it is not given.
        """
        lacking = [pl.lit(None).alias(column) for column in self.columns(owner) if column not in table.columns]
        table = table.with_columns(lacking) if lacking else table
        elsewhere = {} if given is None else {name: self.missing(owner, name, len(table)) for name in self.pretrained(owner)} | dict(given)
        return {
            name: elsewhere[name] if name in elsewhere else feature.transform(_values(table, self.parts[owner][name].reads(name)))
            for name, feature in self.features[owner].items()
        }

    def encode_one(self, owner: Owner, record: Mapping[str, Any], given: Mapping[str, Array] | None = None) -> dict[str, Array]:
        """Arrays `{name: [1, *]}` of one record, as `encode` gives them for a table of it alone; not to be written to.

        Requests bring the same few values again and again, so what a short value became is remembered.
        """
        elsewhere = {} if given is None else {name: self.missing(owner, name) for name in self.pretrained(owner)} | dict(given)
        return {name: elsewhere[name] if name in elsewhere else self.one(owner, name, record) for name in self.features[owner]}

    def pretrained(self, owner: Owner) -> list[str]:
        """Names of the owner's features that run a pretrained network."""
        return [name for name, feature in self.features[owner].items() if isinstance(feature, Pretrained) and feature.runs_network]

    def missing(self, owner: Owner, name: str, rows: int = 1) -> Array:
        """A feature's array `[rows, *]` of missing values."""
        return np.repeat(self.one(owner, name, {}), rows, axis=0)

    def one(self, owner: Owner, name: str, record: Mapping[str, Any]) -> Array:
        """One feature's array `[1, *]` of one record, as `encode_one` has it; not to be written to."""
        columns = self.parts[owner][name].reads(name)
        if isinstance(self.features[owner][name], AsOf):  # the same values mean something else when more has happened
            return self._read(owner, name, record)
        values = [record.get(column) for column in columns]
        written = repr(values)  # tells 1 from 1.0, True and "1"
        array = self._remembered.get((owner, name, written))
        if array is None:
            array = self._read(owner, name, record)
            if len(written) <= LONGEST_REMEMBERED:
                if len(self._remembered) >= REMEMBERED:
                    self._remembered.clear()
                self._remembered[owner, name, written] = array
        return array

    def _read(self, owner: Owner, name: str, record: Mapping[str, Any]) -> Array:
        """One feature's array `[1, *]` of one record."""
        columns = self.parts[owner][name].reads(name)
        table = pl.DataFrame({column: pl.Series([record.get(column)], strict=False) for column in columns})
        return self.features[owner][name].transform(_values(table, columns))

    def observe(self, event: Mapping[str, Any], item: Mapping[str, Any] = MappingProxyType({})) -> None:
        """Tell the counters of an event.

        Args:
            event: `{column: value}` with its `user_id`, `item_id` and `timestamp` in seconds.
            item: The columns of its item that candidates are counted by, a row of `catalogue`.
        """
        for feature in self.features["context"].values():
            if isinstance(feature, AsOf):
                feature.observe(event)
        for feature in self._of_candidates.values():
            feature.observe({**event, **item})

    def catalogue(self, items: pl.DataFrame) -> pl.DataFrame:
        """What candidates are counted by, as texts, a row per item; missing where the table lacks a column."""
        return pl.DataFrame([_texts(items, name) for name in sorted({"item_id"}.union(*self._by_item.values()))])

    def encode_candidates(
        self, moments: pl.DataFrame, catalogue: pl.DataFrame, rows: Array, without: Mapping[str, Without] = MappingProxyType({})
    ) -> dict[str, Array]:
        """What is counted of candidates as of the moment of who asks, `{name: [n, k, *]}`; empty where nothing is.

        Args:
            moments: One row per query, with what candidates are counted by beside the item, and `timestamp`, `[n]`.
            catalogue: As `catalogue` gives it.
            rows: Catalogue rows of the candidates `[n, k]`.
            without: Events that some of them, of `[n * k]` in a row, are counted without, by feature.
        """
        if not self.features["candidate"]:
            return {}
        query, found = np.repeat(np.arange(len(rows)), rows.shape[1]), {}
        items = {name: catalogue[name].gather(rows.ravel()) for name in catalogue.columns}
        told = {name: moments[name].gather(query) for name in moments.columns if name in self._beside_item}
        frame, times = pl.DataFrame(items | told), as_number(moments["timestamp"])[query]
        keys: dict[tuple[str, ...], pl.Series] = {}
        for name, feature in self._of_candidates.items():
            by = self.parts["candidate"][name].asks(name)
            keys[by] = keys[by] if by in keys else feature.keys(frame)
            array = feature.as_of(keys[by], times, without.get(name))
            found[name] = array.reshape(*rows.shape, *array.shape[1:])
        return found

    def counters(self, owner: Owner) -> dict[str, AsOf]:
        """Those of the owner's features that count what happened before."""
        return {name: feature for name, feature in self.features[owner].items() if isinstance(feature, AsOf)}

    def counted_events(self, owner: Owner, name: str, log: Log, events: Sequence[int | Mapping[str, Any]]) -> pl.Series:
        """What such a feature reads of past events `[n]`.

        Args:
            owner, name: The feature.
            log: Whose rows some of them are.
            events: Each a row of the log, or an event as `observe` takes it, the columns of its item among its own.
        """
        columns = self.parts[owner][name].reads(name)
        rows = [event for event in events if isinstance(event, int)]
        frame = self._of_events(log, owner, name, np.array(rows, dtype=np.int64))
        asked = [column for column in self.parts[owner][name].asks(name) if column != "timestamp"]
        of_log = iter(frame.with_columns(as_text(frame[column]).alias(column) for column in asked).to_dicts())
        told = [next(of_log) if isinstance(event, int) else event for event in events]
        return _values(pl.DataFrame({column: series_of([each.get(column) for each in told]) for column in columns}), columns)

    def encode_log(self, log: Log) -> Encoded:
        """A whole log. Texts stored as codes are transformed once per distinct value."""
        return Encoded(user=self.encode("user", log.users), item=self.encode("item", log.items), **self.encode_events(log))

    def encode_events(self, log: Log) -> dict[str, dict[str, Array]]:
        """The event features of a whole log by owner (context, history, scenario, candidate)."""
        return {owner: {name: self._event_feature(log, owner, name) for name in self.parts[owner]} for owner in OWNERS[2:]}

    def _event_feature(self, log: Log, owner: Owner, name: str) -> Array:
        feature, columns = self.features[owner][name], self.parts[owner][name].reads(name)
        packed = log.columns.get(columns[0])
        if len(columns) == 1 and packed is not None and packed.values is not None:
            table, codes = feature.transform(packed.table), packed.data  # code -1, a missing value, is the table's last row
            return _per_event(lambda rows: table[codes[rows]], len(log))
        if isinstance(feature, AsOf):
            feature.remember(_values(self._of_events(log, owner, name, slice(None)), columns))
        return _per_event(lambda rows: feature.transform(_values(self._of_events(log, owner, name, rows), columns)), len(log))

    def _of_events(self, log: Log, owner: Owner, name: str, rows: Array | slice) -> pl.DataFrame:
        """What the feature reads of these events; a column of the items by which candidates are counted is that of the event's item."""
        of_item = self._by_item[name] if owner == "candidate" else frozenset()
        columns = self.parts[owner][name].reads(name)
        series = (log.items[each].gather(log.item[rows]) if each in of_item else log.series(each, rows) for each in columns)
        return pl.DataFrame(dict(zip(columns, series, strict=True)))

    def state(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """What was learnt, as JSON and arrays, by owner and name."""
        facts: dict[str, Any] = {}
        arrays: dict[str, Array] = {}
        for owner, name in self._names():
            learnt, more = self.features[owner][name].state()
            facts[f"{owner}.{name}"] = learnt
            arrays |= {f"{owner}.{name}/{key}": np.ascontiguousarray(array) for key, array in more.items()}
        return facts, arrays

    def restore(self, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> "FeatureSet":
        """Take a `state` of the same recipe."""
        self._remembered.clear()
        for owner, name in self._names():
            prefix = f"{owner}.{name}/"
            own = {key.removeprefix(prefix): array for key, array in arrays.items() if key.startswith(prefix)}
            self.features[owner][name].restore(facts[f"{owner}.{name}"], own)
        return self

    def save(self, directory: Path) -> None:
        """Write `features.json`, `features.safetensors` and the features' own files."""
        facts, arrays = self.state()
        (directory / "features.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf8")
        save_file(arrays, directory / "features.safetensors")
        for feature in self._filed():
            feature.write_files(directory)

    def load(self, directory: Path) -> "FeatureSet":
        """Restore what `save` wrote for the same recipe."""
        facts = json.loads((directory / "features.json").read_text(encoding="utf8"))
        self.restore(facts, load_file(directory / "features.safetensors"))
        for feature in self._filed():
            feature.read_files(directory)
        return self

    def _filed(self) -> list[Filed]:
        each = (self.features[owner][name] for owner, name in self._names())
        return [feature for feature in each if isinstance(feature, Filed)]


def _with_events(table: pl.DataFrame, rows: Array) -> tuple[pl.DataFrame, Array | None]:
    """The table's rows that events are of, given the row of each event, and how many events each has `[rows]`."""
    present, events = np.unique(rows, return_counts=True)
    return table.select(pl.all().gather(present)), events


def _written(owner: Owner, name: str) -> str:
    """The feature as the recipe has it."""
    return f"features, {'item' if owner == 'candidate' else owner}.{name}"


def _texts(table: pl.DataFrame, name: str) -> pl.Series:
    """A column as texts; all missing where the table lacks it."""
    return (as_text(table[name]) if name in table.columns else pl.Series([None] * len(table), dtype=pl.String)).alias(name)


def _values(table: pl.DataFrame, columns: tuple[str, ...]) -> pl.Series:
    return table[columns[0]] if len(columns) == 1 else table.select(pl.struct(columns)).to_series()


def _per_event(make: Callable[[Array], Array], events: int) -> Array:
    """Every event's row where they are few, each when it is asked for where they are many."""
    return make(np.arange(events)) if events <= LARGE else Gathered(make, events)  # type: ignore[return-value]  # read as an array is
