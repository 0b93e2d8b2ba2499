"""Times that cannot be."""

from penchant.data.defects.times import find, unit_factor
from tests.data.defects.given import NOON, NOW, events, tables


def test_that_infinite_early_and_future_times_are_told_apart() -> None:
    times = [float("inf"), 5.0, NOW + 86_401, NOW + 86_399, NOON, NOON]
    log = events(timestamp=times, user_id=list("abcdef"), item_id=list("uvwxyz"))
    assert {defect.code: defect.first_rows for defect in find(tables(log))} == {
        "impossible_time": (1,), "early_time": (2,), "future_time": (3,),
    }  # fmt: skip


def test_that_an_order_is_no_clock() -> None:
    assert list(find(tables(events(timestamp=[0.0, 1.0, 2.0])))) == []


def test_that_times_of_another_unit_are_found_in_either_direction() -> None:
    times = [NOON, NOON + 50, NOON + 100, (NOON + 20) * 1000, (NOON + 30) / 1000, NOW + 1e9]
    log = events(timestamp=times, user_id=list("abcdef"), item_id=list("uvwxyz"))
    assert {defect.code: defect.first_rows for defect in find(tables(log))} == {"other_time_unit": (4, 5), "future_time": (6,)}
    assert unit_factor(log, NOW).to_list() == [None, None, None, 1e-3, 1e3, None]


def test_that_moments_of_programs_stand_for_no_time() -> None:
    times = [NOON, NOON, NOON, 0.0, -1.0, 946_684_800.0]
    (defect,) = find(tables(events(timestamp=times, user_id=list("abcdef"), item_id=list("uvwxyz"))))
    assert (defect.code, defect.first_rows, defect.examples[0]) == ("stand_in_time", (4, 5, 6), "1970-01-01 00:00:00")
