"""Missing ids, times and values."""

from penchant.data.defects.defect import Tables
from penchant.data.defects.missing import find
from penchant.schema.recipe import Recipe
from tests.data.defects.given import NOW, events, tables


def test_that_missing_ids_and_times_are_errors_with_their_rows() -> None:
    log = events(user_id=["a", None, ""], timestamp=[None, 5.0, None])
    found = {defect.code: defect for defect in find(tables(log))}
    assert found["missing_id"].first_rows == (2, 3)
    assert found["missing_id"].sentence == "events without user_id: 2 of 3 rows (66.7 %), first at row 2"
    assert found["missing_time"].first_rows == (1, 3)
    assert {defect.severity for defect in found.values()} == {"error"}


def test_that_missing_values_are_information_and_a_warning_from_half_on() -> None:
    few, much = find(tables(items={"item_id": ["1", "2", "3"], "few": [None, 1, 2], "much": ["", None, "a"]}))
    assert (few.column, few.severity, few.count) == ("few", "information", 1)
    assert (much.column, much.severity, much.count) == ("much", "warning", 2)


def test_that_a_source_may_lack_the_columns_of_another() -> None:
    recipe = Recipe.parse('[[data.events]]\npath = "a"\n[[data.events]]\npath = "b"\n[tasks.next]\nkind = "next_item"')
    log = events(clicked=[None, None, 1])
    assert [defect.severity for defect in find(Tables(log, None, None, recipe, NOW))] == ["information"]
    assert [defect.severity for defect in find(Tables(log, None, None, None, NOW))] == ["warning"]


def test_that_words_for_missing_are_told_but_not_in_ids() -> None:
    (defect,) = find(tables(users={"user_id": ["unknown", "2"], "job": ["N/A", "baker"]}))
    assert (defect.code, defect.column, defect.first_rows) == ("stand_in_value", "job", (1,))


def test_that_complete_tables_have_none() -> None:
    assert list(find(tables(users={"user_id": ["a"]}))) == []


def test_that_columns_missing_in_the_same_rows_are_told_in_one_line() -> None:
    items = {
        "item_id": ["1", "2", "3"],
        "a": [None, 1, 2],
        "b": ["", "x", "y"],
        "c": [1, None, 2],
        "d": ["x", "NaN", "n/a"],
        "e": ["x", "null", "-"],
    }
    both, other, d, e = find(tables(items=items))
    assert (both.column, both.count, other.column) == ("a, b", 1, "c")
    assert both.sentence.startswith("items without a and b: 1 of 3 rows")
    assert (d.column, d.count, e.column, e.count) == ("d", 2, "e", 1)
