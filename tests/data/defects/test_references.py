"""Ids that only one side knows."""

from penchant.data.defects.references import find
from tests.data.defects.given import events, tables


def test_that_events_of_unknown_ids_and_rows_without_events_are_found() -> None:
    found = list(find(tables(events(user_id=["a", "s", "s"]), users={"user_id": ["n", "a"]})))
    assert [(defect.code, defect.table, defect.first_rows, defect.severity) for defect in found] == [
        ("unknown_reference", "events", (2, 3), "warning"), ("never_seen", "users", (1,), "information"),
    ]  # fmt: skip
    assert found[0].sentence.startswith("events of 1 user_ids that are not among the users: 2 of 3 rows")


def test_that_a_missing_id_is_unknown_to_nobody_and_an_absent_table_asks_nothing() -> None:
    assert list(find(tables(events(item_id=["x", None, "z"]), items={"item_id": ["x", "z"]}))) == []
    assert list(find(tables())) == []
