"""Amounts."""

import math

import numpy as np
import polars as pl

from penchant.features.contract import FeatureContract
from penchant.features.number import Number, NumberSettings
from penchant.schema.recipe import FeaturePart


class TestNumber(FeatureContract):
    part, values = FeaturePart(kind="number"), pl.Series([1.0, None, 3.0, -2.5, float("nan")])


class TestNumberOnALogarithmicScale(FeatureContract):
    part, values = FeaturePart.model_validate({"kind": "number", "logarithm": True}), pl.Series([1, None, 10_000, -5])


class TestNumberOfTexts(FeatureContract):
    part, values = FeaturePart(kind="number"), pl.Series(["1", "2.5", None, "many"])


class TestNumberThatNeverChanges(FeatureContract):
    part, values = FeaturePart(kind="number"), pl.Series([5, 5, None])


class TestHugeNumbers(FeatureContract):
    part, values = FeaturePart(kind="number"), pl.Series([1e300, -1e300, 1e308, None])


def fitted(values: list[object], logarithm: bool = False) -> Number:
    return Number(NumberSettings(logarithm=logarithm)).fit(pl.Series(values))


def test_that_amounts_are_in_standard_deviations_from_the_training_mean() -> None:
    number = fitted([1, 3, None])  # mean 2, deviation 1
    assert number.transform(pl.Series([2, 3, 0, None, 100, -100])).tolist() == [[0, 0], [1, 0], [-2, 0], [0, 1], [6, 0], [-6, 0]]


def test_that_the_logarithm_keeps_the_sign() -> None:
    number = fitted([math.e - 1, -(math.e - 1)], logarithm=True)  # scaled to 1 and -1
    np.testing.assert_allclose(number.transform(pl.Series([math.e**2 - 1, 0.0, 1 - math.e]))[:, 0], [2, 0, -1], rtol=1e-6)


def test_that_a_number_that_never_changes_is_zero_where_it_stands() -> None:
    assert fitted([5, 5]).transform(pl.Series([5, 6])).tolist() == [[0, 0], [1, 0]]


def test_that_texts_are_read_as_numbers_where_they_are_and_missing_elsewhere() -> None:
    assert fitted([1, 3]).transform(pl.Series(["3", "x", "inf"])).tolist() == [[1, 0], [0, 1], [0, 1]]
