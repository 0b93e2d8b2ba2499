"""Ids that look alike, stand for nothing, or are too long."""

from penchant.data.defects.ids import find
from tests.data.defects.given import events, tables


def test_that_ids_that_differ_by_case_or_space_are_found_across_tables() -> None:
    found = list(find(tables(events(item_id=["SKU1", "y", "z"]), items={"item_id": ["q", "sku1 "]})))
    assert [(defect.code, defect.table, defect.first_rows) for defect in found] == [
        ("lookalike_id", "events", (1,)), ("lookalike_id", "items", (2,)),
    ]  # fmt: skip
    assert "such as 'SKU1'" in found[0].sentence


def test_that_words_for_missing_are_no_ids() -> None:
    (defect,) = find(tables(events(user_id=["NULL", "b", "c"])))
    assert (defect.code, defect.column, defect.first_rows) == ("placeholder_id", "user_id", (1,))


def test_that_the_longest_id_served_has_256_characters() -> None:
    (defect,) = find(tables(events(user_id=["é" * 256, "é" * 257, "c"])))
    assert (defect.code, defect.severity, defect.first_rows) == ("long_id", "error", (2,))


def test_that_plain_and_missing_ids_are_fine() -> None:
    assert list(find(tables(events(user_id=["a", None, None]), users={"user_id": ["a", "b"]}))) == []
