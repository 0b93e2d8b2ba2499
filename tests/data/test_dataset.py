"""Data sets: from frames of any make to a packed log with parts, and what is said when a column is wrong."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from penchant.data import dataset as dataset_module
from penchant.data.dataset import Dataset, event_columns, labels_of
from penchant.schema.errors import DataError, PenchantError, RecipeError
from penchant.schema.recipe import Recipe
from tests import small_data
from tests.small_data import DAY, NOON, dataset, recipe

LINES = """
[features]
user.age = { kind = "number" }
item.item_id = { kind = "category" }
item.year = { kind = "number" }
context.hour = { kind = "time", column = "timestamp" }
context.device = { kind = "category" }
[history]
where = "rating >= 3"
columns.rating = { kind = "category" }
[scenario]
column = "page"
[split]
valid_from = "2022-04-25T12:00:01"
test_from = "2022-04-25T12:00:02"
[tasks.next]
kind = "next_item"
positive_where = "rating >= 4"
[tasks.like]
kind = "binary"
label = "rating >= 4"
only_where = "page == 'home'"
"""
EVENTS: dict[str, Any] = {
    "user_id": [2, 1, 1, 1],
    "item_id": ["x", "x", "y", "z"],
    "timestamp": [NOON, NOON, NOON + 1, NOON + 2],
    "rating": [5, 4, None, 2],
    "device": ["phone", None, "tv", "tv"],
    "page": ["home", "home", "home", "search"],
    "unused": [1, 2, 3, 4],
}
USERS = {"user_id": [1, 2], "age": [30, 40]}
ITEMS = {"item_id": ["x", "y", "z"], "year": [1999, 2000, None]}


def small() -> Dataset:
    return dataset(EVENTS, LINES, USERS, ITEMS)


@pytest.mark.parametrize(("rule", "kept"), [("keep_last", "yxz"), ("keep_first", "xyz"), ("keep_all", "xyxz")])
def test_that_an_item_twice_in_a_list_is_a_duplicate_event(rule: str, kept: str, tmp_path: Path) -> None:
    """One row's list is one moment; the same item in the list of another moment is another event."""
    frame = pl.DataFrame({"user_id": ["a", "a"], "timestamp": [NOON, NOON + 1], "seen": [list("xyxz"), ["x"]]})
    frame.write_parquet(tmp_path / "lists.parquet")
    lines = (
        f'[data]\nevents = {{ path = "lists.parquet", item_list = "seen" }}\nclean.duplicates = "{rule}"\n[tasks.next]\nkind = "next_item"'
    )
    data = Dataset.read(Recipe.parse(lines, tmp_path), now=NOON + DAY)
    assert data.log.series("item_id").to_list() == [*kept, "x"]
    assert [(action.rule, action.rows) for action in data.actions] == ([] if rule == "keep_all" else [("duplicates", 1)])


def refusal(build: Any) -> PenchantError:
    with pytest.raises(PenchantError) as caught:
        build()
    error: PenchantError = caught.value
    assert all((error.thing, error.must, error.came, error.do))
    return error


def test_that_the_log_holds_the_columns_the_recipe_speaks_of_and_no_others() -> None:
    data = small()
    assert sorted(data.log.columns) == ["device", "page", "rating"]
    assert event_columns(data.recipe) == {"device", "page", "rating", "timestamp"}
    assert data.log.users["user_id"].to_list() == ["1", "2"]
    assert len(data) == 4


def test_that_only_events_that_meet_the_history_rule_enter_histories() -> None:
    assert small().log.history_rows.tolist() == [0, 3]  # rows: user 1 has 4, missing, 2; user 2 has 5


def test_that_conditions_and_values_follow_the_rows_and_missing_is_no() -> None:
    data = small()
    assert data.where("rating >= 4").tolist() == [True, False, False, True]
    np.testing.assert_array_equal(data.values("rating + 1"), np.array([5, np.nan, 3, 6], dtype=np.float32))
    part = data.part(np.array([3, 1]))
    assert part.rows.tolist() == [1, 3]
    assert part.where("rating >= 4").tolist() == [False, True]
    assert part.where("device == 'tv'").tolist() == [True, False]
    assert data.where("rating").tolist() == [True, False, True, True]  # a number other than 0 holds
    assert data.where("true").tolist() == [True] * 4
    assert data.part(np.zeros(0, dtype=np.int64)).values("rating").shape == (0,)


def test_that_positives_and_labels_follow_their_conditions() -> None:
    data = small()
    assert data.positives.tolist() == [0, 3]
    np.testing.assert_array_equal(labels_of(data, "like"), np.array([1, np.nan, np.nan, 1], dtype=np.float32))
    assert refusal(lambda: labels_of(data, "next")).thing == "task 'next', key 'label'"


def test_that_true_and_false_can_be_turned_round_after_packing() -> None:
    events = EVENTS | {"skipped": [True, False, None, True]}
    data = dataset(events, '[tasks.stay]\nkind = "binary"\nlabel = "not skipped"')
    np.testing.assert_array_equal(labels_of(data, "stay"), np.array([1, np.nan, 0, 0], dtype=np.float32))


