"""The check: every kind is asked, findings are ordered, and the report reads well as text and as JSON."""

import json
from pathlib import Path

import polars as pl

from penchant.data import defects
from penchant.data.check import check
from tests.data.defects.given import NOON, NOW, events


def dirty() -> pl.DataFrame:
    """Row 2 repeats row 1, row 3 lies in the future, row 4 has no user."""
    times = [NOON, NOON, NOW + 1e6, NOON]
    return pl.DataFrame({"user_id": ["a", "a", "b", None], "item_id": ["x", "x", "y", "y"], "timestamp": times})


def test_that_the_more_frequent_of_two_warnings_comes_first() -> None:
    users = pl.DataFrame({"user_id": ["a", "b"], "rare": [float("inf"), 1.0], "broken": ["\ufffd", "\ufffd"]})
    warnings = check(events(user_id=["a", "a", "b"]), users, None, now=NOW).of("warning")
    assert [(defect.code, defect.count) for defect in warnings] == [("broken_text", 2), ("not_finite", 1)]


def test_that_every_kind_of_defect_has_its_test() -> None:
    kinds = {path.stem for path in Path(defects.__file__).parent.glob("*.py")} - {"__init__", "defect"}
    tested = {path.stem.removeprefix("test_") for path in (Path(__file__).parent / "defects").glob("test_*.py")}
    assert kinds == tested


def test_that_errors_come_first_and_the_most_frequent_first_among_equals() -> None:
    report = check(dirty(), None, None, now=NOW)
    assert [(defect.severity, defect.code, defect.count) for defect in report.defects] == [
        ("error", "missing_id", 1), ("error", "future_time", 1), ("warning", "duplicate_event", 1), ("information", "out_of_order", 1),
    ]  # fmt: skip


def test_that_the_counts_are_of_the_tables_or_else_of_the_events() -> None:
    items = pl.DataFrame({"item_id": ["x", "y", "z"]})
    assert check(dirty(), None, items, now=NOW).counts == {"events": 4, "users": 2, "items": 3}


def test_that_the_text_is_a_summary_and_an_aligned_table() -> None:
    lines = str(check(dirty(), None, None, now=NOW)).splitlines()
    assert lines[0] == "2 users  2 items  4 events   checked: 3 defects (2 errors), 1 thing to know"
    assert lines[1] == "  error        1  events without user_id: 1 of 4 rows (25 %), first at row 4"
    assert lines[2] == '                    mend:  [data.clean] missing_ids = "drop"'
    assert {line.index("events") for line in lines[1:] if not line.startswith("    ")} == {18}


def test_that_the_text_shows_what_is_there_and_what_would_mend_it() -> None:
    told = str(check(events(user_id=["NULL", "b", "c"]), None, None, now=NOW)).splitlines()
    assert told[2:] == ["                    holds: row 1 'NULL'", '                    mend:  [data.clean] stand_ins = "missing"']


def test_that_clean_tables_say_so() -> None:
    assert str(check(events(), None, None, now=NOW)) == "3 users  3 items  3 events   checked: 0 defects"


def test_that_the_json_holds_what_the_report_holds() -> None:
    report = check(dirty(), None, None, now=NOW)
    read = json.loads(json.dumps(report.to_json()))
    assert read["counts"] == report.counts
    assert [one["sentence"] for one in read["defects"]] == [defect.sentence for defect in report.defects]
    assert read["defects"][0]["first_rows"] == [4]
    assert read["defects"][0]["rule"] == 'data.clean.missing_ids = "drop"'
    assert "rows" not in read["defects"][0]
    assert all(defect.rows is None for defect in report.defects)


def test_that_empty_tables_are_checked_without_complaint() -> None:
    none = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Float64})
    assert check(none, pl.DataFrame(schema={"user_id": pl.String}), None, now=NOW).counts == {"events": 0, "users": 0, "items": 0}


def test_that_lines_for_a_terminal_are_no_wider_than_it_and_hang_below_their_text() -> None:
    report = check(dirty(), None, None, now=NOW)
    lines = report.told(width=62).splitlines()
    assert max(map(len, lines)) <= 62
    assert lines[2:4] == [
        "  error        1  events without user_id: 1 of 4 rows (25 %),",
        "                  first at row 4",
    ]
    assert not any(line.lstrip().startswith("%") for line in report.told(width=60).splitlines())


def test_that_things_to_know_beyond_the_most_are_counted() -> None:
    lines = check(dirty(), None, None, now=NOW).told(most=0).splitlines()
    assert lines[-1] == "                  and 1 more thing to know, in the report"
    assert not any("earlier than the row above" in line for line in lines)
    assert "more" not in check(dirty(), None, None, now=NOW).told(most=1)
