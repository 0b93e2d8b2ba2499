"""Tied scores: every metric is its mean over all orders of the tied items."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.evaluation.metrics.average_precision import average_precision
from penchant.evaluation.metrics.hit_rate import hit_rate
from penchant.evaluation.metrics.hits import Hits, Ties
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.evaluation.metrics.one_wanted import expected_hit_rate, expected_ndcg, places
from penchant.evaluation.metrics.recall import recall
from penchant.evaluation.metrics.reciprocal_rank import reciprocal_rank

ALL_METRICS = [ndcg, recall, hit_rate, reciprocal_rank, average_precision]
WIDTH = 4


def listed(scores: np.ndarray, wanted: np.ndarray) -> Hits:
    """The first places of one user's ranking of items with these scores, and what was tied beyond them."""
    order = np.argsort(-scores, kind="stable")
    top, rest = order[:WIDTH], order[WIDTH:]
    left = rest[scores[rest] == scores[top[-1]]]
    ties = Ties(scores[top][None], np.array([len(left)]), np.array([wanted[left].sum()]))
    return Hits(wanted[top][None], ties)


@pytest.mark.parametrize("metric", ALL_METRICS)
@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=6, max_size=6))
def test_that_a_value_is_the_mean_over_all_orders_of_tied_items(metric, items: list[tuple[int, bool]]) -> None:
    scores, wanted = np.array([score for score, _ in items], dtype=np.float32), np.array([want for _, want in items])
    orders = np.array([order for order in permutations(range(len(items))) if (np.diff(scores[list(order)]) <= 0).all()])
    relevant = np.array([wanted.sum()])
    for k in (1, 3, WIDTH):
        each = metric(Hits(wanted[orders[:, :WIDTH]]), np.repeat(relevant, len(orders)), k)
        np.testing.assert_allclose(metric(listed(scores, wanted), relevant, k), each[:1] * 0 + each.mean(), atol=1e-12)


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_that_lists_without_equal_scores_are_measured_as_they_stand(metric) -> None:
    found = np.random.default_rng(0).random((50, 8)) < 0.3
    untied = Ties(np.tile(-np.arange(8.0), (50, 1)), np.zeros(50, dtype=int), np.zeros(50, dtype=int))
    relevant = found.sum(axis=1) + 1
    np.testing.assert_allclose(metric(Hits(found, untied), relevant, 5), metric(Hits(found), relevant, 5), atol=1e-12)


def test_that_one_wanted_item_among_tied_rivals_is_measured_by_hand() -> None:
    """The first user's item has one rival before it and two beside it, so that its rank is 2, 3 or 4; the second's stands alone."""
    wanted = np.array([0.5, 0.9])
    rivals = np.array([[0.7, 0.5, 0.5, 0.1], [0.8, 0.2, 0.1, -np.inf]])
    before, tied = places(wanted, rivals)
    assert (before.tolist(), tied.tolist()) == ([1, 0], [2, 0])
    np.testing.assert_allclose(expected_hit_rate(before, tied, 3), [2 / 3, 1])
    np.testing.assert_allclose(expected_hit_rate(before, tied, 1), [0, 1])
    np.testing.assert_allclose(expected_ndcg(before, tied, 3), [(1 / np.log2(3) + 1 / 2) / 3, 1])
    np.testing.assert_allclose(expected_ndcg(before, tied, 10), [(1 / np.log2(3) + 1 / 2 + 1 / np.log2(5)) / 3, 1])
