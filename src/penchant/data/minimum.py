"""Users and items with too few events, in a log that lies on disk: which go, until none that is left has too few.

What stays is the largest set of events in which every user and every item has its minimum (the core of Seidman 1983, for two kinds of
nodes); which rule looks first changes only which of the two is named as the reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.data.log import Array

ROWS_AT_ONCE = 1_000_000
NEVER = np.iinfo(np.int32).max
RULES = {"user": "minimum_events_per_user", "item": "minimum_events_per_item"}


@dataclass(frozen=True)
class TooFew:
    """Who goes.

    Attributes:
        gone: For `user` and `item`, when each row of the table went (0, 1, 2, ...); `NEVER` for those that stay.
        rows: Events that went by each rule.
    """

    gone: Mapping[str, NDArray[np.int32]]
    rows: Mapping[str, int]

    def reasons(self, user: Array, item: Array) -> list[tuple[str, NDArray[np.bool_]]]:
        """Each rule, and which of these events it takes out, `[events]`."""
        by_user, by_item = self.gone["user"][user], self.gone["item"][item]
        return [(RULES["user"], by_user < by_item), (RULES["item"], by_item < by_user)]


def too_few(owner: Mapping[str, Array], sizes: Mapping[str, int], least: Mapping[str, int]) -> TooFew:
    """Drops users with too few events, then items, then users again, until both minima hold.

    Args:
        owner: The `user` and the `item` row of every event, `[events]` each; read in slices.
        sizes: How many users and how many items there are.
        least: The fewest events of a user and of an item; 1 drops those without any.
    """
    gone = {name: np.full(size, NEVER, dtype=np.int32) for name, size in sizes.items()}
    rows = dict.fromkeys(RULES.values(), 0)
    turn, dropped = 0, True
    while dropped:
        dropped = False
        for name in owner:  # a minimum of 1, too: who has lost every event by the other rule goes
            counts = _counts(owner, gone, name)
            few = (gone[name] == NEVER) & (counts < least[name])
            rows[RULES[name]] += int(counts[few].sum())
            dropped |= bool(counts[few].any())
            gone[name][few] = turn
            turn += 1
    return TooFew(gone, rows)


def _counts(owner: Mapping[str, Array], gone: Mapping[str, NDArray[np.int32]], name: str) -> NDArray[np.int64]:
    """How many events that are left each user, or item, has."""
    counts = np.zeros(len(gone[name]), dtype=np.int64)
    for part in slices(len(owner[name])):
        left = np.logical_and(*(gone[each][owner[each][part]] == NEVER for each in ("user", "item")))
        counts += np.bincount(owner[name][part][left], minlength=len(counts))
    return counts


def slices(rows: int) -> Iterator[slice]:
    """All rows, so many at once."""
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, rows, ROWS_AT_ONCE))


def places(stays: Sequence[bool] | NDArray[np.bool_]) -> NDArray[np.int32]:
    """The new row of each row that stays, `[rows]`."""
    return (np.cumsum(stays) - 1).astype(np.int32)
