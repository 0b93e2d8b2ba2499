"""Which places of the recommended lists hold a relevant item: what every ranking metric starts from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.evaluation.metrics.rows import divide
from penchant.schema.errors import DataError

Hits = NDArray[np.bool_]
Integers = NDArray[np.integer[Any]]
PerUser = NDArray[np.float64]

NO_ITEM = -1


def find_hits(recommended: Integers, user_position: Integers, item: Integers) -> tuple[Hits, Integers]:
    """Compares every user's list with the items relevant to that user.

    Args:
        recommended: Item rows in rank order [users, k]; -1 where a list is shorter.
        user_position: Row in `recommended` of each relevant pair [n].
        item: Item row of each relevant pair [n], at least 0; a pair named twice counts once.

    Returns:
        Hits [users, k] and the number of relevant items [users], 0 for a user without any.

    Raises:
        DataError: when a list names an item twice, or a relevant pair lies outside the lists or the items.
    """
    users = len(recommended)
    _refuse_repeats(recommended)
    _refuse_strangers(user_position, item, users)
    span = int(max(recommended.max(initial=NO_ITEM), item.max(initial=NO_ITEM))) + 1
    relevant_keys = np.unique(user_position.astype(np.int64) * span + item)
    keys = np.arange(users, dtype=np.int64)[:, None] * span + recommended
    hits = _contained(relevant_keys, keys) & (recommended != NO_ITEM)
    return hits, np.bincount(relevant_keys // max(span, 1), minlength=users)


def first_places(hits: Hits, k: int) -> Hits:
    """The first k places [users, k].

    Raises:
        DataError: when k is not between 1 and the width of `hits`; shorter lists are padded, so that they count as misses.
    """
    if not 1 <= k <= hits.shape[1]:
        raise DataError(
            "k", must=f"between 1 and the lists' length {hits.shape[1]}", came=str(k), do="Recommend longer lists, padded with -1."
        )
    return hits[:, :k]


def per_relevant(amount: PerUser, relevant: Integers | PerUser) -> PerUser:
    """amount / relevant [users]; nan for users without relevant items, whose ranking cannot be judged."""
    return divide(amount, relevant)


def _contained(ascending: Integers, keys: Integers) -> Hits:
    if not len(ascending):
        return np.zeros(keys.shape, dtype=bool)
    place = np.searchsorted(ascending, keys)
    found: Hits = ascending[np.minimum(place, len(ascending) - 1)] == keys
    return found


def _refuse_repeats(recommended: Integers) -> None:
    ordered = np.sort(recommended, axis=1)
    repeated = ((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] != NO_ITEM)).any(axis=1)
    if repeated.any():
        came = f"repeats in {repeated.sum():,} of {len(repeated):,} lists, first at user {repeated.argmax()}"
        raise DataError("a recommended list", must="without repeats", came=came, do="Recommend each item once, or recall exceeds 1.")


def _refuse_strangers(user_position: Integers, item: Integers, users: int) -> None:
    outside = (user_position < 0) | (user_position >= users) | (item < 0)
    if outside.any():
        came = f"{outside.sum():,} outside, first at pair {outside.argmax()}"
        must = f"users from 0 to {users - 1} and items from 0"
        raise DataError("the relevant pairs", must=must, came=came, do="Give positions in the lists and item rows.")
