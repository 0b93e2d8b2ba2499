"""One value out of many."""

from hashlib import blake2b

import numpy as np
import polars as pl
import pytest

from penchant.features.category import Category, CategorySettings
from penchant.features.contract import FeatureContract
from penchant.features.feature import Form
from penchant.schema.errors import RecipeError
from penchant.schema.sections.features import FeaturePart


class TestCategoryOfTexts(FeatureContract):
    part, values = FeaturePart(kind="category"), pl.Series(["b", "a", "b", None, "c", ""])


class TestCategoryOfFractions(FeatureContract):
    part, values = FeaturePart(kind="category"), pl.Series([1.0, 2.5, 3.0, None, float("nan"), 0.1])


class TestCategoryOfSmallFractions(FeatureContract):
    part, values = FeaturePart(kind="category"), pl.Series([1.0, 2.5, None], dtype=pl.Float32)


class TestCategoryOfTruth(FeatureContract):
    part, values = FeaturePart(kind="category"), pl.Series([True, False, None])


def fitted(values: list[object], **settings: int) -> Category:
    return Category(CategorySettings(**settings)).fit(pl.Series(values))


def test_that_the_most_frequent_value_comes_first_and_ties_are_in_text_order() -> None:
    category = fitted(["b", "c", "a", "c", None])
    assert category.transform(pl.Series(["c", "a", "b", "zzz", None])).tolist() == [2, 3, 4, 0, 1]
    assert category.form == Form("index", 5)


def test_that_rare_values_count_as_unknown() -> None:
    category = fitted(["b", "c", "a", "c", "b"], minimum_count=2)
    assert category.transform(pl.Series(["b", "c", "a"])).tolist() == [2, 3, 0]
    assert fitted(["b", "c", "a", "c", "b"], maximum_values=1).transform(pl.Series(["b", "c"])).tolist() == [2, 0]


def test_that_rare_is_told_by_events_and_the_order_by_rows() -> None:
    """a stands in one row of 5 events, b in two rows of 2 together, c in one row of 1."""
    values, events = pl.Series(["c", "b", "a", "b", None]), np.array([1, 1, 5, 1, 9])
    asked = pl.Series(["a", "b", "c"])
    assert Category(CategorySettings()).fit(values, events).transform(asked).tolist() == [3, 2, 4]
    assert Category(CategorySettings(minimum_count=2)).fit(values, events).transform(asked).tolist() == [3, 2, 0]
    assert Category(CategorySettings(minimum_count=3)).fit(values, events).transform(asked).tolist() == [2, 0, 0]
    assert Category(CategorySettings(maximum_values=1)).fit(values, events).transform(asked).tolist() == [2, 0, 0]


def test_that_a_whole_number_is_the_same_value_however_it_is_kept() -> None:
    category = fitted([3, 4, 4])
    for same in (pl.Series([3, 4]), pl.Series([3.0, 4.0]), pl.Series(["3", "4"]), pl.Series([3, 4], dtype=pl.Int8)):
        assert category.transform(same).tolist() == [3, 2]
    mixed = fitted([3.0, 2.5])
    assert mixed.transform(pl.Series([3])).tolist() == mixed.transform(pl.Series([3.0, 2.5]))[:1].tolist() == [3]


def test_that_true_is_one() -> None:
    assert fitted([True, True, False]).transform(pl.Series([1, 0, 2])).tolist() == [2, 3, 0]


def test_that_nothing_learnt_leaves_unknown_and_missing() -> None:
    assert np.array_equal(fitted([None]).transform(pl.Series(["a", None])), [0, 1])


class TestCategoryHashed(FeatureContract):
    part, values = FeaturePart.model_validate({"kind": "category", "hash": 1000}), pl.Series(["b", "a", "b", None, ""])


def test_that_a_bucket_is_the_same_everywhere_and_always() -> None:
    """A bucket is blake2b of 8 bytes, read as a little-endian number."""
    category = Category(CategorySettings(hash=1000))
    expected = 2 + int.from_bytes(blake2b(b"a", digest_size=8).digest(), "little") % 1000
    assert category.transform(pl.Series(["a", None, "a"])).tolist() == [expected, 1, expected]
    assert category.form == Form("index", 1002)
    assert category.transform(pl.Series([3])).tolist() == category.transform(pl.Series(["3"])).tolist()


def test_that_buckets_fill_evenly() -> None:
    counts = np.bincount(Category(CategorySettings(hash=10)).transform(pl.Series(range(10_000))), minlength=12)
    assert counts[:2].tolist() == [0, 0]
    assert counts[2:].min() > 900


def test_that_a_threshold_and_buckets_contradict_each_other() -> None:
    with pytest.raises(RecipeError, match="without minimum_count"):
        FeaturePart.model_validate({"kind": "category", "hash": 10, "minimum_count": 2}).read(CategorySettings, "features, user.id")


def test_that_indices_turn_back_into_values() -> None:
    assert fitted(["b", "a", "b"]).inverse(np.array([2, 3, 0, 1, 99])).to_list() == ["b", "a", None, None, None]
    assert fitted(["b", "a", "b"]).names() == ["unknown", "missing", "b", "a"]
