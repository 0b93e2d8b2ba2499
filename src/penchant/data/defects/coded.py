"""The events by number: what several kinds of defects would otherwise sort, count and compare each for itself."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

_PAIR = ("user_id", "item_id")


@dataclass(frozen=True)
class Coded:
    """Events whose ids are numbers; each view is made once, when it is first asked for.

    Attributes:
        events: With canonical columns `user_id`, `item_id` (text) and `timestamp` (seconds).
    """

    events: pl.DataFrame

    @cached_property
    def ids(self) -> dict[str, pl.Series]:
        """Different `user_id`s and `item_id`s, in order."""
        return {key: self.events[key].drop_nulls().unique().sort() for key in _PAIR}

    @cached_property
    def codes(self) -> dict[str, pl.Series]:
        """The place of each event's id among `ids`, `[events]`; missing where the id is."""
        return {key: self.events[key].cast(pl.Enum(self.ids[key])).to_physical().cast(pl.Int32) for key in _PAIR}

    def counts(self, key: str) -> pl.DataFrame:
        """Each of the `ids` as `text`, and how many `rows` have it."""
        rows = np.bincount(self.codes[key].drop_nulls().to_numpy(), minlength=self.ids[key].len())
        return pl.DataFrame({"text": self.ids[key], "rows": pl.Series(rows, dtype=pl.UInt32)})

    @cached_property
    def by_time(self) -> pl.Series:
        """Rows at a finite time, in its order; rows of the same time in the order of the table."""
        time = self.events["timestamp"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        rows = np.flatnonzero(np.isfinite(time))
        return pl.Series("row", rows[np.argsort(time[rows], kind="stable")], dtype=pl.UInt32)

    @cached_property
    def by_user(self) -> pl.DataFrame:
        """`row`, `user`, `item` and `time` of the events with a user and a finite time, sorted by user, time and row."""
        columns = {"user": self.codes["user_id"], "item": self.codes["item_id"], "time": self.events["timestamp"].cast(pl.Float64)}
        usable = pl.DataFrame(columns).with_row_index("row").filter(pl.col("user").is_not_null() & pl.col("time").is_finite())
        return usable.sort("user", "time", maintain_order=True)

    @cached_property
    def of_same_pair(self) -> pl.Series:
        """Rows whose user and item meet in another row, too, ascending."""
        users, items = (self.codes[key].cast(pl.Int64) for key in _PAIR)
        pairs = users * len(self.ids["item_id"]) + items
        ordered = pairs.drop_nulls().sort()
        again = ordered.filter(ordered == ordered.shift()).unique()
        return pairs.is_in(again.implode()).arg_true()


def mask_of(rows: pl.Series | NDArray[np.integer], height: int) -> pl.Series:
    """Whether each of `height` rows is among these rows (from 0), `[height]`."""
    mask = np.zeros(height, dtype=bool)
    mask[np.asarray(rows)] = True
    return pl.Series(mask)
