"""Amounts."""

import math

import numpy as np
import polars as pl
import pytest

from penchant.features.contract import FeatureContract
from penchant.features.number import Number, NumberSettings
from penchant.schema.errors import RecipeError
from penchant.schema.sections.features import FeaturePart


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


class TestNumberByQuantile(FeatureContract):
    part, values = FeaturePart.model_validate({"kind": "number", "encoding": "quantile", "bins": 4}), pl.Series([1.0, None, 3.0, -2.5, 9.0])


class TestNumberAsThermometer(FeatureContract):
    part = FeaturePart.model_validate({"kind": "number", "encoding": "piecewise_linear", "bins": 3})
    values = pl.Series([1.0, None, 3.0, -2.5, 9.0])


class TestThermometerOfANumberThatNeverChanges(FeatureContract):
    part, values = FeaturePart.model_validate({"kind": "number", "encoding": "piecewise_linear"}), pl.Series([5, 5, None])


def test_that_a_quantile_is_the_rank_among_the_training_amounts() -> None:
    number = Number(NumberSettings(encoding="quantile", bins=2)).fit(pl.Series([0, 10, 110]))  # edges 0, 10, 110
    found = number.transform(pl.Series([0, 5, 10, 60, 110, 9999, -1, None]))
    np.testing.assert_allclose(found[:, 0] / 3**0.5, [-1, -0.5, 0, 0.5, 1, 1, -1, 0], atol=1e-6)
    assert found[:, 1].tolist() == [0] * 7 + [1]


def test_that_a_thermometer_fills_bin_after_bin() -> None:
    number = Number(NumberSettings(encoding="piecewise_linear", bins=2)).fit(pl.Series([0, 10, 110]))
    assert number.names() == ["from 0 to 10", "from 10 to 110", "missing"]
    found = number.transform(pl.Series([0, 5, 10, 60, 9999, -1, None]))
    np.testing.assert_allclose(found, [[0, 0, 0], [0.5, 0, 0], [1, 0, 0], [1, 0.5, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]])


def test_that_amounts_come_back() -> None:
    for settings in ({}, {"logarithm": True}, {"encoding": "quantile"}, {"encoding": "piecewise_linear", "logarithm": True}):
        number = Number(NumberSettings.model_validate(settings)).fit(pl.Series([1.0, 4.0, 100.0]))
        back = number.inverse(number.transform(pl.Series([1.0, 3.0, 50.0, None]))).to_list()
        np.testing.assert_allclose(back, [1, 3, 50, math.nan], rtol=1e-4)


def test_that_the_bound_is_the_recipes() -> None:
    assert Number(NumberSettings(clip=2)).fit(pl.Series([1, 3])).transform(pl.Series([100]))[0, 0] == 2


def test_that_settings_the_encoding_does_not_use_are_refused() -> None:
    for settings in ({"bins": 4}, {"encoding": "quantile", "clip": 3.0}):
        with pytest.raises(RecipeError, match="Take"):
            FeaturePart.model_validate({"kind": "number"} | settings).read(NumberSettings, "features, user.age")
