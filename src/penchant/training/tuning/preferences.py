"""Who wanted what, and after what: what an encoder of items' texts is fitted to."""

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.schema.errors import DataError

Rows = NDArray[np.int64]


class Preferences:
    """The wanted events of a training part, of items that have a text. Nothing else of the log is looked at.

    Args:
        data: The training part.
        told: Which items have a text, `[items]`.

    Attributes:
        times_wanted: Logarithm of each item's share of the wanted events, `[items]`; an item never wanted counts as once.
        times_had: The same of users who wanted it, each counted once.

    Raises:
        DataError: when no user wanted two items.
    """

    def __init__(self, data: Dataset, told: NDArray[np.bool_]) -> None:
        log, items = data.log, len(data.log.items)
        rows = data.positives[told[data.log.item[data.positives]]]
        self.user, self.item = log.user[rows].astype(np.int64), log.item[rows].astype(np.int64)
        self.begin = np.searchsorted(self.user, self.user)
        self.before = np.searchsorted(rows, log.first_of_moment[rows])  # events of the same moment do not see each other
        self.asked = np.flatnonzero(self.before > self.begin)
        self._items = items
        self._had = np.unique(self.user * items + self.item)
        owner = self._had // items
        self._first, end = (np.searchsorted(owner, owner, side=side) for side in ("left", "right"))
        self._many = end - self._first
        self.paired = np.flatnonzero(self._many > 1)
        if not len(self.paired) or not len(self.asked):
            do = "Take tuning out, or relax the next_item task's positive_where."
            must = "two wanted items of one user, one after the other, both with a text"
            raise DataError("the events to tune an encoder by", must=must, came="none", do=do)
        self.times_wanted, self.times_had = _shares(self.item, items), _shares(self._had % items, items)

    def moments(self, random: np.random.Generator, count: int, length: int) -> tuple[Rows, Rows, Rows]:
        """Some wanted events: user `[n]`, the latest wanted items before `[n, length]`, -1 where there are fewer, and item `[n]`."""
        events = random.choice(self.asked, count)
        places = self.before[events][:, None] - np.arange(1, length + 1)
        past = np.where(places >= self.begin[events][:, None], self.item[np.maximum(places, 0)], -1)
        return self.user[events], past, self.item[events]

    def pairs(self, random: np.random.Generator, count: int) -> tuple[Rows, Rows, Rows]:
        """Some users with two items that each of them wanted: user, one item, the other, each `[n]`."""
        one = random.choice(self.paired, count)
        step = random.integers(1, self._many[one])
        other = self._first[one] + (one - self._first[one] + step) % self._many[one]
        return self._had[one] // self._items, self._had[one] % self._items, self._had[other] % self._items

    def wanted(self, users: Rows, items: Rows) -> NDArray[np.bool_]:
        """Which of these users wanted which of these items at any time, `[users, items]`."""
        asked = users[:, None] * self._items + items
        place = np.minimum(np.searchsorted(self._had, asked), len(self._had) - 1)
        found: NDArray[np.bool_] = self._had[place] == asked
        return found


def _shares(item: Rows, items: int) -> NDArray[np.float32]:
    counts = np.maximum(np.bincount(item, minlength=items), 1)
    return np.log(counts / len(item)).astype(np.float32)
