"""Folds: everything is judged once, and nothing that is judged has been learnt from."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.folds import folds
from penchant.schema.errors import DataError
from tests.small_data import log_of

EVENTS = st.lists(st.tuples(st.sampled_from("abcdef"), st.just("x"), st.integers(0, 25).map(float)), min_size=1, max_size=60)


def divided(events: list[tuple[str, str, float]], count: int, by: Any) -> Any:
    log = log_of(*events)
    try:
        return log, list(folds(log, np.arange(len(log)), count, by))
    except DataError:
        return log, []


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(2, 5), st.sampled_from(["user", "record"]))
def test_that_every_event_is_judged_once_and_learnt_from_in_all_other_folds(events: Any, count: int, by: str) -> None:
    log, found = divided(events, count, by)
    for train, judged in found:
        assert len(judged)
        assert np.union1d(train, judged).tolist() == list(range(len(log)))
        assert not len(np.intersect1d(train, judged))
    if found:
        assert sorted(np.concatenate([judged for _, judged in found]).tolist()) == list(range(len(log)))
        assert len(found) == count


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(2, 5))
def test_that_by_user_nobody_is_both_learnt_from_and_judged(events: Any, count: int) -> None:
    log, found = divided(events, count, "user")
    assert len(found) == (count if len(np.unique(log.user)) >= count else 0)
    for train, judged in found:
        assert not set(log.user[train]) & set(log.user[judged])


@settings(max_examples=60, deadline=None)
@given(EVENTS, st.integers(2, 5))
def test_that_by_time_only_what_lies_before_the_judged_block_is_learnt_from(events: Any, count: int) -> None:
    log, found = divided(events, count, "time")
    judged_before: set[int] = set()
    for train, judged in found:
        assert len(train)
        assert len(judged)
        assert log.time[train].max() < log.time[judged].min()
        assert not judged_before & set(judged.tolist())
        judged_before |= set(judged.tolist())
    if found:
        assert len(found) == count
        assert judged_before | set(found[0][0].tolist()) == set(range(len(log)))


def test_that_time_blocks_hold_as_many_events_each() -> None:
    log = log_of(*[("a", "x", float(time)) for time in range(8)])
    found = [(train.tolist(), judged.tolist()) for train, judged in folds(log, np.arange(8), 3, "time")]
    assert found == [([0, 1], [2, 3]), ([0, 1, 2, 3], [4, 5]), ([0, 1, 2, 3, 4, 5], [6, 7])]


def test_that_folds_divide_only_the_rows_given_are_drawn_by_the_seed_and_of_like_size() -> None:
    log = log_of(*[(user, "x", float(time)) for user in "abcdefgh" for time in range(4)])
    rows = np.arange(0, 32, 2)
    first, again, other = ([judged.tolist() for _, judged in folds(log, rows, 4, "record", seed=seed)] for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert [len(judged) for judged in first] == [4] * 4
    assert set(np.concatenate(first).tolist()) == set(rows.tolist())
    assert [len(judged) for _, judged in folds(log, rows, 4, "user")] == [4] * 4


@pytest.mark.parametrize(
    ("count", "by", "message"),
    [
        (1, "user", "folds must be at least 2; found 1"),
        (3, "user", "3 folds must be filled by as many users; found 2"),
        (4, "record", "4 folds must be filled by as many events; found 3"),
        (3, "time", "3 folds must be filled by as many moments far enough apart; found 2"),
    ],
)
def test_that_too_few_are_refused(count: int, by: Any, message: str) -> None:
    log = log_of(("a", "x", 1.0), ("a", "x", 2.0), ("b", "x", 3.0))
    with pytest.raises(DataError, match=message):
        list(folds(log, np.arange(3), count, by))
