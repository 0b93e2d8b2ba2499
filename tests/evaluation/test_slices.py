"""Slices: named masks that are never empty."""

import numpy as np
import pytest

from penchant.evaluation.slices import by_activity, by_cold_start, by_scenario, by_training_events


def as_lists(slices: dict[str, np.ndarray]) -> dict[str, list[int]]:
    return {name: np.flatnonzero(mask).tolist() for name, mask in slices.items()}


def test_scenarios_come_largest_first_and_missing_ones_are_unknown() -> None:
    slices = by_scenario(["b", "home", None, "home", "a"])
    assert list(slices) == ["home", "a", "b", "unknown"]
    assert as_lists(slices) == {"home": [1, 3], "a": [4], "b": [0], "unknown": [2]}


def test_cold_is_below_the_given_number_of_events() -> None:
    assert as_lists(by_training_events([0, 1, 5])) == {"cold": [0], "warm": [1, 2]}
    assert as_lists(by_training_events([0, 1, 5], cold_below=2)) == {"cold": [0, 1], "warm": [2]}


def test_an_empty_slice_is_dropped() -> None:
    assert list(by_training_events([3, 4])) == ["warm"]


def test_the_four_ways_of_cold_start() -> None:
    slices = by_cold_start([1, 0, 1, 0], [1, 1, 0, 0])
    names = ["warm user, warm item", "cold user, warm item", "warm user, cold item", "cold user, cold item"]
    assert as_lists(slices) == {name: [place] for place, name in enumerate(names)}


def test_activity_is_cut_in_thirds() -> None:
    assert as_lists(by_activity([30, 10, 20, 60, 50, 40])) == {"least active": [1, 2], "middle": [0, 5], "most active": [3, 4]}


def test_equal_activity_stays_in_one_slice() -> None:
    assert as_lists(by_activity([1, 1, 1, 1, 9])) == {"least active": [0, 1, 2, 3], "most active": [4]}


@pytest.mark.parametrize("slices", [by_activity([]), by_training_events([]), by_scenario([]), by_cold_start([], [])])
def test_nothing_has_no_slices(slices: dict[str, np.ndarray]) -> None:
    assert slices == {}
