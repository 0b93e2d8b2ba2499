"""Ids that look alike, stand for nothing, or are too long."""

from penchant.data.defects.ids import find
from tests.data.defects.given import events, tables


def test_that_the_table_tells_which_of_two_spellings_is_right() -> None:
    (defect,) = find(tables(events(item_id=["SKU1", "SKU1", "z"]), items={"item_id": ["q", "sku1 ", "z"]}))
    assert (defect.code, defect.table, defect.first_rows) == ("lookalike_id", "events", (1, 2))
    assert "(such as 'SKU1' for 'sku1 ')" in defect.sentence
    assert defect.rule == 'data.clean.ids = "casefold"'


def test_that_without_a_table_the_spelling_of_most_events_is_right() -> None:
    (defect,) = find(tables(events(user_id=["ann", "ann\u200b", "ann"])))
    assert (defect.code, defect.first_rows, defect.rule) == ("lookalike_id", (2,), 'data.clean.ids = "strip"')


def test_that_ids_without_their_zeros_are_found() -> None:
    (defect,) = find(tables(events(item_id=["42", "7", "0"]), items={"item_id": ["0042", "7", "0", "00x"]}))
    assert (defect.code, defect.table, defect.first_rows, defect.rule) == ("leading_zero_id", "events", (1,), None)


def test_that_words_for_missing_are_no_ids() -> None:
    (defect,) = find(tables(events(user_id=["NULL", "b", "c"])))
    assert (defect.code, defect.column, defect.first_rows) == ("placeholder_id", "user_id", (1,))


def test_that_the_longest_id_served_has_256_characters() -> None:
    (defect,) = find(tables(events(user_id=["é" * 256, "é" * 257, "c"])))
    assert (defect.code, defect.severity, defect.first_rows) == ("long_id", "error", (2,))


def test_that_plain_and_missing_ids_are_fine() -> None:
    assert list(find(tables(events(user_id=["a", None, None]), users={"user_id": ["a", "b"]}))) == []
