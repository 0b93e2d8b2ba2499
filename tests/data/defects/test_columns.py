"""Columns that tell nothing."""

from penchant.data.defects.columns import find
from tests.data.defects.given import tables


def test_that_constant_and_empty_columns_are_found() -> None:
    found = list(find(tables(items={"item_id": ["1", "2"], "kind": ["a", None], "gone": [None, None], "good": [1, 2]})))
    assert [(defect.code, defect.column) for defect in found] == [("constant_column", "kind"), ("constant_column", "gone")]
    assert found[0].sentence == "column kind of items is always 'a'"


def test_that_codes_of_one_row_each_are_found_but_not_prose_amounts_or_ids() -> None:
    rows = range(100)
    items = {
        "item_id": [f"i{n}" for n in rows],
        "sku": [f"s{n}" for n in rows],
        "text": [f"{n} is a number that is written in a long sentence" for n in rows],
        "price": [n + 0.5 for n in rows],
        "group": [n % 10 for n in rows],
    }
    assert [defect.column for defect in find(tables(items=items))] == ["sku"]
