"""Times that cannot be."""

from penchant.data.defects.times import find
from tests.data.defects.given import NOON, NOW, events, tables


def test_that_infinite_early_and_future_times_are_told_apart() -> None:
    times = [float("inf"), 0.0, NOW + 86_401, NOW + 86_399, NOON, NOON]
    log = events(timestamp=times, user_id=list("abcdef"), item_id=list("uvwxyz"))
    assert {defect.code: defect.first_rows for defect in find(tables(log))} == {
        "impossible_time": (1,), "early_time": (2,), "future_time": (3,),
    }  # fmt: skip


def test_that_an_order_is_no_clock() -> None:
    assert list(find(tables(events(timestamp=[0.0, 1.0, 2.0])))) == []
