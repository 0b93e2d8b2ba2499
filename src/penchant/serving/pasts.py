"""What classic models read of a past, and requests as the queries they answer: offline and online the same `scores`."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.log import Column, Log
from penchant.models.queries import Queries, moment_columns
from penchant.schema.expression import Expression
from penchant.schema.recipe import Recipe
from penchant.serving.memory import UserPast
from penchant.serving.served import Person

IN_HISTORY = " in_history"  # a name that no column has: ids and columns are stripped


class WholePast:
    """A `serving.memory.Reader`: every event, whether histories keep it, and the columns that labels of amounts are read from.

    Args:
        log: Holds the pasts so far; its items are those the models have learnt.
        recipe: What histories keep, and which labels are amounts.
    """

    length: int | None = None

    def __init__(self, log: Log, recipe: Recipe) -> None:
        self._log, self._recipe = log, recipe
        where = recipe.history.where
        self._where = Expression(where) if where and log.in_history is not None else None

    @cached_property
    def columns(self) -> list[str]:
        """Event columns that are kept of each event."""
        amounts = [task for task in self._recipe.tasks.values() if task.kind == "regression"]
        texts = [text for task in amounts for text in (task.label, task.only_where) if text]
        return sorted({name for text in texts for name in Expression(text).columns} & self._log.columns.keys())

    def rows(self, user: int) -> NDArray[np.integer[Any]]:
        """All log rows of the user."""
        return np.arange(self._log.offsets[user], self._log.offsets[user + 1])

    def of_log(self, rows: NDArray[np.integer[Any]]) -> list[dict[str, Any]]:
        """What is kept of these events, by column."""
        kept = {name: _values(self._log.columns[name], rows) for name in self.columns}
        if self._where is not None and self._log.in_history is not None:
            kept[IN_HISTORY] = self._log.in_history[rows].tolist()
        return [dict(zip(kept, values, strict=True)) for values in zip(*kept.values(), strict=True)] if kept else [{}] * len(rows)

    def of_lines(self, lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | None]:
        """The same of new events."""
        return [{name: line.get(name) for name in self.columns} | self._kept(line) for line in lines]

    def observe(self, line: Mapping[str, Any], item: int) -> None:
        """Nothing is counted."""

    def _kept(self, line: Mapping[str, Any]) -> dict[str, Any]:
        return {} if self._where is None else {IN_HISTORY: self._where.holds(line)}

    def queries(self, people: Sequence[Person], pasts: Sequence[UserPast]) -> Queries:
        """Requests as queries over a small log of their pasts; what a model cannot have learnt of, items added since, is left out."""
        known = [np.flatnonzero(np.array(past.items, dtype=np.int64) < len(self._log.items)) for past in pasts]
        end = np.cumsum([len(places) for places in known])
        start = end - [len(places) for places in known]
        user = np.array([person.row for person in people], dtype=np.int64)
        log = Log(
            users=self._log.users,
            items=self._log.items,
            user=np.repeat(np.maximum(user, 0), end - start).astype(np.int32),
            item=_joined([past.items for past in pasts], known, np.int32),
            time=_joined([past.times for past in pasts], known, np.float64),
            columns={name: self._column(name, pasts, known) for name in self.columns},
            in_history=None if self._where is None else _joined(_each(pasts, IN_HISTORY), known, np.bool_),
        )
        names = sorted({*moment_columns(self._recipe), "user_id"})
        moment = pl.DataFrame({name: pl.Series([person.moment.get(name) for person in people], strict=False) for name in names})
        return Queries(log, user, end, moment, start)

    def _column(self, name: str, pasts: Sequence[UserPast], known: Sequence[NDArray[np.int64]]) -> Column:
        values = [values[place] for values, places in zip(_each(pasts, name), known, strict=True) for place in places]
        if self._log.columns[name].values is None:
            return Column(pl.Series(values, dtype=pl.Float64, strict=False).fill_null(float("nan")).to_numpy())
        return Column.pack(pl.Series(values, dtype=pl.String, strict=False))


def _values(column: Column, rows: NDArray[np.integer[Any]]) -> list[Any]:
    """A column at these rows; numbers without the detour by way of polars, which costs a request most of a millisecond."""
    return column.take(rows).to_list() if column.values is not None else np.asarray(column.data[rows]).tolist()


def _each(pasts: Sequence[UserPast], name: str) -> list[list[Any]]:
    return [[columns[name] for columns in past.columns] for past in pasts]


def _joined(values: Sequence[Sequence[Any]], known: Sequence[NDArray[np.int64]], kind: type[np.generic]) -> NDArray[Any]:
    return np.concatenate(
        [np.zeros(0, dtype=kind), *(np.array(own, dtype=kind)[places] for own, places in zip(values, known, strict=True))]
    )
