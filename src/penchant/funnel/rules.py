"""What business has a say in: items at places, factors of scores, and how many of a kind among the first.

Rules that cannot be kept together give way in this order, the last first: pins, quotas "at most", quotas "at least", and within
each the order in which they are told. A list is never shorter for a rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class AtMost:
    """At most so many of the candidates in `members` `[n]` among the first places."""

    name: str
    members: Mask
    first: int
    most: int


@dataclass(frozen=True)
class AtLeast:
    """At least so many of the candidates in `members` `[n]` among the first places."""

    name: str
    members: Mask
    first: int
    least: int


@dataclass(frozen=True)
class Arranged:
    """Candidates by place.

    Attributes:
        places: Which candidate stands where `[k]`.
        moved: Names of the rules that put a candidate where it is, or kept it from an earlier place.
        dropped: Names of the rules that are not kept.
    """

    places: Places
    moved: Mapping[int, Sequence[str]] = field(default_factory=dict)
    dropped: Sequence[str] = ()


def boosted(scores: NDArray[np.float32], factor: float, members: Mask) -> NDArray[np.float32]:
    """The scores with those of members times a factor; below 0 divided by it, so that a factor above 1 always lifts."""
    changed = np.where(scores > 0, scores * np.float32(factor), scores / np.float32(factor))
    return np.where(members, changed, scores).astype(np.float32)


def arrange(
    order: Places, k: int, pins: Mapping[int, tuple[int, str]], at_most: Sequence[AtMost] = (), at_least: Sequence[AtLeast] = ()
) -> Arranged:
    """The first k candidates in an order, as far as rules let them.

    For every place the first candidate left is taken with which all rules can still be kept. "At least" looks ahead: once no more
    places are left than are needed, only what is needed is taken. That takes each item to serve one quota, so that quotas that
    overlap may be served earlier than they must.

    Args:
        order: Candidates, the best first `[n]`, each once.
        k: Places; fewer where there are fewer candidates.
        pins: The candidate of a place, counted from 0, and the rule's name; candidates each once, among `order`.
        at_most, at_least: Quotas; `members` are looked up by candidate.
    """
    k = min(k, len(order))
    pins = {place: pin for place, pin in pins.items() if place < k}
    arranging = _Arranging(order, k, pins, at_most, at_least)
    for place in range(k):
        arranging.fill(place)
    return arranging.done()


class _Arranging:
    """A list being filled, place by place."""

    def __init__(
        self, order: Places, k: int, pins: Mapping[int, tuple[int, str]], at_most: Sequence[AtMost], at_least: Sequence[AtLeast]
    ) -> None:
        self.order, self.k, self.pins, self.at_most, self.at_least = order, k, pins, at_most, at_least
        self.left = np.ones(len(order), dtype=bool)  # by place in `order`
        where = {int(candidate): place for place, candidate in enumerate(order)}
        for candidate, _ in pins.values():
            self.left[where[candidate]] = False
        self.places = np.zeros(k, dtype=np.int64)
        self.moved: dict[int, list[str]] = {}
        self.pinned = sorted(pins)
        self.rules: list[AtMost | AtLeast] = [*at_most, *at_least]
        self.counts = {id(rule): self._pinned_in(rule) for rule in self.rules}

    def fill(self, place: int) -> None:
        """Take a candidate for the place."""
        if place in self.pins:
            self.places[place], name = self.pins[place]
            self._note(int(self.places[place]), name)
            return
        allowed, wishes = self.left, self._wishes(place)
        first = int(np.argmax(self.left))
        deciding = []
        for name, members in wishes:
            narrower = allowed & members
            if narrower.any():
                deciding += [name] if allowed[first] and not narrower[first] else []
                allowed = narrower
        chosen = int(np.argmax(allowed))
        self.left[chosen] = False
        candidate = self.places[place] = self.order[chosen]
        for name in deciding:
            self._note(int(self.order[first]), name)
            self._note(int(candidate), name)
        for rule in self.rules:
            if rule.members[candidate]:  # beyond its first places nobody asks
                self.counts[id(rule)] += 1

    def done(self) -> Arranged:
        """The list, with the rules that it does not keep."""
        dropped = [rule.name for rule in self.at_most if rule.members[self.places[: rule.first]].sum() > rule.most]
        dropped += [rule.name for rule in self.at_least if rule.members[self.places[: rule.first]].sum() < min(rule.least, self.k)]
        listed = set(self.places.tolist())
        return Arranged(self.places, {key: names for key, names in self.moved.items() if key in listed}, list(dict.fromkeys(dropped)))

    def _wishes(self, place: int) -> list[tuple[str, Mask]]:
        """What a candidate for the place should be, the most important first; masks over `order`."""
        wishes = [
            (rule.name, ~rule.members[self.order]) for rule in self.at_most if place < rule.first and self.counts[id(rule)] >= rule.most
        ]
        pending = [(rule, need) for rule in self.at_least if place < rule.first and (need := self._need(rule)) > 0]
        for end in sorted({min(rule.first, self.k) for rule, _ in pending}):
            due = [(rule, need) for rule, need in pending if min(rule.first, self.k) <= end]
            free = end - place - sum(place <= each < end for each in self.pinned)
            needed = sum(need for _, need in due)
            if needed > free:
                wishes += [(rule.name, rule.members[self.order]) for rule, _ in due]
            elif needed == free:
                together = np.logical_or.reduce([rule.members[self.order] for rule, _ in due])
                wishes.append((due[0][0].name, together))
        return wishes

    def _need(self, rule: AtLeast) -> int:
        """How many more there must be, as far as there are any left."""
        return min(rule.least - self.counts[id(rule)], int((rule.members[self.order] & self.left).sum()))

    def _pinned_in(self, rule: AtMost | AtLeast) -> int:
        return sum(bool(rule.members[candidate]) for place, (candidate, _) in self.pins.items() if place < rule.first)

    def _note(self, candidate: int, name: str) -> None:
        names = self.moved.setdefault(candidate, [])
        if name not in names:
            names.append(name)
