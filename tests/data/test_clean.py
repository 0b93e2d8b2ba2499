"""Cleaning: each rule does what it says, says what it did, and keeps what it took out."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data.check import check
from penchant.data.clean import clean, write_rejected
from penchant.schema.errors import DataError
from penchant.schema.sections.data import CleanSettings
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


def cleaned_with(frame: pl.DataFrame, items: Any = None, **rules: Any) -> pl.DataFrame:
    return clean(frame, None, None if items is None else pl.DataFrame(items), CleanSettings(**rules), now=NOW).events


def test_that_ids_are_written_one_way_in_every_table() -> None:
    frame, items = log([("Ann ", "X", NOON)]), pl.DataFrame({"item_id": ["x\u200b"]})
    assert cleaned_with(frame, ids="strip").rows() == [("Ann", "X", NOON)]
    whole = clean(frame, None, items, CleanSettings(ids="casefold"), now=NOW)
    assert (whole.events.rows(), whole.items.rows() if whole.items is not None else None) == ([("ann", "x", NOON)], [("x",)])
    assert whole.actions[0].sentence == "ids: user_id of 1 events written another way (such as 'Ann ')"
    assert whole.rejected == {}


def test_that_stand_ins_become_missing_and_ids_and_times_then_go() -> None:
    frame = log([("null", "x", NOON), ("a", "x", 0.0), ("a", "x", NOON)]).with_columns(job=pl.Series(["baker", "baker", "N/A"]))
    assert cleaned_with(frame, stand_ins="missing").rows() == [("a", "x", NOON, None)]
    assert cleaned_with(frame, stand_ins="keep").height == 3


def test_that_the_commonest_spelling_is_written() -> None:
    frame = log([("a", "x", NOON + place) for place in range(4)]).with_columns(sex=pl.Series(["M", "M", "m ", None]))
    assert cleaned_with(frame, spellings="commonest")["sex"].to_list() == ["M", "M", "M", None]


@pytest.mark.parametrize(("decision", "prices"), [("missing", [None, 0.0, 9.0, None]), ("drop", [0.0, 9.0, None])])
def test_that_values_outside_their_limits_are_missing_or_go(decision: str, prices: list[float | None]) -> None:
    frame = log([("a", "x", NOON + place) for place in range(4)]).with_columns(price=pl.Series([-1.0, 0.0, 9.0, None]))
    limits = {"price": {"minimum": 0, "maximum": 9}}
    assert cleaned_with(frame, limits=limits, impossible_values=decision)["price"].to_list() == prices


def test_that_values_outside_their_limits_can_be_refused() -> None:
    frame = log([("a", "x", NOON), ("a", "x", NOON + 1)]).with_columns(price=pl.Series([1.0, -1.0]))
    with pytest.raises(DataError, match=r"events must be within data.clean.limits.price; found 1 of 2 rows .*, first row 2"):
        cleaned_with(frame, limits={"price": {"minimum": 0}}, impossible_values="refuse")


def test_that_a_limit_of_no_column_of_numbers_is_refused() -> None:
    frame = log([("a", "x", NOON)]).with_columns(price=pl.Series(["cheap"]))
    with pytest.raises(DataError, match=r"limits.prize must be of a column of the tables; found no column 'prize'. Did you mean 'price'"):
        cleaned_with(frame, limits={"prize": {"minimum": 0}})
    with pytest.raises(
        DataError, match=r"limits.price must be of a column of numbers; found column 'price' of the events, which is String"
    ):
        cleaned_with(frame, limits={"price": {"minimum": 0}})


def test_that_times_of_another_unit_are_read_in_the_others() -> None:
    frame = log([("a", "x", NOON), ("a", "y", (NOON + 5) * 1000), ("a", "z", NOON + 10)])
    assert cleaned_with(frame, time_units="mend")["timestamp"].to_list() == [NOON, NOON + 5, NOON + 10]
    assert cleaned_with(frame).height == 2


def test_that_early_times_go_only_when_asked_and_only_of_a_clock() -> None:
    frame = log([("a", "x", 5.0), ("a", "y", NOON), ("a", "z", NOON)])
    assert (cleaned_with(frame).height, cleaned_with(frame, early_times="drop").height) == (3, 2)
    assert cleaned_with(log([("a", "x", 5.0), ("a", "y", 6.0)]), early_times="drop").height == 2


def test_that_bots_and_strangers_go_only_when_asked() -> None:
    fan = log([("fan", "x", NOON + 86_400 * place) for place in range(-200, 0)] + [("a", "y", NOON)])
    assert cleaned_with(fan).height == 201
    assert cleaned_with(fan, bots="drop").rows() == [("a", "y", NOON)]
    assert cleaned_with(fan, items={"item_id": ["x"]}, unknown_items="drop").height == 200
    assert cleaned_with(fan, unknown_items="drop").height == 201


def test_that_of_events_that_contradict_one_another_none_is_believed() -> None:
    frame = log([("a", "x", NOON)] * 2 + [("b", "y", NOON)] * 2 + [("c", "z", NOON)]).with_columns(click=pl.Series([1, 0, 1, 1, 0]))
    assert cleaned_with(frame, conflicts="drop")["user_id"].to_list() == ["b", "c"]
    assert cleaned_with(frame, conflicts="drop", duplicates="keep_first").height == 2


def test_that_rejected_rows_are_written_with_reasons_and_numbers_and_old_ones_go(tmp_path: Path) -> None:
    dirty = log([(None, "x", NOON), ("a", "x", NOON), ("a", "y", None)])
    actions = clean(dirty, None, None, CleanSettings(), now=NOW).actions
    (path,) = write_rejected(actions, tmp_path / "rejected")
    assert path.name == "events.parquet"
    assert pl.read_parquet(path).select("row", "reason").rows() == [(1, "missing_ids"), (3, "missing_time")]
    assert write_rejected([], tmp_path / "rejected") == []
    assert not path.exists()
    assert "rejected" not in actions[0].to_json()


@pytest.mark.parametrize("content", [b"no parquet", None])
def test_that_a_table_of_the_users_own_is_not_taken_for_rows_rejected_earlier(content: bytes | None, tmp_path: Path) -> None:
    own = tmp_path / "items.parquet"
    own.write_bytes(content) if content else pl.DataFrame({"item_id": ["x"]}).write_parquet(own)
    before = own.read_bytes()
    actions = clean(log([(None, "x", NOON), ("a", "x", NOON)]), None, None, CleanSettings(), now=NOW).actions
    with pytest.raises(DataError, match=r"items.parquet' must be absent, or rows rejected earlier; found another file"):
        write_rejected(actions, tmp_path)
    assert (own.read_bytes(), (tmp_path / "events.parquet").exists()) == (before, False)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"limits": {"item_id": {"minimum": 0}}}, "free of limits on ids and times; found limits.item_id"),
        ({"limits": {"price": {"minimum": 2, "maximum": 1}}}, "minimum is not above maximum; found minimum 2 above maximum 1"),
        ({"limits": {"price": {}}}, "given a minimum or a maximum; found neither"),
        ({"impossible_values": "drop"}, "given limits, which say what is impossible"),
        ({"conflicts": "drop", "duplicates": "keep_all"}, "of one mind about events of the same user, item and time"),
    ],
)
def test_that_contradictory_rules_are_refused(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        CleanSettings(**rules)


moments = st.sampled_from([None, float("nan"), 5.0, NOON, NOON + 1, NOW + 1e6])
names = st.sampled_from([None, "", "a", "b", "c"])


@settings(deadline=None)  # the first check imports every kind of defect
@given(st.lists(st.tuples(names, names, moments), max_size=30))
def test_that_no_row_is_lost_and_a_second_cleaning_finds_nothing(rows: list[tuple[str | None, str | None, float | None]]) -> None:
    before = log([*rows, ("safe", "safe", NOON)])
    cleaned = clean(before, None, None, CleanSettings(), now=NOW)
    assert cleaned.events.height + sum(frame.height for frame in cleaned.rejected.values()) == before.height
    assert sum(action.rows for action in cleaned.actions) == before.height - cleaned.events.height
    assert clean(cleaned.events, None, None, CleanSettings(), now=NOW).actions == []
    assert check(cleaned.events, None, None, now=NOW).of("error") == ()


def test_that_rules_written_out_whole_are_read_again() -> None:
    assert CleanSettings.model_validate(CleanSettings().model_dump()) == CleanSettings()
