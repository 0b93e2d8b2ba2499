"""Packing at size: the same log as packing whole, whatever the batches; appending leaves what was there."""

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.data import spill
from penchant.data.clean import Action, clean
from penchant.data.log import Log
from penchant.data.pack import append, pack
from penchant.data.segments import Merged
from penchant.schema.errors import DataError
from penchant.schema.sections.data import CleanSettings

DAY = 86_400.0
NOW = 100 * DAY
SCHEMA = {
    "user_id": pl.String,
    "item_id": pl.String,
    "timestamp": pl.Float64,
    "event": pl.String,
    "note": pl.String,
    "stars": pl.Int64,
    "price": pl.Float32,
}
COLUMNS = ["note", "stars", "price", "event"]
USERS = pl.DataFrame({"user_id": ["u1", "quiet", "u3"], "age": [1, 2, 3]})
ITEMS = pl.DataFrame({"item_id": ["x", "unsold"], "title": ["X", "U"]})
ROW = st.tuples(
    st.sampled_from([None, "", "u1", "u2", "u3", "u4", "u5"]),
    st.sampled_from(["x", "y", "z", None]),
    st.sampled_from([None, float("inf"), 1.0, 2.0, 2.0, 3.0, NOW + 2 * DAY]),
    st.sampled_from(["buy", "click", None]),
    st.sampled_from(["one", "two", "größer", None]),
    st.sampled_from([1, 300, None, 2]),
    st.sampled_from([0.5, None, 2.0]),
)
BATCHES = st.lists(st.lists(ROW, max_size=8), min_size=1, max_size=5)
RULES = st.builds(
    CleanSettings, duplicates=st.sampled_from(["keep_last", "keep_first", "keep_all"]), future_times=st.sampled_from(["drop", "keep"])
)


