"""Ways of making lists various: by hand, beside slow forms that follow the definition, and laws that all keep."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.evaluation.metrics.categories import intra_list_diversity, miscalibration
from penchant.funnel.diversity.calibrated import calibrated
from penchant.funnel.diversity.dpp import dpp
from penchant.funnel.diversity.mmr import mmr

Floats = NDArray[np.float64]


def drawn(seed: int, n: int = 12, width: int = 5) -> tuple[Floats, Floats]:
    """Relevances, falling, and unit vectors."""
    random = np.random.default_rng(seed)
    vectors = random.standard_normal((n, width))
    return np.sort(random.random(n))[::-1], vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def kinds(seed: int, n: int = 12, width: int = 4) -> tuple[Floats, Floats, Floats]:
    """Relevances, shares of kinds, and those of a past."""
    random = np.random.default_rng(seed)
    relevance = np.sort(random.random(n))[::-1]
    return relevance, np.eye(width)[random.integers(width, size=n)], random.integers(4, size=width).astype(float)


def by_vectors(choose: Any) -> Callable[[int, float, int], Any]:
    return lambda seed, strength, k: choose(*drawn(seed), strength, k)


WAYS: dict[str, Callable[[int, float, int], Any]] = {
    "mmr": by_vectors(mmr),
    "dpp": by_vectors(dpp),
    "calibrated": lambda seed, strength, k: calibrated(*kinds(seed), strength, k),
}


@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 50), strength=st.floats(0, 1), k=st.integers(0, 12))
@settings(max_examples=40)
def test_that_a_list_has_each_candidate_once_and_begins_longer_ones(way: str, seed: int, strength: float, k: int) -> None:
    chosen = WAYS[way](seed, strength, k).tolist()
    assert len(chosen) == len(set(chosen)) == k
    assert WAYS[way](seed, strength, 12).tolist()[:k] == chosen


@pytest.mark.parametrize("way", WAYS)
@given(seed=st.integers(0, 50))
@settings(max_examples=20)
def test_that_strength_0_is_the_order_of_relevance(way: str, seed: int) -> None:
    assert WAYS[way](seed, 0.0, 12).tolist() == list(range(12))


@given(st.integers(0, 30), st.floats(0, 1))
@settings(max_examples=30)
def test_that_mmr_is_its_definition(seed: int, strength: float) -> None:
    relevance, unit = drawn(seed)
    alike, chosen = unit @ unit.T, [0]
    while len(chosen) < 6:
        left = [each for each in range(12) if each not in chosen]
        chosen.append(max(left, key=lambda each: (1 - strength) * relevance[each] - strength * alike[each, chosen].max()))
    assert mmr(relevance, unit, strength, 6).tolist() == chosen


@given(st.integers(0, 30), st.floats(0.01, 0.99))
@settings(max_examples=30)
def test_that_dpp_is_the_greedy_choice_by_determinants(seed: int, strength: float) -> None:
    relevance, unit = drawn(seed)
    alike, chosen = (1 + unit @ unit.T) / 2, []

    def value(each: int) -> float:
        listed = [*chosen, each]
        return float((1 - strength) * relevance[listed].sum() + strength * np.linalg.slogdet(alike[np.ix_(listed, listed)])[1])

    while len(chosen) < 5:  # five vectors of five numbers and the constant span no more than six
        chosen.append(max((each for each in range(12) if each not in chosen), key=value))
    assert dpp(relevance, unit, strength, 5).tolist() == chosen


def test_that_dpp_goes_on_by_relevance_where_nothing_new_is_left() -> None:
    unit = np.tile(np.array([[1.0, 0.0]]), (4, 1))
    assert dpp(np.array([1.0, 0.9, 0.8, 0.7]), unit, 0.5, 4).tolist() == [0, 1, 2, 3]


@given(st.integers(0, 30), st.floats(0, 1))
@settings(max_examples=30)
def test_that_calibrated_is_greedy_by_the_measured_miscalibration(seed: int, strength: float) -> None:
    relevance, shares, past = kinds(seed)
    chosen: list[int] = []

    def value(each: int) -> float:
        off = miscalibration(np.array([[*chosen, each]]), shares, past[None])[0] if past.sum() else 0.0
        return float((1 - strength) * relevance[each] - strength * off)

    while len(chosen) < 6:
        chosen.append(max((each for each in range(12) if each not in chosen), key=lambda each: round(value(each), 9)))
    found = calibrated(relevance, shares, past, strength, 6).tolist()
    assert [round(value_of(relevance, shares, past, strength, found[:n]), 6) for n in range(1, 7)] == [
        round(value_of(relevance, shares, past, strength, chosen[:n]), 6) for n in range(1, 7)
    ]


def value_of(relevance: Floats, shares: Floats, past: Floats, strength: float, listed: list[int]) -> float:
    off = miscalibration(np.array([listed]), shares, past[None])[0] if past.sum() else 0.0
    return float((1 - strength) * relevance[listed[-1]] - strength * off)


def test_that_the_shares_of_the_past_come_out_by_hand() -> None:
    shares = np.eye(2)[[0] * 10 + [1] * 10]
    chosen = calibrated(np.linspace(1, 0, 20), shares, np.array([7.0, 3.0]), 0.99, 10)
    assert shares[chosen].sum(axis=0).tolist() == [7, 3]
    assert calibrated(np.linspace(1, 0, 20), shares, np.zeros(2), 1.0, 5).tolist() == [0, 1, 2, 3, 4], "of nobody nothing is known"


@pytest.mark.parametrize("choose", [mmr, dpp])
def test_that_more_strength_makes_lists_more_various(choose: Any) -> None:
    various = []
    for strength in (0.0, 0.4, 0.8):
        found = [intra_list_diversity(choose(*drawn(seed, 60), strength, 8)[None], drawn(seed, 60)[1])[0] for seed in range(20)]
        various.append(float(np.mean(found)))
    assert various[0] < min(various[1:])


def test_that_candidates_without_a_vector_are_unlike_all() -> None:
    unit = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    assert mmr(np.array([1.0, 0.9, 0.5]), unit, 0.5, 2).tolist() == [0, 2]
    assert dpp(np.array([1.0, 0.9, 0.5]), unit, 0.5, 2).tolist() == [0, 2]
