"""Pins, boosts and quotas: by hand, and laws that hold whatever is asked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.funnel.rules import AtLeast, AtMost, arrange, boosted

KINDS = np.array([0, 0, 0, 1, 0, 1, 2, 1, 0, 2])
"""Of ten candidates in the order of their scores."""


def most(kind: int, first: int, count: int) -> AtMost:
    return AtMost(f"most {kind}", (kind == KINDS), first, count)


def least(kind: int, first: int, count: int) -> AtLeast:
    return AtLeast(f"least {kind}", (kind == KINDS), first, count)


def test_that_without_rules_nothing_moves() -> None:
    found = arrange(np.arange(10), 4, {})
    assert (found.places.tolist(), found.moved, found.dropped) == ([0, 1, 2, 3], {}, [])


def test_that_pins_stand_at_their_places_and_the_others_around_them() -> None:
    found = arrange(np.arange(10), 4, {0: (9, "ours"), 2: (0, "first")})
    assert found.places.tolist() == [9, 1, 0, 2]
    assert found.moved == {9: ["ours"], 0: ["first"]}
    assert arrange(np.arange(10), 4, {7: (9, "far")}).places.tolist() == [0, 1, 2, 3]


def test_that_at_most_keeps_later_ones_back() -> None:
    found = arrange(np.arange(10), 5, {}, [most(0, 4, 2)])
    assert found.places.tolist() == [0, 1, 3, 5, 2]
    assert found.moved == {2: ["most 0"], 3: ["most 0"], 5: ["most 0"]}
    assert arrange(np.arange(10), 5, {1: (8, "pin")}, [most(0, 4, 2)]).places.tolist() == [0, 8, 3, 5, 1]


def test_that_at_least_waits_as_long_as_it_may() -> None:
    found = arrange(np.arange(10), 5, {}, [], [least(2, 5, 2)])
    assert found.places.tolist() == [0, 1, 2, 6, 9]
    assert found.moved == {6: ["least 2"], 9: ["least 2"]}
    assert arrange(np.arange(10), 5, {4: (4, "pin")}, [], [least(2, 5, 2)]).places.tolist() == [0, 1, 6, 9, 4]
    assert arrange(np.arange(10), 3, {}, [], [least(2, 10, 1)]).places.tolist() == [0, 1, 6], "a shorter list is looked at as a whole"


def test_that_quotas_look_ahead_together() -> None:
    found = arrange(np.arange(10), 6, {}, [], [least(1, 6, 3), least(2, 6, 2)])
    assert found.places.tolist() == [0, 3, 5, 6, 7, 9]
    assert found.dropped == []


def test_that_rules_that_cannot_be_kept_together_give_way_in_order() -> None:
    found = arrange(np.arange(10), 4, {0: (0, "pin"), 1: (1, "pin")}, [most(0, 4, 1)])
    assert (found.places.tolist(), found.dropped) == ([0, 1, 3, 5], ["most 0"]), "pins come first"
    found = arrange(np.arange(10), 4, {}, [most(2, 4, 0)], [least(2, 4, 1)])
    assert (found.places.tolist(), found.dropped) == ([0, 1, 2, 3], ["least 2"]), "then at most"
    found = arrange(np.arange(10), 3, {}, [], [least(1, 3, 2), least(2, 3, 2)])
    assert (found.dropped, KINDS[found.places].tolist().count(1)) == (["least 2"], 2), "then the first told"
    found = arrange(np.arange(3), 3, {}, [most(0, 3, 1)])
    assert (found.places.tolist(), found.dropped) == ([0, 1, 2], ["most 0"]), "a list is never shorter for a rule"
    assert arrange(np.arange(10), 5, {}, [], [least(2, 5, 3)]).dropped == ["least 2"], "there are but two"


def test_that_boosts_lift_scores_of_both_signs() -> None:
    scores = np.array([4.0, 1.0, -1.0, -4.0, 0.0], dtype=np.float32)
    assert boosted(scores, 2.0, np.array([True, False, False, True, True])).tolist() == [8.0, 1.0, -1.0, -2.0, 0.0]
    assert boosted(scores, 0.5, np.array([True, False, False, True, True])).tolist() == [2.0, 1.0, -1.0, -8.0, 0.0]


CANDIDATES = st.integers(1, 14)


@st.composite
def rules(draw: st.DrawFn) -> tuple[np.ndarray, int, dict[int, tuple[int, str]], list[AtMost], list[AtLeast], np.ndarray]:
    """An order of candidates of three kinds, places, pins, and a quota of each sort for some kinds."""
    n = draw(CANDIDATES)
    kinds = np.array(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    order = np.array(draw(st.permutations(range(n))))
    pinned = draw(st.lists(st.integers(0, n - 1), max_size=3, unique=True))
    places = draw(st.lists(st.integers(0, 9), min_size=len(pinned), max_size=len(pinned), unique=True))
    pins = {place: (candidate, "pin") for place, candidate in zip(places, pinned, strict=True)}
    quotas = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 10), st.integers(0, 4)), max_size=3, unique_by=lambda each: each[0])
    at_most = [AtMost(f"most {kind}", kinds == kind, first, count) for kind, first, count in draw(quotas)]
    at_least = [AtLeast(f"least {kind}", kinds == kind, first, count) for kind, first, count in draw(quotas) if count]
    return order, draw(st.integers(1, 12)), pins, at_most, at_least, kinds


@given(rules())
def test_that_lists_are_whole_pins_stand_and_dropped_tells_the_truth(asked: tuple) -> None:  # type: ignore[type-arg]
    order, k, pins, at_most, at_least, _ = asked
    found = arrange(order, k, pins, at_most, at_least)
    places = found.places.tolist()
    assert len(places) == len(set(places)) == min(k, len(order))
    assert all(places[place] == candidate for place, (candidate, _) in pins.items() if place < len(places))
    kept = {rule.name: rule.members[places[: rule.first]].sum() <= rule.most for rule in at_most}
    kept |= {rule.name: rule.members[places[: rule.first]].sum() >= min(rule.least, len(places)) for rule in at_least}
    assert set(found.dropped) == {name for name, holds in kept.items() if not holds}


@given(rules())
def test_that_quotas_of_one_sort_that_can_be_kept_are(asked: tuple) -> None:  # type: ignore[type-arg]
    order, k, _, at_most, at_least, kinds = asked
    k = min(k, len(order))
    counts = {kind: int((kinds == kind).sum()) for kind in range(3)}
    needs = [(min(rule.first, k), min(rule.least, min(rule.first, k)), int(rule.name[-1])) for rule in at_least]
    possible = all(least <= counts[kind] for _, least, kind in needs)
    possible &= all(sum(least for end, least, _ in needs if end <= until) <= until for until in range(1, k + 1))
    if possible:
        exact = [AtLeast(rule.name, rule.members, rule.first, need) for rule, (_, need, _) in zip(at_least, needs, strict=True)]
        assert arrange(order, k, {}, [], exact).dropped == []
    if len(at_most) == 1:
        rule = at_most[0]
        if int((~rule.members).sum()) >= min(rule.first, k) - rule.most:
            assert arrange(order, k, {}, at_most).dropped == []
