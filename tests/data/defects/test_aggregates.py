"""Columns that tell the future."""

from collections.abc import Callable

import numpy as np
import polars as pl

from penchant.data.defects.aggregates import find
from penchant.data.defects.defect import Defect, Tables
from penchant.schema.recipe import Recipe
from tests.data.defects.given import NOON

ITEMS = 120
RECIPE = """
[data.events]
path = "a.csv"
[features]
item.used = { kind = "number" }
[tasks.next]
kind = "next_item"
[split]
valid_from = "2022-04-26"
test_from = "2022-04-26"
"""


def found(later: Callable[[int], int] = lambda n: n % 5, **columns: object) -> list[Defect]:
    """Item n has n % 7 + 1 events on the first day and `later(n)` on the next."""
    rows = [(f"u{n}", f"i{n}", NOON + k) for n in range(ITEMS) for k in range(n % 7 + 1)]
    rows += [(f"u{n}", f"i{n}", NOON + 86_400 + k) for n in range(ITEMS) for k in range(later(n))]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(ITEMS)]} | columns)
    return list(find(Tables(events, None, items, Recipe.parse(RECIPE), NOON + 1e6)))


def test_that_what_was_counted_over_both_days_is_found_and_worse_where_it_is_used() -> None:
    whole = [n % 7 + 1 + n % 5 for n in range(ITEMS)]
    used, unused = found(used=whole, kept=whole)
    assert (used.code, used.column, used.severity) == ("future_aggregate", "used", "warning")
    assert (unused.column, unused.severity) == ("kept", "information")


def test_that_what_was_counted_on_the_first_day_amounts_and_years_are_fine() -> None:
    noise = np.random.default_rng(0).random(ITEMS)
    assert found(used=[n % 7 + 1 for n in range(ITEMS)], price=noise, year=[1990 + n % 5 * 2 + n % 2 for n in range(ITEMS)]) == []


def test_that_several_columns_are_told_together_the_strongest_first() -> None:
    whole, later = [n % 7 + 1 + n % 5 for n in range(ITEMS)], [n % 5 + 1 for n in range(ITEMS)]
    (defect,) = found(a=whole, b=later)
    assert defect.column == "b, a"
    assert "2 columns of items may tell the future: b and a follow how often" in defect.sentence
    assert "rank correlation 1.00 to " in defect.sentence


def test_that_what_was_counted_on_the_first_day_is_fine_where_the_second_is_like_it() -> None:
    before = [n % 7 + 1 for n in range(ITEMS)]
    assert found(later=lambda n: n % 7 + n % 2, used=before) == []
    (defect,) = found(later=lambda n: n % 7 + n % 2, used=[n % 7 + 1 + n % 7 + n % 2 for n in range(ITEMS)])
    assert defect.column == "used"
