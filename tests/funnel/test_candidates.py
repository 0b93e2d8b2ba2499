"""The candidate table: taking rows and finding the best."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.funnel.candidates import Candidates


def table(scores: list[float]) -> Candidates:
    items = np.arange(len(scores))[::-1] + 10
    return Candidates(items, np.array(scores, dtype=np.float32), {"like": np.arange(len(scores), dtype=np.float32)})


def test_that_the_best_come_first_with_their_predictions() -> None:
    best = table([0.1, 0.9, 0.5]).best(2)
    assert best.items.tolist() == [11, 10]
    assert best.scores.tolist() == np.array([0.9, 0.5], dtype=np.float32).tolist()
    assert best.tasks["like"].tolist() == [1, 2]


def test_that_equal_scores_are_ordered_by_item() -> None:
    assert table([1, 1, 1]).best(3).items.tolist() == [10, 11, 12]


def test_that_scores_that_are_no_numbers_are_left_out() -> None:
    assert table([float("nan"), -np.inf, 0.5, np.inf]).best(4).items.tolist() == [11]


def test_that_there_may_be_fewer_than_asked_for_or_none() -> None:
    assert len(table([1.0]).best(5)) == 1
    assert len(table([]).best(5)) == 0
    assert len(table([1.0, 2.0]).best(0)) == 0


def test_that_rows_are_taken_by_place_or_by_mask() -> None:
    candidates = table([0.1, 0.2, 0.3])
    assert candidates.take(np.array([2, 0])).items.tolist() == [10, 12]
    assert candidates.take(np.array([False, True, False])).tasks["like"].tolist() == [1]


@given(st.lists(st.floats(-5, 5, width=32), max_size=20), st.integers(0, 25))
def test_that_the_best_are_those_a_plain_sort_finds(scores: list[float], n: int) -> None:
    items = list(np.arange(len(scores))[::-1] + 10)
    wanted = sorted(zip(scores, items, strict=True), key=lambda pair: (-pair[0], pair[1]))[:n]
    assert table(scores).best(n).items.tolist() == [item for _, item in wanted]
