"""Several values at once."""

import numpy as np
import polars as pl

from penchant.data.log import Column
from penchant.features.categories import Categories, CategoriesSettings
from penchant.features.contract import FeatureContract
from penchant.features.feature import Form
from penchant.schema.sections.features import FeaturePart


class TestCategoriesOfTexts(FeatureContract):
    part, values = FeaturePart(kind="categories"), pl.Series(["a|b", "b", None, "", "c| a |a"])


class TestCategoriesOfLists(FeatureContract):
    part, values = FeaturePart(kind="categories"), pl.Series([["a", "b"], [], None, ["b", None, "c"]])


class TestCategoriesOfNumbers(FeatureContract):
    part, values = FeaturePart(kind="categories"), pl.Series([[1, 2], None, [2]])


def fitted(values: object, **settings: object) -> Categories:
    return Categories(CategoriesSettings.model_validate({"maximum_per_row": 3} | settings)).fit(pl.Series(values))


def test_that_cells_are_taken_apart_by_hand() -> None:
    categories = fitted(["a|b", "b|c", "b"])
    assert categories.form == Form("bag", 5)  # padding, unknown, b, a, c
    bags = categories.transform(pl.Series(["b|a", "zzz|c", None, "", " a |a", "c|b|a|b", "a|b|c|zzz"]))
    assert bags.tolist() == [[2, 3, 0], [1, 4, 0], [0, 0, 0], [0, 0, 0], [3, 0, 0], [4, 2, 3], [3, 2, 4]]


def test_that_another_separator_may_be_given() -> None:
    assert fitted(["a b", "b"], separator=" ").transform(pl.Series(["b a", "a|b"])).tolist() == [[2, 3, 0], [1, 0, 0]]


def test_that_rare_values_are_unknown() -> None:
    assert fitted(["a|b", "b"], minimum_count=2).transform(pl.Series(["a|b"])).tolist() == [[1, 2, 0]]


def test_that_a_cells_events_count_for_each_of_its_values() -> None:
    """a is of 1 + 2 events, b of 2, c of 4; the cells without a value count for none."""
    values, events = pl.Series(["a", "", "a|b", None, "c"]), np.array([1, 9, 2, 9, 4])
    for least, expected in ((1, [2, 3, 4]), (3, [2, 1, 3]), (4, [1, 1, 2]), (5, [1, 1, 1])):
        categories = Categories(CategoriesSettings(maximum_per_row=3, minimum_count=least)).fit(values, events)
        assert categories.transform(pl.Series(["a|b|c"])).tolist() == [expected], least


def test_that_a_list_is_the_same_as_its_text_and_as_its_packed_form() -> None:
    lists = pl.Series([["b", "a"], None, ["zzz"], []])
    categories = fitted(["a|b", "b"])
    packed = Column.pack(lists).take(slice(None))
    assert categories.transform(packed).tolist() == categories.transform(lists).tolist() == [[2, 3, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_that_a_list_is_not_taken_apart_at_the_separator_packed_or_not() -> None:
    lists = pl.Series([["a|b"], ["a|b", "c"]])
    categories = fitted(lists)
    assert (
        categories.transform(Column.pack(lists).take(slice(None))).tolist()
        == categories.transform(lists).tolist()
        == [[2, 0, 0], [2, 3, 0]]
    )
