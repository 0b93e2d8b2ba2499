"""Windows: every target once, with a past that is neither too short nor from the future."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from penchant.data import windows
from penchant.data.log import Log
from penchant.data.windows import Windows, cut_windows, latest_windows, windows_of
from tests.small_data import log_of

EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.just("x"), st.integers(0, 12).map(float)), min_size=1, max_size=40)


def described(windows: Windows) -> list[tuple[int, int, list[int], list[int]]]:
    """Start, length, target rows and what each sees, window by window."""
    cuts = list(zip(windows.offsets, windows.offsets[1:], strict=False))
    return [
        (int(start), int(length), windows.rows[a:b].tolist(), windows.visible[a:b].tolist())
        for start, length, (a, b) in zip(windows.start, windows.length, cuts, strict=True)
    ]


def test_that_windows_move_on_by_half_their_length_by_hand() -> None:
    log = log_of(*[("a", "x", float(time)) for time in range(8)])
    assert described(windows_of(log, np.arange(8), 4)) == [
        (0, 3, [0, 1, 2, 3], [0, 1, 2, 3]),
        (0, 4, [4], [4]),  # the same past, but a window has room for four targets only
        (2, 4, [5, 6], [3, 4]),
        (4, 3, [7], [3]),
    ]


def test_that_users_do_not_share_windows_and_a_first_event_has_an_empty_past() -> None:
    log = log_of(("a", "x", 1.0), ("a", "x", 2.0), ("b", "x", 1.0), ("c", "x", 1.0), ("c", "x", 1.0))
    assert described(windows_of(log, np.arange(5), 10)) == [(0, 1, [0, 1], [0, 1]), (2, 0, [2], [0]), (3, 0, [3, 4], [0, 0])]


def test_that_no_targets_give_no_windows() -> None:
    windows = windows_of(log_of(("a", "x", 1.0)), np.zeros(0, dtype=np.int64), 5)
    assert (len(windows), windows.offsets.tolist(), windows.targets.tolist()) == (0, [0], [])


def past_of(log: Log, row: int) -> int:
    """How many history events the user of an event has strictly before it, counted one by one."""
    allowed = np.ones(len(log), dtype=bool) if log.in_history is None else log.in_history
    return sum(bool(allowed[other]) and log.user[other] == log.user[row] and log.time[other] < log.time[row] for other in range(len(log)))


def check_pasts(log: Log, windows: Windows, least: int, most: int) -> None:
    for start, length, rows, visible in described(windows):
        assert 0 <= length <= most
        assert max(visible) == length
        for row, count in zip(rows, visible, strict=True):
            seen = log.history_rows[start : start + count]
            assert np.all(log.user[seen] == log.user[row])
            assert np.all(log.time[seen] < log.time[row])
            past = past_of(log, row)
            end = log.history_offsets[log.user[row]] + past
            assert start + count == end  # what is seen is the newest of the past
            assert count >= min(past, least)


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(1, 9), st.data())
def test_that_every_target_lies_in_one_window_and_sees_the_newest_of_its_strict_past(
    events: list[tuple[str, str, float]], length: int, data: st.DataObject
) -> None:
    log = log_of(*events)
    in_history = np.array(data.draw(st.lists(st.booleans(), min_size=len(log), max_size=len(log))))
    log = Log(log.users, log.items, log.user, log.item, log.time, {}, in_history)
    rows: NDArray[np.int64] = np.array(sorted(data.draw(st.sets(st.integers(0, len(log) - 1), min_size=1))))
    windows = windows_of(log, rows, length)
    assert windows.rows.tolist() == rows.tolist()
    assert np.all(windows.targets > 0)
    assert np.all(windows.targets <= length)
    assert np.array_equal(np.repeat(windows.user, windows.targets), log.user[rows])
    check_pasts(log, windows, least=-(-length // 2), most=length)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.integers(1, 9))
def test_that_the_latest_window_holds_as_much_of_the_past_as_fits(events: list[tuple[str, str, float]], length: int) -> None:
    log = log_of(*events)
    rows = np.arange(len(log))
    windows = latest_windows(log, rows, log.history_end(rows), length)
    assert windows.targets.tolist() == [1] * len(rows)
    check_pasts(log, windows, least=length, most=length)


@pytest.mark.parametrize("length", [1, 2, 3])
def test_that_the_shortest_windows_still_see_the_last_event(length: int) -> None:
    log = log_of(*[("a", "x", float(time)) for time in range(9)])
    assert np.all(windows_of(log, np.arange(9), length).visible[1:] >= 1)


@settings(max_examples=30, deadline=None)
@given(EVENTS, st.integers(1, 5), st.integers(1, 7))
def test_that_dividing_a_few_users_at_a_time_gives_the_same_windows(
    events: list[tuple[str, str, float]], length: int, at_once: int
) -> None:
    log = log_of(*events)
    whole = windows_of(log, np.arange(len(log)), length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "TARGETS_AT_ONCE", at_once)
        assert described(windows_of(log, np.arange(len(log)), length)) == described(whole)


def test_that_cut_windows_lie_end_to_end_by_hand() -> None:
    log = log_of(*[("a", "x", float(time)) for time in range(8)])
    assert described(cut_windows(log, np.arange(8), 3, np.array([2]))) == [
        (0, 2, [0, 1, 2], [0, 1, 2]),
        (2, 3, [3, 4, 5], [1, 2, 3]),
        (5, 2, [6, 7], [1, 2]),
    ]
    assert [windows[:2] for windows in described(cut_windows(log, np.arange(8), 3, np.array([0])))] == [(0, 2), (0, 3), (3, 3), (6, 1)]


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.integers(1, 9), st.integers(0, 8))
def test_that_cut_windows_hold_every_target_once_and_encode_no_event_twice(
    events: list[tuple[str, str, float]], length: int, first: int
) -> None:
    log = log_of(*events)
    rows = np.arange(len(log))
    windows = cut_windows(log, rows, length, np.full(len(log.users), first % length))
    assert windows.rows.tolist() == rows.tolist()
    check_pasts(log, windows, least=0, most=length)
    apart = {(int(start), int(user)): int(length) for start, user, length in zip(windows.start, windows.user, windows.length, strict=True)}
    assert sum(apart.values()) <= len(log)
    assert np.all((windows.visible > 0) == (log.history_end(rows) > log.history_offsets[log.user]))


@settings(max_examples=30, deadline=None)
@given(EVENTS, st.integers(1, 5), st.data())
def test_that_windows_taken_keep_their_targets(events: list[tuple[str, str, float]], length: int, data: st.DataObject) -> None:
    log = log_of(*events)
    windows = windows_of(log, np.arange(len(log)), length)
    chosen = data.draw(st.lists(st.integers(0, len(windows) - 1), max_size=6))
    taken = windows.take(np.array(chosen, dtype=np.int64))
    assert described(taken) == [described(windows)[place] for place in chosen]
    assert np.array_equal(taken.user, windows.user[chosen])
