"""Cleaning: each rule does what it says, says what it did, and keeps what it took out."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.data.check import check
from penchant.data.clean import clean
from penchant.schema.errors import DataError
from penchant.schema.recipe import CleanSettings
from tests.data.defects.given import NOON, NOW, events


def log(rows: list[tuple[str | None, str | None, float | None]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Float64}, orient="row")


def test_that_clean_events_come_back_as_they_are() -> None:
    before = events()
    cleaned = clean(before, None, None, CleanSettings(), now=NOW)
    assert cleaned.events is before
    assert (cleaned.actions, cleaned.rejected) == ([], {})


def test_that_each_default_rule_takes_out_its_rows_and_says_so() -> None:
    dirty = log([("a", "x", NOON), (None, "x", NOON), ("a", "", NOON), ("a", "y", None), ("a", "y", float("nan")), ("b", "y", NOW + 1e6)])
    cleaned = clean(dirty, None, None, CleanSettings(), now=NOW)
    assert cleaned.events.rows() == [("a", "x", NOON)]
    assert [(action.rule, action.rows) for action in cleaned.actions] == [("missing_ids", 2), ("missing_time", 2), ("future_times", 1)]
    assert cleaned.actions[0].sentence == "missing_ids: left out 2 events without user_id or item_id"
    assert cleaned.rejected["events"]["reason"].to_list() == ["missing_ids"] * 2 + ["missing_time"] * 2 + ["future_times"]


@pytest.mark.parametrize(("rule", "kept"), [("keep_last", ["late"]), ("keep_first", ["early"]), ("keep_all", ["early", "late"])])
def test_that_duplicates_are_decided_by_the_recipe(rule: str, kept: list[str]) -> None:
    twice = log([("a", "x", NOON)] * 2).with_columns(note=pl.Series(["early", "late"]))
    assert clean(twice, None, None, CleanSettings(duplicates=rule), now=NOW).events["note"].to_list() == kept


def test_that_another_kind_of_event_is_no_duplicate() -> None:
    twice = log([("a", "x", NOON)] * 2).with_columns(event=pl.Series(["click", "buy"]))
    assert clean(twice, None, None, CleanSettings(), now=NOW).events.height == 2


def test_that_future_times_can_be_kept() -> None:
    future = log([("a", "x", NOW + 1e6)])
    assert clean(future, None, None, CleanSettings(future_times="keep"), now=NOW).events.height == 1


@pytest.mark.parametrize(
    ("settings", "row", "thing"),
    [
        (CleanSettings(missing_ids="refuse"), (None, "x", NOON), "without user_id or item_id"),
        (CleanSettings(missing_time="refuse"), ("a", "x", None), "without a finite timestamp"),
        (CleanSettings(future_times="refuse"), ("a", "x", NOW + 1e6), "more than a day in the future"),
    ],
)
def test_that_refuse_stops_with_the_place(settings: CleanSettings, row: tuple[str | None, str, float | None], thing: str) -> None:
    with pytest.raises(DataError) as caught:
        clean(log([("a", "y", NOON), row]), None, None, settings, now=NOW)
    assert caught.value.came == f"1 of 2 rows {thing}, first row 2"
    assert '= "drop"' in caught.value.do


def test_that_minimum_counts_hold_together_in_the_end() -> None:
    # c has one event; without it z has one, without z b has one, without b y has one, and that leaves a and x.
    rows = [("a", "x", NOON), ("a", "x", NOON + 1), ("a", "y", NOON), ("b", "y", NOON), ("b", "z", NOON), ("c", "z", NOON)]
    settings = CleanSettings(minimum_events_per_user=2, minimum_events_per_item=2)
    cleaned = clean(log(rows), None, None, settings, now=NOW)
    assert cleaned.events.select("user_id", "item_id").rows() == [("a", "x"), ("a", "x")]
    assert sum(action.rows for action in cleaned.actions) == 4


def test_that_users_and_items_end_with_one_row_per_id() -> None:
    users = pl.DataFrame({"user_id": ["a", "a", None], "age": [1, 2, 3]})
    items = pl.DataFrame({"item_id": ["x", "x"], "size": [1, 2]})
    cleaned = clean(events(), users, items, CleanSettings(duplicates="keep_all"), now=NOW)
    assert cleaned.users is not None
    assert cleaned.items is not None
    assert cleaned.users.rows() == [("a", 2)]
    assert cleaned.items.rows() == [("x", 2)]
    assert set(cleaned.rejected) == {"users", "items"}


def test_that_nothing_left_is_refused_with_the_story() -> None:
    with pytest.raises(DataError, match="left out 1 events without user_id"):
        clean(log([(None, "x", NOON)]), None, None, CleanSettings(), now=NOW)


moments = st.sampled_from([None, float("nan"), 5.0, NOON, NOON + 1, NOW + 1e6])
names = st.sampled_from([None, "", "a", "b", "c"])


@given(st.lists(st.tuples(names, names, moments), max_size=30))
def test_that_no_row_is_lost_and_a_second_cleaning_finds_nothing(rows: list[tuple[str | None, str | None, float | None]]) -> None:
    before = log([*rows, ("safe", "safe", NOON)])
    cleaned = clean(before, None, None, CleanSettings(), now=NOW)
    assert cleaned.events.height + sum(frame.height for frame in cleaned.rejected.values()) == before.height
    assert sum(action.rows for action in cleaned.actions) == before.height - cleaned.events.height
    assert clean(cleaned.events, None, None, CleanSettings(), now=NOW).actions == []
    assert check(cleaned.events, None, None, now=NOW).of("error") == ()