def test_that_percentages_of_small_whole_numbers_do_not_wrap() -> None:
    data = dataset(EVENTS | {"rating": [5, 4, 3, 2]}, '[tasks.p]\nkind = "regression"\nlabel = "rating * 100"')
    assert labels_of(data, "p").tolist() == [400, 300, 200, 500]


@pytest.mark.parametrize("make", [pd.DataFrame, lambda columns: pl.DataFrame(columns).to_arrow(), pl.DataFrame])
def test_that_pandas_and_arrow_frames_pack_as_polars_ones_do(make: Any) -> None:
    packed = Dataset.from_frames(make(EVENTS), make(USERS), make(ITEMS), recipe(LINES), now=NOON + DAY).log
    names = ["user_id", "item_id", "timestamp", "device", "page"]
    assert packed.take(names, slice(None)).equals(small().log.take(names, slice(None)))
    assert packed.series("rating").to_list() == [4, None, 2, 5]
    assert packed.items["year"].to_list() == [1999, 2000, None]


def test_that_ids_that_pandas_turned_into_fractions_stay_the_same_ids() -> None:
    events = pd.DataFrame(EVENTS | {"user_id": [2.0, 1.0, None, 1.0]})
    data = Dataset.from_frames(events, pl.DataFrame(USERS), pl.DataFrame(ITEMS), recipe(LINES), now=NOON + DAY)
    assert data.log.users["user_id"].to_list() == ["1", "2"]
    assert [action.rows for action in data.actions] == [1]


@pytest.mark.parametrize(
    "times",
    [
        [datetime.fromtimestamp(NOON + second, UTC) for second in (0, 0, 1, 2)],
        [datetime.fromtimestamp(NOON + second, timezone(timedelta(hours=8))) for second in (0, 0, 1, 2)],
        ["2022-04-25 12:00:00", "2022-04-25 12:00:00", "2022-04-25T12:00:01", "2022-04-25T12:00:02"],
        [int(NOON * 1000) + ms for ms in (0, 0, 1000, 2000)],
    ],
)
def test_that_times_of_any_form_become_seconds(times: list[Any]) -> None:
    frame = pl.DataFrame({name: values for name, values in EVENTS.items() if name != "timestamp"} | {"timestamp": pl.Series(times)})
    data = Dataset.from_frames(frame, pl.DataFrame(USERS), pl.DataFrame(ITEMS), recipe(LINES), now=NOON + DAY)
    assert data.log.time.tolist() == [NOON, NOON + 1, NOON + 2, NOON]
    assert bool(data.notes) == isinstance(times[0], int)  # a guessed unit is said


def test_that_splits_share_the_log_and_cover_the_rows() -> None:
    data = small()
    by_date = data.split_by_time("2022-04-25T12:00:01", "2022-04-25T12:00:02")
    for parts in (data.split_last(1, 1), by_date):
        assert all(part.log is data.log for part in parts)
        assert [part.rows.tolist() for part in parts] == [[0, 3], [1], [2]]
    assert [part.rows.tolist() for part in data.split()] == [[0, 3], [1], [2]]


@pytest.mark.parametrize(
    ("column", "asked_for_by"),
    [
        ("rating", "[tasks.next], [tasks.like], [history.columns] rating"),
        ("device", "[features] context.device"),
        ("page", "[tasks.like], [scenario]"),
    ],
)
def test_that_a_missing_event_column_is_named_with_who_asks_for_it(column: str, asked_for_by: str) -> None:
    events = {name: values for name, values in EVENTS.items() if name != column} | {f"{column}s": EVENTS[column]}
    error = refusal(lambda: dataset(events, LINES, USERS, ITEMS))
    assert error.thing == f"column '{column}' of the events (asked for by {asked_for_by})"
    assert error.do == f"Did you mean '{column}s'?"


def test_that_missing_profile_and_attribute_columns_are_named() -> None:
    assert refusal(lambda: dataset(EVENTS, LINES, None, ITEMS)).came == "no such table"
    error = refusal(lambda: dataset(EVENTS, LINES, USERS, {"item_id": ["x"], "yaer": [1]}))
    assert (error.thing, error.do) == ("column 'year' of the items (asked for by [features] item.year)", "Did you mean 'yaer'?")
    assert refusal(lambda: dataset_with_title("yaer")).thing == "data.title 'yaer'"


def dataset_with_title(title: str) -> Dataset:
    titled = recipe(LINES)
    titled = titled.model_copy(update={"data": titled.data.model_copy(update={"title": title})})
    return Dataset.from_frames(pl.DataFrame(EVENTS), pl.DataFrame(USERS), pl.DataFrame(ITEMS), titled, now=NOON + DAY)


@pytest.mark.parametrize("missing", ["user_id", "item_id", "timestamp"])
def test_that_the_three_columns_every_log_needs_are_asked_for(missing: str) -> None:
    error = refusal(lambda: dataset({name: values for name, values in EVENTS.items() if name != missing}, LINES))
    assert error.thing == f"column '{missing}' of the events"


