"""Numbers that cannot be."""

import numpy as np
import polars as pl
import pytest

from penchant.data.defects.defect import Defect, Tables
from penchant.data.defects.impossible import find, sensible_limits
from penchant.schema.recipe import Recipe
from tests.data.defects.given import NOW, events, tables

STARS = '[tasks.stars]\nkind = "regression"\nlabel = "stars"\nminimum = 1\nmaximum = 5'


def of_items(**columns: object) -> list[Defect]:
    rows = len(next(iter(columns.values())))
    return list(find(tables(items={"item_id": [f"i{n}" for n in range(rows)]} | columns)))


def test_that_labels_outside_what_their_task_declares_are_errors() -> None:
    (defect,) = find(tables(events(stars=[0, 5, 6]), tasks=STARS))
    assert (defect.code, defect.severity, defect.first_rows, defect.examples) == ("out_of_limits", "error", (1, 3), ("0", "6"))
    assert defect.rule == "data.clean.limits.stars = { minimum = 1, maximum = 5 }"


def test_that_limits_of_cleaning_have_the_last_word() -> None:
    recipe = Recipe.parse(f'[data]\nevents = {{ path = "a" }}\nclean.limits.stars = {{ maximum = 6 }}\n{STARS}')
    assert list(find(Tables(events(stars=[-3.0, float("nan"), 6.0]), None, None, recipe, NOW))) == []


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("age", 0, 120), ("unitPrice", 0, None), ("play_cnt", 0, None), ("discount_percent", 0, 100), ("lon", -180, 180)],
)
def test_that_names_tell_limits(name: str, low: float, high: float | None) -> None:
    limits = sensible_limits(name)
    assert limits is not None
    assert (limits.minimum, limits.maximum) == (low, high)


@pytest.mark.parametrize("name", ["temperature", "page", "balance", "language", "plate"])
def test_that_other_names_tell_none(name: str) -> None:
    assert sensible_limits(name) is None


def test_that_few_impossible_values_are_a_warning_and_many_another_meaning() -> None:
    (defect,) = of_items(price=[1.0] * 99 + [-1.0])
    assert (defect.code, defect.severity, defect.first_rows) == ("impossible_value", "warning", (100,))
    assert of_items(price=[1.0] * 9 + [-1.0]) == []


def test_that_what_is_far_from_all_others_is_good_to_know_and_long_tails_are_not() -> None:
    (defect,) = of_items(size=[*range(100, 300), 10**9])
    assert (defect.code, defect.severity, defect.first_rows) == ("outlier", "information", (201,))
    assert of_items(size=[2.0**n for n in range(200)], brand_id=[*range(100, 299), 10**9]) == []
    assert of_items(size=pl.Series([*range(50), 10**9])) == []


def test_that_far_is_eight_widths_of_the_middle_half_from_the_median_on_a_logarithmic_scale() -> None:
    """Quartiles at 1, 2 and 3, so that 2 + 8 · 2 = 18 is the end; -14 is the other."""
    plain = np.expm1(np.repeat([1.0, 2.0, 3.0], 40)).tolist()
    assert of_items(size=[*plain, float(np.expm1(17.9))]) == []
    (defect,) = of_items(size=[*plain, float(np.expm1(18.1)), float("inf"), None])
    assert (defect.code, defect.count, defect.first_rows) == ("outlier", 1, (121,))
    assert of_items(size=[*plain, -float(np.expm1(13.9))]) == []
    assert len(of_items(size=[*plain, -float(np.expm1(14.1))])) == 1
