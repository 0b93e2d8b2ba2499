"""Splits: nothing that is judged lies before what is learnt from."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from penchant.data.split import seconds, split, split_by_time, split_by_time_share, split_last
from penchant.schema.errors import DataError
from penchant.schema.sections.split import SplitSettings
from tests.small_data import log_of

EVENTS = st.lists(st.tuples(st.sampled_from("abcd"), st.just("x"), st.integers(0, 15).map(float)), min_size=1, max_size=60)
TEN = log_of(*[("a", "x", float(time)) for time in range(10)])
ALL = np.arange(10)


def lists(parts: tuple[np.ndarray, ...]) -> list[list[int]]:
    return [part.tolist() for part in parts]


def test_that_dates_cut_before_the_named_moment() -> None:
    assert lists(split_by_time(TEN, ALL, 3.0, 7.5)) == [[0, 1, 2], [3, 4, 5, 6, 7], [8, 9]]
    with pytest.raises(DataError, match="valid_from must be not later than test_from"):
        split_by_time(TEN, ALL, 7.5, 3.0)


@pytest.mark.parametrize(
    ("valid", "test", "expected"),
    [
        (0.2, 0.1, [[0, 1, 2, 3, 4, 5, 6], [7, 8], [9]]),
        (0.1, 0.2, [[0, 1, 2, 3, 4, 5, 6], [7], [8, 9]]),
        (0.3, 0.1, [[0, 1, 2, 3, 4, 5], [6, 7, 8], [9]]),
        (0.0, 0.3, [[0, 1, 2, 3, 4, 5, 6], [], [7, 8, 9]]),
        (0.1, 0.0, [[0, 1, 2, 3, 4, 5, 6, 7, 8], [9], []]),
        (0.0, 0.0, [list(range(10)), [], []]),
    ],
)
def test_that_shares_take_the_newest_events(valid: float, test: float, expected: list[list[int]]) -> None:
    assert lists(split_by_time_share(TEN, ALL, valid, test)) == expected


def test_that_equal_times_stay_together() -> None:
    log = log_of(*[("a", "x", time) for time in (1.0, 1.0, 2.0, 2.0, 2.0, 3.0)])
    assert lists(split_by_time_share(log, np.arange(6), 0.2, 0.2)) == [[0, 1], [2, 3, 4], [5]]


def test_that_each_users_newest_events_are_held_out_in_order() -> None:
    log = log_of(
        *[("a", "x", float(time)) for time in range(10)], ("b", "x", 1.0), ("b", "x", 2.0), *[("c", "x", float(t)) for t in range(3)]
    )
    assert lists(split_last(log, np.arange(15), 0.2, 0.1)) == [[*range(7), 10, 11, 12, 13], [7, 8, 14], [9]]
    assert lists(split_last(log, np.arange(15), 1, 1)) == [[*range(8), 10, 11, 12], [8, 13], [9, 14]]
    assert lists(split_last(log, np.arange(15), 0, 5)) == [[*range(7), 10, 11, 12, 13], [], [7, 8, 9, 14]]  # a third at most


def test_that_a_user_with_fewer_than_three_events_stays_in_training_whole() -> None:
    log = log_of(("a", "x", 1.0), ("a", "x", 2.0), ("b", "x", 1.0), ("b", "x", 2.0), ("b", "x", 3.0))
    assert lists(split_last(log, np.arange(5), 0.4, 0.4)) == [[0, 1, 2], [3], [4]]


@pytest.mark.parametrize(("valid", "test", "expected"), [(0.375, 0.375, [[0], [1], [2, 3]]), (0.0, 0.9, [[0], [], [1, 2, 3]])])
def test_that_the_oldest_event_stays_in_training_however_shares_are_rounded(valid: float, test: float, expected: list[list[int]]) -> None:
    log = log_of(*[("a", "x", float(time)) for time in range(4)])
    assert lists(split_last(log, np.arange(4), valid, test)) == expected


def test_that_a_split_divides_only_the_rows_it_is_given() -> None:
    assert lists(split_last(TEN, np.array([0, 2, 4, 6]), 1, 1)) == [[0, 2], [4], [6]]


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.sampled_from(["time", "last"]), st.floats(0, 0.45), st.floats(0, 0.45))
def test_that_no_event_is_learnt_from_that_comes_after_one_that_is_judged(
    events: list[tuple[str, str, float]], kind: str, valid: float, test: float
) -> None:
    log = log_of(*events)
    try:
        parts = split(log, np.arange(len(log)), SplitSettings.model_validate({"kind": kind, "valid": valid, "test": test}))
    except DataError:
        event("nothing was left to train on")
        assert kind == "time"
        return
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(log)))
    for earlier, later in ((parts[0], parts[1]), (parts[0], parts[2]), (parts[1], parts[2])):
        if kind == "time":
            assert log.time[earlier].max(initial=-np.inf) < log.time[later].min(initial=np.inf)
        for user in np.unique(log.user[later]):
            mine, theirs = earlier[log.user[earlier] == user], later[log.user[later] == user]
            assert mine.max(initial=-1) < theirs.min()


def test_that_dates_are_read_as_utc_unless_they_name_a_zone() -> None:
    assert seconds("1970-01-02") == 86_400
    assert seconds("1970-01-02T08:00:00+08:00") == 86_400
    with pytest.raises(DataError, match=r"must be ISO 8601 .* found 'yesterday'"):
        seconds("yesterday")


def test_that_nothing_to_learn_from_is_refused() -> None:
    with pytest.raises(DataError, match="the training part must be at least one event; found none"):
        split(TEN, ALL, SplitSettings(valid_from="1960-01-01", test_from="1960-01-02"))


def test_that_the_recipes_dates_replace_the_shares() -> None:
    log = log_of(("a", "x", 0.0), ("a", "x", 86_400.0), ("a", "x", 200_000.0))
    parts = split(log, np.arange(3), SplitSettings(valid_from="1970-01-02", test_from="1970-01-03"))
    assert lists(parts) == [[0], [1], [2]]


MANY = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("uvwxyz"), st.integers(0, 9).map(float)), min_size=1, max_size=60)


@settings(max_examples=80, deadline=None)
@given(MANY, st.sampled_from(["ratio", "cold_user", "cold_item", "cold_both"]), st.floats(0, 0.45), st.floats(0, 0.45), st.integers(0, 5))
def test_that_drawn_parts_do_not_meet_and_cold_users_and_items_are_unknown_to_training(
    events: list[tuple[str, str, float]], kind: str, valid: float, test: float, seed: int
) -> None:
    log = log_of(*events)
    chosen = SplitSettings.model_validate({"kind": kind, "valid": valid, "test": test, "seed": seed})
    try:
        parts = split(log, np.arange(len(log)), chosen)
    except DataError:
        event("nothing was left to train on")
        return
    together = np.concatenate(parts).tolist()
    assert len(together) == len(set(together))
    assert kind == "cold_both" or sorted(together) == list(range(len(log)))
    for known, judged in ((parts[0], parts[1]), (parts[0], parts[2]), (parts[1], parts[2])):
        assert kind not in ("cold_user", "cold_both") or not set(log.user[known]) & set(log.user[judged])
        assert kind not in ("cold_item", "cold_both") or not set(log.item[known]) & set(log.item[judged])


def test_that_the_drawn_shares_are_those_asked_for_and_the_seed_decides() -> None:
    log = log_of(*[(f"u{user:02}", f"i{item:02}", float(item)) for user in range(20) for item in range(10)])
    rows = np.arange(len(log))

    def sizes(kind: str, seed: int = 0) -> tuple[list[int], list[list[int]]]:
        parts = split(log, rows, SplitSettings.model_validate({"kind": kind, "valid": 0.2, "test": 0.1, "seed": seed}))
        return [len(part) for part in parts], lists(parts)

    assert sizes("ratio")[0] == [140, 40, 20]
    assert sizes("cold_user")[0] == [14 * 10, 4 * 10, 2 * 10]
    assert sizes("cold_item")[0] == [20 * 7, 20 * 2, 20 * 1]
    assert sizes("cold_both")[0] == [14 * 7, 4 * 2, 2 * 1]
    for kind in ("ratio", "cold_user", "cold_item", "cold_both"):
        assert sizes(kind) == sizes(kind)
        assert sizes(kind)[1] != sizes(kind, seed=1)[1]


def test_that_a_drawn_split_divides_only_the_rows_it_is_given() -> None:
    parts = split(TEN, np.array([1, 3, 5, 7]), SplitSettings(kind="ratio", valid=0.25, test=0.25))
    assert sorted(np.concatenate(parts).tolist()) == [1, 3, 5, 7]
    assert [len(part) for part in parts] == [2, 1, 1]