def frame(rows: list[Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def with_one_sound_row(batches: list[list[Any]]) -> list[pl.DataFrame]:
    return [frame(rows) for rows in batches] + [frame([("u2", "y", 4.0, "buy", "one", 1, 1.0)])]


def histories(log: Log) -> dict[str, list[tuple[Any, ...]]]:
    """Each user's events in order, with every value as it came."""
    names = ["item_id", "timestamp", *COLUMNS]
    rows = log.take(names, slice(None)).rows()
    return {user: rows[log.offsets[row] : log.offsets[row + 1]] for row, user in enumerate(log.users["user_id"])}


def assert_same(log: Log, whole: Log) -> None:
    assert histories(log) == histories(whole)
    assert log.users.sort("user_id").equals(whole.users.sort("user_id"))
    assert log.items.sort("item_id").equals(whole.items.sort("item_id"))
    assert (np.diff(log.user[:]) >= 0).all()
    rows = np.arange(len(log))
    assert (log.history_end(rows) - log.offsets[log.user[rows]]).tolist() == [
        sum(event[1] < time for event in histories(log)[user]) for user, time in zip(log.series("user_id"), log.time[rows], strict=True)
    ]


def whole_log(batches: list[pl.DataFrame], rules: CleanSettings) -> tuple[Log, list[Any]]:
    cleaned = clean(pl.concat(batches), USERS, ITEMS, rules, now=NOW)
    assert cleaned.users is not None
    assert cleaned.items is not None
    return Log.pack(cleaned.events, cleaned.users, cleaned.items, COLUMNS), cleaned.actions


@settings(max_examples=15, deadline=None)
@given(BATCHES, RULES)
def test_that_packing_in_batches_gives_the_log_and_the_counts_of_packing_whole(batches: list[list[Any]], rules: CleanSettings) -> None:
    frames = with_one_sound_row(batches)
    whole, actions = whole_log(frames, rules)
    with TemporaryDirectory() as folder:
        done = pack(Path(folder) / "log", frames, COLUMNS, USERS, ITEMS, settings=rules, now=NOW)
        log = Log.open(Path(folder) / "log")
        assert_same(log, whole)
        assert done == actions
        for name, column in whole.columns.items():  # a row that cleaning took out may have needed more room
            assert column.values is not None or np.can_cast(column.data.dtype, log.columns[name].data.dtype)
        assert sorted(path.name for path in Path(folder).iterdir()) == ["log"]


@settings(max_examples=15, deadline=None)
@given(BATCHES, RULES)
def test_that_appending_day_by_day_gives_the_log_of_packing_everything_at_once(batches: list[list[Any]], rules: CleanSettings) -> None:
    first, *days = [pl.concat([frame(rows), frame([("u2", "y", 4.0 + day, "buy", "one", 1, 1.0)])]) for day, rows in enumerate(batches)]
    days = days or [frame([("u9", "y", 0.0, "buy", "one", 1, 1.0)])]
    whole, actions = whole_log([first, *days], rules)
    with TemporaryDirectory() as folder:
        place = Path(folder) / "log"
        done = pack(place, [first], COLUMNS, USERS[:1], None, settings=rules, now=NOW)
        for number, day in enumerate(days):
            users, items = (USERS[1:], ITEMS) if number == 0 else (None, None)
            done += append(place, [day], users, items, settings=rules, now=NOW)
        assert_same(Log.open(place), whole)
        assert total(done) == total(actions)


def total(actions: list[Action]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for action in actions:
        rows[action.rule] += action.rows if action.table == "events" else 0
    return rows


def test_that_a_lazy_frame_is_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spill, "ROWS_AT_ONCE", 7)
    random = np.random.default_rng(0)
    events = frame([(f"u{random.integers(40)}", f"i{random.integers(9)}", float(t // 3), "buy", "n", t, t / 2) for t in range(100)])
    events.write_parquet(tmp_path / "events.parquet")
    pack(tmp_path / "log", pl.scan_parquet(tmp_path / "events.parquet"), COLUMNS, settings=CleanSettings(duplicates="keep_all"))
    log = Log.open(tmp_path / "log")
    nobody, nothing = (pl.DataFrame(schema={name: pl.String}) for name in ("user_id", "item_id"))
    assert histories(log) == histories(Log.pack(events, nobody, nothing, COLUMNS))
    assert isinstance(log.item, np.memmap)
    assert [log.columns[name].data.dtype for name in COLUMNS] == [np.int8, np.int8, np.float32, np.int8]
    assert not (tmp_path / "log" / "spill").exists()


def days_of(*batches: list[Any]) -> list[pl.DataFrame]:
    return [frame([(user, item, time, "buy", "n", 1, 1.0) for user, item, time in rows]) for rows in batches]


FIRST, SECOND, THIRD = days_of(
    [("a", "x", 1.0), ("b", "x", 2.0), ("a", "y", 5.0)],
    [("c", "z", 3.0), ("a", "z", 3.0), ("a", "y", 5.0)],
    [("a", "x", 0.0), ("b", "x", 9.0)],
)


def fingerprints(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_that_appending_touches_no_file_that_was_there(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    for day in (SECOND, THIRD):
        before = fingerprints(tmp_path / "log")
        append(tmp_path / "log", [day])
        after = fingerprints(tmp_path / "log")
        assert {name: after[name] for name in before} == before
        assert len(after) > len(before)


def test_that_users_and_items_keep_their_rows_and_new_ones_come_after(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    before = Log.open(tmp_path / "log")
    append(tmp_path / "log", [SECOND], pl.DataFrame({"user_id": ["a"], "age": [7]}))
    after = Log.open(tmp_path / "log")
    assert after.users["user_id"].to_list() == [*before.users["user_id"], "c"]
    assert after.items["item_id"].to_list() == ["x", "y", "z"]
    assert dict(zip(after.users["user_id"], after.users["age"], strict=True)) == {"a": 7, "b": None, "c": None}
    assert [event[:2] for event in histories(after)["a"]] == [
        ("x", 1.0),
        ("z", 3.0),
        ("y", 5.0),
    ]  # the later (y, 5) took the first one's place
    assert isinstance(after.item, Merged)
    assert after.item[2] == after.item[:][2]
    assert (after.time + 1).tolist() == [time + 1 for time in after.time[:]]


def test_that_an_append_that_fails_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    before = fingerprints(tmp_path / "log")
    with pytest.raises(DataError, match="column 'note' of the events must be in every batch"):
        append(tmp_path / "log", [SECOND, SECOND.drop("note")])
    assert fingerprints(tmp_path / "log") == before
    (tmp_path / "log" / "packing").mkdir()  # what a lost machine leaves
    append(tmp_path / "log", [SECOND])
    assert len(Log.open(tmp_path / "log")) == 5


def test_that_a_log_of_many_segments_is_made_one_by_saving_it(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    append(tmp_path / "log", [SECOND])
    append(tmp_path / "log", [THIRD])
    Log.open(tmp_path / "log").save(tmp_path / "one")
    one = Log.open(tmp_path / "one")
    assert isinstance(one.item, np.memmap)
    assert_same(one, Log.open(tmp_path / "log"))
    append(tmp_path / "one", [SECOND.with_columns(timestamp=pl.lit(50.0))])
    assert len(Log.open(tmp_path / "one")) == 10


def test_that_a_column_that_is_missing_at_first_becomes_what_it_turns_out_to_be(tmp_path: Path) -> None:
    unknown = FIRST.with_columns(note=pl.lit(None), stars=pl.lit(None))
    pack(tmp_path / "log", [unknown, SECOND, THIRD], COLUMNS)
    log = Log.open(tmp_path / "log")
    assert log.series("note").null_count() == 2  # one of the three was superseded
    assert log.series("stars").null_count() == 2
    assert log.columns["note"].data.dtype == np.int8


@pytest.mark.parametrize(
    ("batches", "rules", "message"),
    [
        ([FIRST, FIRST.with_columns(stars=pl.lit("many"))], {}, "event column 'stars' must be of one type throughout; found texts"),
        ([FIRST, FIRST.with_columns(note=pl.lit(3))], {}, "event column 'note' must be of one type throughout; found numbers"),
        ([FIRST.drop("stars")], {}, "column 'stars' of the events must be in every batch"),
        ([FIRST[:0]], {}, "events must be left after cleaning; found a table without rows"),
        ([FIRST], {"bots": "drop"}, "found data.clean.bots = 'drop', which is applied to whole tables only"),
        ([FIRST], {"minimum_events_per_item": 4}, "events must be left after cleaning; found minimum_events_per_item: left out 3 events"),
        (
            [FIRST, *days_of([("a", "x", 1.0), (None, "x", 1.0)])],
            {"missing_ids": "refuse"},
            r"1 of 2 rows .* without user_id or item_id, first row 5",
        ),
    ],
)
def test_that_what_cannot_be_packed_is_refused_and_leaves_nothing(
    tmp_path: Path, batches: list[pl.DataFrame], rules: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        pack(tmp_path / "log", batches, COLUMNS, settings=CleanSettings(**rules))
    assert list(tmp_path.iterdir()) == []


def test_that_a_folder_with_files_and_a_folder_without_a_log_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(DataError, match="must be a new or empty folder; found one with files"):
        pack(tmp_path, [FIRST], COLUMNS)
    with pytest.raises(DataError, match=r"must be the folder of a packed log; found a folder without log\.json"):
        append(tmp_path, [FIRST])
    assert json.dumps([path.name for path in tmp_path.iterdir()]) == '["mine.txt"]'


def test_that_a_log_with_a_history_rule_of_its_own_is_not_appended_to(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    np.save(tmp_path / "log" / "in_history.npy", np.array([True, False, True]))
    with pytest.raises(DataError, match="without a history rule of its own"):
        append(tmp_path / "log", [SECOND])


MINIMA = st.builds(
    CleanSettings,
    duplicates=st.sampled_from(["keep_last", "keep_first", "keep_all"]),
    minimum_events_per_user=st.integers(1, 4),
    minimum_events_per_item=st.integers(1, 4),
)


def rejected_in(folder: Path) -> list[tuple[str, int]]:
    file = folder / "rejected" / "events.parquet"
    return sorted(pl.read_parquet(file).select("reason", "row").rows()) if file.exists() else []


@settings(max_examples=40, deadline=None)
@given(BATCHES, MINIMA)
def test_that_packing_drops_users_and_items_with_too_few_events_and_keeps_what_went(batches: list[list[Any]], rules: CleanSettings) -> None:
    frames = with_one_sound_row(batches)
    with TemporaryDirectory() as name:
        folder = Path(name) / "log"
        try:
            cleaned = clean(pl.concat(frames), USERS, ITEMS, rules, now=NOW)
        except DataError:  # nothing was left
            with pytest.raises(DataError, match="left after cleaning"):
                pack(folder, frames, COLUMNS, USERS, ITEMS, settings=rules, now=NOW)
            assert not folder.exists()
            return
        done = pack(folder, frames, COLUMNS, USERS, ITEMS, settings=rules, now=NOW)
        assert cleaned.users is not None
        assert cleaned.items is not None
        assert_same(Log.open(folder), Log.pack(cleaned.events, cleaned.users, cleaned.items, COLUMNS))
        assert total(done) == total(cleaned.actions)
        wanted = [
            row for action in cleaned.actions if action.rejected is not None for row in action.rejected.select("reason", "row").rows()
        ]
        assert rejected_in(folder) == sorted(wanted)
        report = json.loads((folder / "packing.json").read_text())
        assert report == {"rows": sum(map(len, frames)), "actions": [action.to_json() for action in done]}


def test_that_rejected_rows_tell_what_they_were(tmp_path: Path) -> None:
    odd = FIRST.with_columns(zip=pl.Series([1, 2, 3]))[:1]
    other = frame([("a", None, 1.0, "buy", "lost", None, None)]).with_columns(zip=pl.lit("00123"))
    pack(tmp_path / "log", [FIRST, odd, other], ["note", "stars"])
    told = pl.read_parquet(tmp_path / "log" / "rejected" / "events.parquet").sort("row")
    assert told.select("reason", "row").rows() == [("duplicates", 1), ("missing_ids", 5)]
    assert told.select("user_id", "item_id", "timestamp", "event", "note", "stars").rows() == [
        ("a", "x", 1.0, "buy", "n", 1),
        ("a", None, 1.0, "buy", "lost", None),
    ]
    assert told["zip"].to_list() == [None, "00123"]


def test_that_appending_tells_which_older_event_a_new_one_replaced(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    append(tmp_path / "log", [SECOND])
    told = pl.read_parquet(tmp_path / "log" / "0001" / "rejected" / "events.parquet")
    assert told.select("user_id", "item_id", "timestamp", "event", "reason", "row").rows() == [("a", "y", 5.0, "buy", "duplicates", None)]
    assert rejected_in(tmp_path / "log") == []
    append(tmp_path / "log", [SECOND], settings=CleanSettings(duplicates="keep_first"))
    assert rejected_in(tmp_path / "log" / "0002") == [("duplicates", 1), ("duplicates", 2), ("duplicates", 3)]


def test_that_appending_cannot_count_what_a_user_has_in_all(tmp_path: Path) -> None:
    pack(tmp_path / "log", [FIRST], COLUMNS)
    message = r"must be row by row or user by user; found data.clean.minimum_events_per_user = 2, .* Pack all events anew"
    with pytest.raises(DataError, match=message):
        append(tmp_path / "log", [SECOND], settings=CleanSettings(minimum_events_per_user=2))
    assert [path.name for path in (tmp_path / "log").iterdir() if path.is_dir()] == []


def test_that_a_kind_of_event_that_only_later_batches_tell_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'event' of the events must be in every batch or in none"):
        pack(tmp_path / "log", [FIRST.drop("event"), SECOND], ["note"])
