"""Lists that are empty or have holes."""

from penchant.data.defects.lists import find
from tests.data.defects.given import tables


def test_that_empty_lists_and_holes_are_found_and_missing_lists_are_not() -> None:
    items = {"item_id": ["1", "2", "3", "4"], "tags": [["a"], [], ["a", None], None]}
    found = {defect.code: (defect.first_rows, defect.severity) for defect in find(tables(items=items))}
    assert found == {"empty_list": ((2,), "information"), "list_with_holes": ((3,), "warning")}
