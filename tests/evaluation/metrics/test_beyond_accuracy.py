"""Coverage, exposure, novelty, variety and proportions, by hand."""

import numpy as np
import pytest

from penchant.evaluation.metrics.categories import SMOOTHING, intra_list_diversity, miscalibration
from penchant.evaluation.metrics.exposure import coverage, gini
from penchant.evaluation.metrics.novelty import novelty, popularity_lift

LISTS = np.array([[0, 1], [0, 2], [0, -1], [-1, -1]])
KINDS = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])


def test_that_coverage_counts_items_in_any_list() -> None:
    assert coverage(LISTS, 6) == 0.5
    assert coverage(LISTS[3:], 6) == 0


def test_that_gini_is_0_where_all_are_shown_alike_and_near_1_where_one_has_all() -> None:
    assert gini(np.array([[0, 1], [2, 3]]), 4) == 0
    assert gini(np.array([[2], [2], [2]]), 100) == pytest.approx(0.99)
    assert gini(LISTS, 3) == pytest.approx((1 * (-2) + 1 * 0 + 3 * 2) / (3 * 5))
    assert np.isnan(gini(LISTS[3:], 6))


def test_that_novelty_is_the_mean_of_bits() -> None:
    counts = np.array([8, 2, 0])
    np.testing.assert_allclose(novelty(LISTS, counts, 8), [(0 + 2) / 2, (0 + 4) / 2, 0, np.nan])


def test_that_lift_compares_a_list_with_the_past() -> None:
    found = popularity_lift(LISTS, np.array([8, 2, 0]), np.array([2.5, 8.0, 0.0, 1.0]))
    np.testing.assert_allclose(found, [1, -0.5, np.nan, np.nan])


def test_that_diversity_is_the_mean_distance_of_pairs() -> None:
    np.testing.assert_allclose(intra_list_diversity(LISTS, KINDS), [0, 1, np.nan, np.nan])
    vectors = np.random.default_rng(0).normal(size=(9, 4))
    lists = np.array([[0, 3, 5, 8], [1, 2, 4, -1]])
    for row, value in zip(lists, intra_list_diversity(lists, vectors), strict=True):
        unit = [vectors[item] / np.linalg.norm(vectors[item]) for item in row if item >= 0]
        pairs = [1 - one @ other for place, one in enumerate(unit) for other in unit[place + 1 :]]
        assert value == pytest.approx(np.mean(pairs))


def test_that_an_item_of_no_kind_is_unlike_every_other() -> None:
    np.testing.assert_allclose(intra_list_diversity(np.array([[0, 1]]), np.array([[0.0, 0.0], [1.0, 0.0]])), [1])


def test_that_a_list_of_the_pasts_proportions_is_calibrated_and_a_missing_kind_costs() -> None:
    past = np.array([[3.0, 0.0], [5.0, 5.0], [5.0, 5.0], [1.0, 1.0]])
    expected = 0.5 * np.log(0.5 / (1 - SMOOTHING / 2)) + 0.5 * np.log(0.5 / (SMOOTHING / 2))
    np.testing.assert_allclose(miscalibration(LISTS, KINDS, past), [0, 0, expected, np.nan], atol=1e-12)
    assert np.isnan(miscalibration(LISTS[:1], KINDS, np.zeros((1, 2)))).all()
