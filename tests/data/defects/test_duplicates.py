"""Repeated events, users and items."""

from penchant.data.defects.duplicates import find
from tests.data.defects.given import NOON, events, tables


def test_that_later_rows_of_the_same_user_item_and_time_repeat() -> None:
    log = events(user_id=["a", "a", "a"], item_id=["x", "x", "x"], timestamp=[NOON, NOON, NOON + 1])
    (defect,) = find(tables(log))
    assert (defect.code, defect.first_rows) == ("duplicate_event", (2,))


def test_that_another_kind_of_event_repeats_nothing_and_missing_ids_repeat_nothing() -> None:
    same = {"user_id": ["a"] * 3, "item_id": ["x"] * 3, "timestamp": [NOON] * 3}
    assert list(find(tables(events(**same, event=["click", "buy", "like"])))) == []
    assert list(find(tables(events(**same | {"user_id": [None] * 3})))) == []


def test_that_agreeing_and_conflicting_ids_are_told_apart() -> None:
    items = {"item_id": ["1", "1", "1", "2"], "tags": [["a"], ["a"], ["b"], ["a"]]}
    found = {defect.code: (defect.first_rows, defect.severity) for defect in find(tables(items=items))}
    assert found == {"duplicate_id": ((2,), "warning"), "conflicting_id": ((3,), "error")}
