"""Who asks, when, in what circumstances, and what is known of them by then."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.schema.recipe import Recipe

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Queries:
    """Requests over a log, one user each.

    Attributes:
        log: Where their pasts lie.
        user: User rows, -1 for somebody the log does not know, `[n]`.
        before: Log rows of the user below this one are known, `[n]`.
        moment: Time, scenario and context columns, one row per query; the user's id where something is counted by user.
        start: Log rows from this one on are the query's past, `[n]`, for a log that holds pasts one after another and not by user row;
            where the user's events begin when absent.
    """

    log: Log
    user: Rows
    before: Rows
    moment: pl.DataFrame
    start: Rows | None = None

    def __len__(self) -> int:
        return len(self.user)

    @classmethod
    def at_events(cls, data: Dataset, rows: Rows) -> "Queries":
        """What could be asked just before these events of a data set happened, in their circumstances.

        Events of the same moment do not count as known, whichever came first into the log.
        """
        columns = moment_columns(data.recipe)
        return cls(data.log, data.log.user[rows].astype(np.int64), data.log.first_of_moment[rows], data.log.take(columns, rows))

    @classmethod
    def first_of_each_user(cls, data: Dataset) -> "Queries":
        """One query per user of the part, at the user's first event in it: the past is everything before."""
        return cls.at_events(data, data.rows[np.unique(data.log.user[data.rows], return_index=True)[1]])

    @classmethod
    def now(cls, log: Log, users: Sequence[Any], moment: pl.DataFrame) -> "Queries":
        """Requests of these user ids after everything the log holds; `moment` has one row per user."""
        known = dict(zip(log.users["user_id"], range(len(log.users)), strict=True))
        user = np.array([known.get(str(name), -1) for name in users], dtype=np.int64)
        moment = moment.with_columns(pl.Series("user_id", [str(name) for name in users], dtype=pl.String))
        return cls(log, user, np.where(user < 0, 0, log.offsets[user + 1]), moment)

    def blocks(self, size: int) -> Iterator["Queries"]:
        """The same queries, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))

    def take(self, places: NDArray[np.integer[Any]]) -> "Queries":
        """Some of the queries, in the order of `places`."""
        start = None if self.start is None else self.start[places]
        return replace(self, user=self.user[places], before=self.before[places], moment=self.moment[places], start=start)

    def with_pasts(self, pasts: "Sequence[Rows]") -> "Queries":
        """The only query again and again, each time with these log rows, in order, as all that is known: over a small log of its own."""
        rows = np.concatenate([np.zeros(0, dtype=np.int64), *pasts])
        ends = np.cumsum([len(past) for past in pasts])
        log = Log(
            users=self.log.users,
            items=self.log.items,
            user=np.full(len(rows), max(int(self.user[0]), 0), dtype=np.int32),
            item=self.log.item[rows],
            time=self.log.time[rows],
            columns={name: replace(column, data=column.data[rows]) for name, column in self.log.columns.items()},
            in_history=None if self.log.in_history is None else self.log.in_history[rows],
        )
        starts = ends - [len(past) for past in pasts]
        every = np.zeros(len(pasts), dtype=np.int64)
        return Queries(log, self.user[every], ends.astype(np.int64), self.moment[every], starts.astype(np.int64))

    def known(self) -> tuple[Rows, Rows]:
        """Known events as pairs: query `[m]` and log row `[m]`, oldest first within a query."""
        begin = self._begin()
        counts = self.before - begin
        query = np.repeat(np.arange(len(self)), counts)
        places = np.arange(len(query)) - np.repeat(np.cumsum(counts) - counts, counts)
        return query, begin[query] + places

    def seen(self) -> tuple[Rows, Rows]:
        """Known events as pairs: query `[m]` and item row `[m]`, oldest first within a query."""
        query, rows = self.known()
        return query, self.log.item[rows].astype(np.int64)

    def history(self, length: int) -> tuple[Rows, Rows]:
        """Where the last `length` known history events begin in `log.history_rows` and how many they are, each `[n]`."""
        begin, end = (np.searchsorted(self.log.history_rows, rows).astype(np.int64) for rows in (self._begin(), self.before))
        start = np.maximum(begin, end - length)
        return start, end - start

    def _begin(self) -> Rows:
        """The first log row of each past; of nobody's any, as none of it is known."""
        return np.where(self.user < 0, 0, self.log.offsets[self.user]) if self.start is None else self.start


def moment_columns(recipe: Recipe) -> list[str]:
    """Event columns that are known when a recommendation is asked for."""
    columns = {column for name, part in recipe.features.context.items() for column in part.asks(name)} | recipe.features.candidate_moment
    return sorted(columns | {*recipe.scenario.named, "timestamp"})
