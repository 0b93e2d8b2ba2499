"""Ranking metrics: by hand, by property, and against ranx."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.evaluation.metrics.average_precision import average_precision
from penchant.evaluation.metrics.hit_rate import hit_rate
from penchant.evaluation.metrics.hits import Hits, find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.evaluation.metrics.recall import recall
from penchant.evaluation.metrics.reciprocal_rank import reciprocal_rank
from penchant.schema.errors import DataError

ALL_METRICS = [ndcg, recall, hit_rate, reciprocal_rank, average_precision]
HITS = Hits(np.array([[1, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0]], dtype=bool))
RELEVANT = np.array([3, 1, 2])


def lists(seed: int, users: int = 30, items: int = 40, k: int = 12) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random lists [users, k] with padding, and relevant pairs, every user having at least one."""
    random = np.random.default_rng(seed)
    recommended = np.stack([random.permutation(items)[:k] for _ in range(users)])
    recommended[np.arange(k)[None] >= random.integers(1, k + 1, size=users)[:, None]] = -1
    relevant = random.random((users, items)) < random.choice([0.05, 0.5])
    relevant[np.arange(users), random.integers(items, size=users)] = True
    return recommended, *np.nonzero(relevant)


def test_hits_mark_the_relevant_items_of_each_users_own_list() -> None:
    recommended = np.array([[5, 2, 9], [2, 5, -1]])
    hits, relevant = find_hits(recommended, np.array([0, 0, 1, 1, 1]), np.array([2, 7, 5, 5, 0]))
    assert hits.found.tolist() == [[False, True, False], [False, True, False]]
    assert relevant.tolist() == [2, 2], "the pair named twice counts once"


def test_padding_is_never_a_hit_of_the_user_before() -> None:
    hits, _ = find_hits(np.array([[0, 1], [-1, -1]]), np.array([0, 1]), np.array([9, 3]))
    assert not hits.found.any()


@given(st.integers(0, 10_000))
def test_hits_equal_those_of_python_sets(seed: int) -> None:
    recommended, user, item = lists(seed)
    hits, relevant = find_hits(recommended, user, item)
    sets = [set(item[user == each].tolist()) for each in range(len(recommended))]
    assert hits.found.tolist() == [[each in own for each in row] for row, own in zip(recommended.tolist(), sets, strict=True)]
    assert relevant.tolist() == [len(own) for own in sets]


def test_without_relevant_items_nothing_is_a_hit() -> None:
    none = np.array([], dtype=int)
    hits, relevant = find_hits(np.array([[0, 1]]), none, none)
    assert not hits.found.any()
    assert relevant.tolist() == [0]


def test_a_list_that_repeats_an_item_is_refused() -> None:
    with pytest.raises(DataError, match="repeats in 1 of 2 lists, first at user 1"):
        find_hits(np.array([[1, 2, -1, -1], [3, 4, 3, -1]]), np.array([0]), np.array([1]))


@pytest.mark.parametrize(("user", "item"), [(2, 0), (-1, 0), (0, -1)])
def test_a_relevant_pair_outside_the_lists_is_refused(user: int, item: int) -> None:
    with pytest.raises(DataError, match="1 outside, first at pair 1"):
        find_hits(np.array([[1], [2]]), np.array([0, user]), np.array([0, item]))


def test_ndcg_by_hand() -> None:
    # user 0: hits at ranks 1 and 3 of 3 relevant; user 1: at rank 4, beyond k
    expected = (1 + 1 / 2) / (1 + 1 / np.log2(3) + 1 / 2)
    np.testing.assert_allclose(ndcg(HITS, RELEVANT, 3), [expected, 0, 0])
    np.testing.assert_allclose(ndcg(HITS, RELEVANT, 4)[1], 1 / np.log2(5))


def test_ndcg_is_one_when_the_list_is_full_of_the_more_relevant_items() -> None:
    assert ndcg(Hits(np.ones((1, 2), dtype=bool)), np.array([50]), 2).tolist() == [1.0]


def test_recall_by_hand() -> None:
    np.testing.assert_allclose(recall(HITS, RELEVANT, 4), [2 / 3, 1, 0])


def test_hit_rate_by_hand() -> None:
    assert hit_rate(HITS, RELEVANT, 3).tolist() == [1, 0, 0]


def test_reciprocal_rank_by_hand() -> None:
    assert reciprocal_rank(HITS, RELEVANT, 4).tolist() == [1, 1 / 4, 0]


def test_average_precision_divides_by_all_relevant_items() -> None:
    np.testing.assert_allclose(average_precision(HITS, RELEVANT, 4), [(1 + 2 / 3) / 3, 1 / 4, 0])


@pytest.mark.parametrize("metric", ALL_METRICS)
def test_a_user_without_relevant_items_has_no_value(metric) -> None:
    assert np.isnan(metric(HITS, np.array([3, 1, 0]), 4)).tolist() == [False, False, True]


@pytest.mark.parametrize("metric", ALL_METRICS)
@pytest.mark.parametrize("k", [0, 5])
def test_k_beyond_the_lists_is_refused(metric, k: int) -> None:
    with pytest.raises(DataError, match=f"between 1 and the lists' length 4; found {k}"):
        metric(HITS, RELEVANT, k)


@pytest.mark.parametrize("metric", ALL_METRICS)
@given(seed=st.integers(0, 10_000))
def test_moving_a_hit_one_place_up_never_lowers_the_value(metric, seed: int) -> None:
    random = np.random.default_rng(seed)
    hits = random.random((20, 8)) < 0.4
    better = hits.copy()
    swap = ~hits[:, 3] & hits[:, 4]
    better[swap, 3], better[swap, 4] = True, False
    relevant = hits.sum(axis=1) + 1
    assert (metric(Hits(better), relevant, 4) >= metric(Hits(hits), relevant, 4)).all()


@pytest.fixture(scope="module")
def ranx():
    """ranx without its compiler, which would take a minute to start."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NUMBA_DISABLE_JIT", "1")
        return pytest.importorskip("ranx")


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_values_equal_those_of_ranx(ranx, k: int, seed: int) -> None:
    recommended, user, item = lists(seed)
    users = range(len(recommended))
    qrels = ranx.Qrels({f"u{each:02}": {f"i{other}": 1 for other in item[user == each]} for each in users})
    run = ranx.Run(
        {f"u{each:02}": {f"i{other}": 1 / (rank + 1) for rank, other in enumerate(recommended[each]) if other >= 0} for each in users}
    )
    names = ["ndcg", "recall", "hit_rate", "mrr", "map"]
    theirs = ranx.evaluate(qrels, run, [f"{name}@{k}" for name in names], return_mean=False)
    hits, relevant = find_hits(recommended, user, item)
    for name, metric in zip(names, ALL_METRICS, strict=True):
        np.testing.assert_allclose(metric(hits, relevant, k), theirs[f"{name}@{k}"], err_msg=name)
