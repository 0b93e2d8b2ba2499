"""The packed log: order, offsets, pasts, and what is kept of a column."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.log import Column, Log
from penchant.schema.errors import DataError
from tests.small_data import log_of

EVENTS = pl.DataFrame(
    {
        "user_id": ["b", "a", "b", "a", "b"],
        "item_id": ["y", "x", "x", "z", "z"],
        "timestamp": [3.0, 5.0, 1.0, 2.0, 3.0],
        "rating": [None, 4, 3, 2, 1],
        "event": ["buy", None, "click", "buy", "buy"],
        "order": [0, 1, 2, 3, 4],
    }
)
USERS = pl.DataFrame({"user_id": ["c", "a"], "age": [30, None]})
ITEMS = pl.DataFrame({"item_id": ["z", "w"], "title": ["Z", "W"]})


def small() -> Log:
    return Log.pack(EVENTS, USERS, ITEMS, ["rating", "event", "order"])


def test_that_events_are_sorted_by_user_then_time_then_arrival() -> None:
    log = small()
    assert log.series("user_id").to_list() == ["a", "a", "b", "b", "b"]
    assert log.time.tolist() == [2, 5, 1, 3, 3]
    assert log.series("order").to_list() == [3, 1, 2, 0, 4]
    assert log.series("item_id").to_list() == ["z", "x", "x", "y", "z"]
    assert log.series("timestamp", slice(0, 2)).to_list() == [2, 5]


def test_that_tables_have_a_row_for_every_id_wherever_it_was_seen() -> None:
    log = small()
    assert log.users.rows() == [("a", None), ("b", None), ("c", 30)]
    assert log.items.rows() == [("w", "W"), ("x", None), ("y", None), ("z", "Z")]


def test_that_offsets_say_where_each_users_events_begin() -> None:
    assert small().offsets.tolist() == [0, 2, 5, 5]  # c has none


def test_that_equal_times_of_one_user_are_one_moment() -> None:
    log = log_of(("a", "x", 1.0), ("a", "y", 1.0), ("a", "z", 2.0), ("b", "x", 2.0), ("b", "x", 2.0))
    assert log.first_of_moment.tolist() == [0, 0, 2, 3, 3]


def test_that_a_history_is_what_a_user_did_strictly_before() -> None:
    log = Log.pack(EVENTS, USERS, ITEMS, [])
    assert log.history_end(np.arange(5)).tolist() == [0, 1, 2, 3, 3]
    chosen = Log(log.users, log.items, log.user, log.item, log.time, {}, np.array([True, False, False, True, True]))
    assert chosen.history_rows.tolist() == [0, 3, 4]
    assert chosen.history_offsets.tolist() == [0, 1, 3, 3]
    assert chosen.history_end(np.arange(5)).tolist() == [0, 1, 1, 1, 1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.integers(0, 4).map(float)), min_size=1, max_size=30))
def test_that_packing_loses_and_adds_no_event(events: list[tuple[str, str, float]]) -> None:
    log = log_of(*events)
    packed = list(zip(log.series("user_id"), log.series("item_id"), log.time.tolist(), strict=True))
    assert packed == sorted(events, key=lambda event: (event[0], event[2]))
    for row, (user, _, time) in enumerate(packed):
        assert log.first_of_moment[row] == next(place for place, other in enumerate(packed) if (other[0], other[2]) == (user, time))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 300], [1, 2, 300]),
        ([1, None, 3], [1.0, None, 3.0]),
        ([0.5, float("nan"), None], [0.5, None, None]),
        ([True, False, True], [1, 0, 1]),
        ([True, None, False], [1.0, None, 0.0]),
        (["b", None, "a"], ["b", None, "a"]),
        (["", "é", "用户"], ["", "é", "用户"]),
        ([["a", "b"], None, []], ["\x1fa\x1fb", None, ""]),
        ([[1, None, 2]], ["\x1f1\x1f2"]),
        ([None, None], [None, None]),
        ([2**53 + 1, 1], [2**53 + 1, 1]),
        ([datetime(1970, 1, 2, tzinfo=UTC), None], [86400.0, None]),
        ([date(1970, 1, 3)], [172800.0]),
    ],
)
def test_that_a_column_comes_back_with_its_values(values: list[Any], expected: list[Any]) -> None:
    column = Column.pack(pl.Series("x", values))
    assert column.take(slice(None)).to_list() == expected
    assert column.take(np.array([0])).to_list() == expected[:1]


def test_that_small_numbers_take_little_room() -> None:
    assert Column.pack(pl.Series([1, 5, 3])).data.dtype == np.int8
    assert Column.pack(pl.Series([1.5], dtype=pl.Float32)).data.dtype == np.float32


def test_that_a_column_the_log_lacks_is_named() -> None:
    with pytest.raises(DataError, match=r"event column 'ratng' must be in the log; .* The log has: \['event', 'order', 'rating'\]"):
        small().series("ratng")


@pytest.mark.parametrize("in_history", [None, np.array([True, False, True, True, False])])
def test_that_a_saved_log_opens_the_same_and_stays_on_disk(tmp_path: Path, in_history: Any) -> None:
    log = small()
    log = Log(log.users, log.items, log.user, log.item, log.time, log.columns, in_history)
    log.save(tmp_path / "log")
    opened = Log.open(tmp_path / "log")
    assert opened.users.equals(log.users)
    assert opened.items.equals(log.items)
    names = ["user_id", "item_id", "timestamp", "rating", "event", "order"]
    assert opened.take(names, slice(None)).equals(log.take(names, slice(None)))
    assert opened.history_rows.tolist() == log.history_rows.tolist()
    assert opened.history_end(np.arange(5)).tolist() == log.history_end(np.arange(5)).tolist()
    assert isinstance(opened.columns["rating"].data, np.memmap)
    assert isinstance(opened.item, np.memmap)
    assert not opened.item.flags.writeable


def test_that_a_log_of_another_format_is_refused(tmp_path: Path) -> None:
    small().save(tmp_path)
    told = (tmp_path / "log.json").read_text().replace('"format": 2', '"format": 99')
    (tmp_path / "log.json").write_text(told)
    with pytest.raises(DataError, match="must be of format 2; found format 99"):
        Log.open(tmp_path)
