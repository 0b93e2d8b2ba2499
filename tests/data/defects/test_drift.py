"""Columns that change."""

from math import log

import polars as pl
import pytest

from penchant.data.defects.defect import Defect
from penchant.data.defects.drift import find, stability_index
from tests.data.defects.given import NOON, tables

N = 1200


def found(context: str, **columns: object) -> list[Defect]:
    log_ = pl.DataFrame({"user_id": ["a"] * N, "item_id": ["x"] * N, "timestamp": [NOON + 60.0 * n for n in range(N)]} | columns)
    return list(find(tables(log_, tasks=f'[features.context]\n{context} = {{ kind = "category" }}\n[tasks.next]\nkind = "next_item"')))


def test_that_the_index_is_the_sum_over_bins_by_hand() -> None:
    first, last = pl.Series(["a"] * 5 + ["b"] * 5), pl.Series(["a"] * 8 + ["b"] * 2)
    assert stability_index(first, last) == pytest.approx(0.3 * log(0.8 / 0.5) - 0.3 * log(0.2 / 0.5))
    assert stability_index(first, first) == 0


def test_that_missing_and_new_values_have_bins_of_their_own() -> None:
    first = pl.Series(["a"] * 10)
    assert stability_index(first, pl.Series([None] * 10, dtype=pl.String)) == pytest.approx(2 * 0.9999 * log(10_000))
    assert stability_index(first, pl.Series(["new"] * 10)) == pytest.approx(2 * 0.9999 * log(10_000))


def test_that_numbers_are_compared_by_tenths_of_the_first() -> None:
    first = pl.Series([float(n) for n in range(100)])
    assert stability_index(first, first) == pytest.approx(0)
    assert stability_index(first, first + 50) == pytest.approx(5 * 0.0999 * log(1000) + 0.5 * log(6), rel=1e-3)


def test_that_a_value_that_comes_late_is_told_with_how_much_is_new() -> None:
    device = ["phone"] * (N * 3 // 4) + ["phone", "watch", "watch"] * (N // 12)
    (defect,) = found("device", device=device)
    assert (defect.code, defect.column, defect.severity, defect.count) == ("drift", "device", "warning", 300)
    assert defect.sentence.endswith("; 66.7 % of the last quarter have values never seen before")


def test_that_what_the_recipe_does_not_use_is_told_in_one_line() -> None:
    late = [int(n >= N // 2) for n in range(N)]
    (defect,) = found("place", place=["x"] * N, a=late, b=late)
    assert (defect.severity, defect.column) == ("information", "a, b")


def test_that_dates_move_of_course_and_steady_columns_do_not() -> None:
    day = [f"2022-04-{25 + n // 300}" for n in range(N)]
    assert found("day", day=day, count=list(range(N)), steady=[n % 7 for n in range(N)]) == []