def test_that_an_id_column_of_a_table_is_asked_for_by_the_tables_name() -> None:
    assert refusal(lambda: dataset(EVENTS, LINES, {"id": [1]}, ITEMS)).thing == "column 'user_id' of the users"


@pytest.mark.parametrize("thing", [[{"user_id": 1}], {"user_id": [1]}, "events.csv", 3])
def test_that_things_that_are_no_frames_are_refused(thing: Any) -> None:
    error = refusal(lambda: Dataset.from_frames(thing, recipe=recipe(LINES)))
    assert (error.thing, error.must) == ("the events", "a polars, pandas or Arrow frame")


def test_that_frames_without_a_recipe_or_without_events_are_refused() -> None:
    assert refusal(lambda: Dataset.from_frames(pl.DataFrame(EVENTS))).thing == "recipe"
    assert refusal(lambda: dataset(pl.DataFrame(EVENTS).clear(), LINES, USERS, ITEMS)).came


def test_that_a_text_where_a_number_is_needed_is_answered_with_the_columns_types() -> None:
    data = small()
    error = refusal(lambda: data.values("device"))
    assert isinstance(error, DataError)
    assert "device (String)" in error.came
    assert "device (String)" in refusal(lambda: data.where("device > 3")).came
    assert isinstance(refusal(lambda: data.where("device >")), RecipeError)
    assert refusal(lambda: data.values("ratng")).thing == "event column 'ratng'"


def test_that_what_is_packed_opens_as_what_is_read_and_takes_further_days(tmp_path: Path) -> None:
    whole, columns = small(), {name: values[:] for name, values in EVENTS.items()}
    first, day = (pl.DataFrame({name: values[part] for name, values in columns.items()}) for part in (slice(0, 2), slice(2, 4)))
    Dataset.pack(whole.recipe, tmp_path / "log", [first], pl.DataFrame(USERS), pl.DataFrame(ITEMS), now=NOON + DAY)
    data = Dataset.append(whole.recipe, tmp_path / "log", [day], now=NOON + DAY)
    assert len(Dataset.open(whole.recipe, tmp_path / "log")) == len(data) == 4
    for user in ("1", "2"):
        ours, theirs = (part.part(np.flatnonzero(part.log.series("user_id") == user)) for part in (data, whole))
        assert ours.log.take(["item_id", "timestamp", "rating", "device", "page"], ours.rows).equals(
            theirs.log.take(["item_id", "timestamp", "rating", "device", "page"], theirs.rows)
        )
        np.testing.assert_array_equal(labels_of(ours, "like"), labels_of(theirs, "like"))
        assert np.isin(ours.rows, data.log.history_rows).tolist() == np.isin(theirs.rows, whole.log.history_rows).tolist()
    assert data.log.items.sort("item_id").equals(whole.log.items)


def test_that_a_packed_log_without_a_column_of_the_recipe_is_refused(tmp_path: Path) -> None:
    frame = pl.DataFrame(EVENTS)
    error = refusal(lambda: Dataset.pack(recipe(LINES), tmp_path / "log", [frame.drop("device")], pl.DataFrame(USERS), pl.DataFrame(ITEMS)))
    assert error.thing == "column 'device' of the events (asked for by [features] context.device)"
    Dataset.pack(recipe(), tmp_path / "log", [frame])
    assert refusal(
        lambda: Dataset.open(recipe('[scenario]\ncolumn = "page"\n[tasks.next]\nkind = "next_item"'), tmp_path / "log")
    ).thing == ("column 'page' of the events (asked for by [scenario])")


def test_that_an_expression_is_the_same_worked_out_a_few_rows_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small().values("rating + 1")
    monkeypatch.setattr(dataset_module, "ROWS_AT_ONCE", 3)
    np.testing.assert_array_equal(small().values("rating + 1"), whole)


@pytest.mark.parametrize("by", ["user", "record", "time"])
def test_that_in_no_fold_of_a_recipe_anything_judged_is_learnt_from_or_chosen_by(by: str) -> None:
    lines = f'[split]\nfolds = 4\nfold_by = "{by}"\nvalid = 0.2\nvalid_from = "1970-01-01"\ntest_from = "1970-01-02"\n'
    data = small_data.film_dataset(small_data.FILM_RECIPE + lines)
    found = list(data.folds())
    assert len(found) == 4
    for train, valid, judged in found:
        learnt = np.concatenate([train.rows, valid.rows])
        assert not np.intersect1d(learnt, judged.rows).size
        assert not np.intersect1d(train.rows, valid.rows).size
        assert 0.15 < len(valid) / len(learnt) < 0.25
        assert data.log.time[train.rows].max() <= data.log.time[valid.rows].min()  # by the recipe's kind, whatever its dates
        users = (set(data.log.user[rows].tolist()) for rows in (learnt, judged.rows))
        assert by != "user" or not set.intersection(*users)
        assert by != "time" or data.log.time[learnt].max() < data.log.time[judged.rows].min()
        assert by == "time" or len(learnt) + len(judged) == len(data)


def test_that_folds_must_be_asked_for() -> None:
    with pytest.raises(RecipeError, match=r"key 'split.folds' must be present for cross-validation; found nothing.*folds = 5"):
        list(small_data.film_dataset().folds())
