"""Candidates of several sources as one table."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.funnel.candidates import Candidates
from penchant.funnel.union import union


def table(items: list[int], first_score: float = 0.0) -> Candidates:
    return Candidates(np.array(items, dtype=np.int64), np.arange(len(items), dtype=np.float32) + np.float32(first_score))


def test_that_an_item_of_several_parts_stands_where_it_came_first_with_its_score_there() -> None:
    found = union([table([5, 3]), table([3, 7, 5], 10)])
    assert (found.items.tolist(), found.scores.tolist()) == ([5, 3, 7], [0, 1, 11])


def test_that_parts_may_be_empty() -> None:
    assert union([table([]), table([4])]).items.tolist() == [4]
    assert len(union([table([])])) == 0


@given(st.lists(st.lists(st.integers(0, 9), unique=True), min_size=1, max_size=4))
def test_that_a_union_holds_each_item_of_its_parts_once(parts: list[list[int]]) -> None:
    assert union([table(part) for part in parts]).items.tolist() == list(dict.fromkeys(item for part in parts for item in part))
