"""The events by number."""

import polars as pl

from penchant.data.defects.coded import Coded, mask_of
from tests.data.defects.given import events, tables

INFINITE = float("inf")


def coded() -> Coded:
    return Coded(
        pl.DataFrame(
            {
                "user_id": ["b", "a", None, "b", "a", "b"],
                "item_id": ["y", "x", "x", "y", None, "x"],
                "timestamp": [5.0, 3.0, 3.0, 1.0, 3.0, INFINITE],
            }
        )
    )


def test_that_a_code_is_the_place_of_an_id_among_all_in_order() -> None:
    assert {key: ids.to_list() for key, ids in coded().ids.items()} == {"user_id": ["a", "b"], "item_id": ["x", "y"]}
    assert coded().codes["user_id"].to_list() == [1, 0, None, 1, 0, 1]
    assert coded().codes["item_id"].to_list() == [1, 0, 0, 1, None, 0]
    assert dict(coded().counts("user_id").iter_rows()) == {"a": 2, "b": 3}


def test_that_rows_of_one_time_keep_their_order_and_those_without_a_finite_one_are_left_out() -> None:
    assert coded().by_time.to_list() == [3, 1, 2, 4, 0]


def test_that_many_rows_of_one_time_keep_their_order() -> None:
    assert Coded(pl.DataFrame({"timestamp": [float(n % 2) for n in range(100)]})).by_time.to_list() == [
        *range(0, 100, 2),
        *range(1, 100, 2),
    ]


def test_that_the_events_of_a_user_stand_together_in_the_order_of_time_with_or_without_an_item() -> None:
    assert coded().by_user["row"].to_list() == [1, 4, 3, 0]
    assert coded().by_user["user"].to_list() == [0, 0, 1, 1]
    assert coded().by_user["item"].to_list() == [0, None, 1, 1]
    assert coded().by_user["time"].to_list() == [3.0, 3.0, 1.0, 5.0]


def test_that_rows_of_the_same_user_and_item_are_found_whatever_their_time() -> None:
    assert coded().of_same_pair.to_list() == [0, 3]
    assert Coded(events()).of_same_pair.to_list() == []


def test_that_crossed_pairs_are_different_pairs() -> None:
    log = pl.DataFrame({"user_id": ["a", "b", "a"], "item_id": ["y", "x", "x"], "timestamp": [1.0, 2.0, 3.0]})
    assert Coded(log).of_same_pair.to_list() == []


def test_that_a_mask_is_true_at_its_rows_alone() -> None:
    assert mask_of(pl.Series([2, 0]), 4).to_list() == [True, False, True, False]
    assert mask_of(pl.Series([], dtype=pl.UInt32), 2).to_list() == [False, False]


def test_that_the_values_of_a_column_are_counted_once() -> None:
    searched = tables(events(kind=["m", "m", None]))
    column = searched.events["kind"]
    assert searched.counts("events", column).rows() == [("m", 2)]
    assert searched.counts("events", column) is searched.counts("events", column)
    assert searched.different("events", column) == 1
    assert searched.different("events", searched.events["timestamp"]) == 3
    assert sorted(searched.counts("events", searched.events["user_id"]).rows()) == [("a", 1), ("b", 1), ("c", 1)]
