"""Rows out of order."""

from penchant.data.defects.order import find
from tests.data.defects.given import events, tables


def test_that_rows_earlier_than_the_row_above_are_information() -> None:
    (defect,) = find(tables(events(timestamp=[5.0, 3.0, 4.0])))
    assert (defect.first_rows, defect.severity) == ((2,), "information")
    assert list(find(tables(events(timestamp=[5.0, 5.0, 6.0])))) == []
