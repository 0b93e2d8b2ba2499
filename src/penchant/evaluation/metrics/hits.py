"""Which places of the recommended lists hold a relevant item: what every ranking metric starts from.

Where a model gives several items the same score, their order is chance, and a metric's value is its mean over all orders of the tied
items (McSherry and Najork, Computing information retrieval performance measures efficiently in the presence of tied scores, ECIR 2008).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.evaluation.metrics.rows import divide
from penchant.schema.errors import DataError

Integers = NDArray[np.integer[Any]]
PerUser = NDArray[np.float64]
PerPlace = NDArray[np.float64]

NO_ITEM = -1


@dataclass(frozen=True)
class Ties:
    """Items that a list could as well have held in another order.

    Attributes:
        scores: Of the listed items, best first [users, k]; equal scores are tied.
        left: Ranked items beyond the list that are tied with its last one [users].
        left_relevant: How many of these are relevant [users].
    """

    scores: NDArray[np.floating[Any]]
    left: Integers
    left_relevant: Integers


@dataclass(frozen=True)
class Hits:
    """Where relevant items stand, or are expected to stand when ties are in random order.

    Attributes:
        found: Whether the place holds a relevant item in the order given [users, k].
        ties: Which orders are as likely; none when absent.
    """

    found: NDArray[np.bool_]
    ties: Ties | None = None

    @cached_property
    def gain(self) -> PerPlace:
        """The chance that a place holds a relevant item [users, k]."""
        if self.ties is None:
            return self.found.astype(float)
        size, relevant, _, _ = self._groups
        return relevant / size

    @cached_property
    def still_none(self) -> PerPlace:
        """The chance that a place and all before it hold no relevant item [users, k]."""
        if self.ties is None:
            return 1.0 - np.maximum.accumulate(self.found, axis=1)
        size, relevant, _, place = self._groups
        return np.cumprod(np.maximum(size - relevant - place, 0) / (size - place), axis=1)

    @cached_property
    def precision(self) -> PerPlace:
        """The precision up to a place where it holds a relevant item, else 0, in expectation [users, k]."""
        rank = np.arange(1, self.found.shape[1] + 1)
        if self.ties is None:
            return self.found * np.cumsum(self.found, axis=1) / rank
        size, relevant, before, place = self._groups
        tied_before = place * (relevant - 1) / np.maximum(size - 1, 1)
        return self.gain * (before + 1 + tied_before) / rank

    @cached_property
    def _groups(self) -> tuple[Integers, Integers, Integers, Integers]:
        """Of each place's group of ties: its size, its relevant items, those before it, and the place within it, each [users, k]."""
        assert self.ties is not None
        width = self.found.shape[1]
        starts = np.ones_like(self.found)
        starts[:, 1:] = self.ties.scores[:, 1:] != self.ties.scores[:, :-1]
        first = np.maximum.accumulate(np.where(starts, np.arange(width), 0), axis=1)
        ends = np.append(starts[:, 1:], np.ones((len(starts), 1), dtype=bool), axis=1)
        last = np.minimum.accumulate(np.where(ends, np.arange(width), width)[:, ::-1], axis=1)[:, ::-1]
        count: Integers = np.cumsum(self.found, axis=1) - self.found
        before: Integers = np.take_along_axis(count, first, axis=1)
        relevant = np.take_along_axis(count + self.found, last, axis=1) - before
        at_edge = last == width - 1
        size = last - first + 1 + at_edge * self.ties.left[:, None]
        return size, relevant + at_edge * self.ties.left_relevant[:, None], before, np.arange(width) - first


def find_hits(recommended: Integers, user_position: Integers, item: Integers, ties: Ties | None = None) -> tuple[Hits, Integers]:
    """Compares every user's list with the items relevant to that user.

    Args:
        recommended: Item rows in rank order [users, k]; -1 where a list is shorter.
        user_position: Row in `recommended` of each relevant pair [n].
        item: Item row of each relevant pair [n], at least 0; a pair named twice counts once.
        ties: Which orders of the lists are as likely as the one given.

    Returns:
        The hits and the number of relevant items [users], 0 for a user without any.

    Raises:
        DataError: when a list names an item twice, or a relevant pair lies outside the lists or the items.
    """
    users = len(recommended)
    _refuse_repeats(recommended)
    _refuse_strangers(user_position, item, users)
    span = int(max(recommended.max(initial=NO_ITEM), item.max(initial=NO_ITEM))) + 1
    relevant_keys = np.sort(user_position.astype(np.int64) * span + item)
    relevant_keys = relevant_keys[np.diff(relevant_keys, prepend=-1) > 0]  # five times as fast as np.unique
    keys = np.arange(users, dtype=np.int64)[:, None] * span + recommended
    found = contained(relevant_keys, keys) & (recommended != NO_ITEM)
    return Hits(found, ties), np.bincount(relevant_keys // max(span, 1), minlength=users)


def first_places(places: PerPlace, k: int) -> PerPlace:
    """The first k places [users, k].

    Raises:
        DataError: when k is not between 1 and the lists' length; shorter lists are padded, so that they count as misses.
    """
    if not 1 <= k <= places.shape[1]:
        raise DataError(
            "k", must=f"between 1 and the lists' length {places.shape[1]}", came=str(k), do="Recommend longer lists, padded with -1."
        )
    return places[:, :k]


def per_relevant(amount: PerUser, relevant: Integers | PerUser) -> PerUser:
    """amount / relevant [users]; nan for users without relevant items, whose ranking cannot be judged."""
    return divide(amount, relevant)


def contained(ascending: Integers, keys: Integers) -> NDArray[np.bool_]:
    """Which keys are among the ascending ones, of the keys' shape."""
    if not len(ascending):
        return np.zeros(keys.shape, dtype=bool)
    place = np.searchsorted(ascending, keys)
    found: NDArray[np.bool_] = ascending[np.minimum(place, len(ascending) - 1)] == keys
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
