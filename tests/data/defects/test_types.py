"""Cells that are no numbers."""

from penchant.data.defects.types import find
from tests.data.defects.given import tables

PLAIN = [str(n) for n in range(20)]


def found(*odd: str, tasks: str | None = None) -> list[tuple[str, int]]:
    cells = [*PLAIN, *odd]
    items = {"item_id": [f"i{n}" for n in range(len(cells))], "price": cells}
    return [(defect.severity, defect.first_rows[0]) for defect in find(tables(items=items, tasks=tasks))]


def test_that_words_currencies_and_commas_among_numbers_are_found() -> None:
    for odd in ("free", "12 EUR", "€5", "1,5", "10%"):
        assert found(odd) == [("warning", 21)], odd


def test_that_codes_words_for_missing_and_other_writings_of_numbers_are_fine() -> None:
    assert found("98107-2117", "unknown", "", " 7 ", "1e3") == []


def test_that_a_column_of_words_is_no_column_of_numbers() -> None:
    assert found(*(["word"] * 3)) == []


def test_that_a_category_may_be_of_both() -> None:
    task = '[features.item]\nprice = { kind = "KIND" }\n[tasks.next]\nkind = "next_item"'
    assert found("T8H1N", tasks=task.replace("KIND", "category")) == [("information", 21)]
    assert found("T8H1N", tasks=task.replace("KIND", "number")) == [("warning", 21)]
