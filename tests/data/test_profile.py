"""What columns hold."""

import polars as pl

from penchant.data.defects.defect import DAY, Defect, Tables
from penchant.data.profile import ColumnProfile, Timeline, profile
from tests.data.defects.given import NOON, NOW, events, tables


def column(values: pl.Series) -> ColumnProfile:
    return profile(tables(items=pl.DataFrame({"item_id": [str(n) for n in range(values.len())], "it": values})), []).columns[-1]


def test_that_few_numbers_are_counted_in_their_order_and_texts_by_how_common_they_are() -> None:
    stars = column(pl.Series([5, 1, 1, 1, 3, None]))
    assert (stars.bars, stars.labels, stars.missing, stars.different) == ((3, 1, 1), ("1", "3", "5"), 1 / 6, 3)
    words = column(pl.Series(["b", "a", "b", "c", "c", "c"]))
    assert (words.type, words.bars, words.labels) == ("text", (3, 2, 1), ("c", "b", "a"))


def test_that_many_numbers_are_binned_from_the_first_percentile_to_the_last() -> None:
    amounts = column(pl.Series([float(n) for n in range(240)] + [1e9]))
    assert (len(amounts.bars), sum(amounts.bars), amounts.numeric) == (24, 241, True)
    assert max(amounts.bars) <= 14
    assert amounts.labels == ("0", "1,000,000,000")


def test_that_empty_lists_and_rows_of_their_own_have_no_bars() -> None:
    assert column(pl.Series([None, None], dtype=pl.Float64)).bars == ()
    assert column(pl.Series([["a"], ["b"]])).bars == ()
    assert column(pl.Series(["a", "b"])).bars == ()
    assert column(pl.Series([float("nan")] * 3)).different <= 1


def test_that_the_timeline_counts_days_and_the_faulty_rows_in_them() -> None:
    frame = events(timestamp=[NOON, NOON, NOON + 2 * DAY])
    bad = Defect("x", "events", None, "warning", 1, 0.3, (1,), "", "", rows=pl.Series([0]))
    fine = Defect("y", "events", None, "information", 1, 0.3, (3,), "", "", rows=pl.Series([2]))
    shown = profile(tables(frame), [bad, fine]).timeline
    assert shown == Timeline(1, ("2022-04-25", "2022-04-26", "2022-04-27"), (2, 0, 1), (1, 0, 0))


def test_that_a_long_log_has_ninety_bars_at_most_and_an_order_has_none() -> None:
    frame = pl.DataFrame({"user_id": ["a"] * 400, "item_id": ["x"] * 400, "timestamp": [NOON - n * DAY for n in range(400)]})
    shown = profile(tables(frame), []).timeline
    assert shown is not None
    assert (shown.days, len(shown.events), sum(shown.events)) == (5, 80, 400)
    order = events(timestamp=[0.0, 1.0, 2.0])
    assert profile(Tables(order, None, None, None, NOW), []).timeline is None


def test_that_up_to_twenty_four_numbers_have_a_bar_each_between_the_least_and_the_greatest() -> None:
    hours = column(pl.Series([*range(1, 25), 24]))
    assert (hours.bars, hours.labels, hours.numeric) == ((1,) * 23 + (2,), ("1", "24"), True)
    assert len(column(pl.Series(range(26))).bars) == 24


def test_that_moments_in_seconds_and_in_milliseconds_are_told_as_days() -> None:
    for unit in (1, 1000):
        moments = pl.DataFrame({"item_id": [str(n) for n in range(30)], "made_time": [int((NOON + n * DAY) * unit) for n in range(30)]})
        (made,) = [each for each in profile(tables(items=moments), []).columns if each.name == "made_time"]
        assert (made.type, made.labels) == ("time", ("2022-04-25", "2022-05-24"))
    plain = pl.DataFrame({"item_id": ["x", "y"], "sold": [int(NOON), int(NOON)]})
    assert profile(tables(items=plain), []).columns[-1].type == "number"
