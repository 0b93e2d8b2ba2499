"""Numbers that are none."""

from penchant.data.defects.numbers import find
from tests.data.defects.given import events, tables


def test_that_infinite_and_nan_are_found_and_missing_is_not() -> None:
    (defect,) = find(tables(events(price=[float("nan"), float("-inf"), None])))
    assert (defect.column, defect.first_rows) == ("price", (1, 2))


def test_that_the_time_is_left_to_its_own_kind() -> None:
    assert list(find(tables(events(timestamp=[float("inf"), 1.0, 2.0])))) == []
