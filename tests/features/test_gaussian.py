"""A circumstance as mean and spread."""

import math

import numpy as np
import polars as pl

from penchant.features.contract import FeatureContract
from penchant.features.gaussian import Gaussian, GaussianSettings
from penchant.schema.sections.features import FeaturePart


def weather(amounts: list[float | None], *places: list[str | None]) -> pl.Series:
    columns = {"degrees": amounts} | {f"place{number}": place for number, place in enumerate(places)}
    return pl.DataFrame(columns).select(pl.struct(pl.all())).to_series()


class TestGaussian(FeatureContract):
    part = FeaturePart(kind="gaussian", columns=("degrees", "place0"))
    values = weather([10.0, 30.0, None, 5.0, 20.0], ["hill", "shore", "hill", None, "shore"])


class TestGaussianByTwoValues(FeatureContract):
    part = FeaturePart(kind="gaussian", columns=("degrees", "place0", "place1"))
    values = weather([10.0, 30.0, None], ["hill", "shore", "hill"], ["day", "night", None])


def test_that_mean_and_spread_are_drawn_towards_the_overall_ones_by_hand() -> None:
    """All: -1, -1, 1, 1, mean 0, deviation 1. Hill has -1, -1; shore has 1, 1."""
    gaussian = Gaussian(GaussianSettings(prior=2)).fit(weather([-1.0, -1.0, 1.0, 1.0], ["hill", "hill", "shore", "shore"]))
    half = math.log((2 * 0.5**2 + 2) / 4) / 2  # two amounts half a degree from their mean, two events' worth of variance 1
    found = gaussian.transform(weather([None] * 4, ["hill", "shore", "moor", None]))
    np.testing.assert_allclose(found, [[-0.5, half], [0.5, half], [0, 0], [0, 0]], rtol=1e-6)


def test_that_the_more_events_the_nearer_to_what_they_were() -> None:
    amounts = [0.0, 100.0] * 500 + [90.0, 92.0] * 500
    gaussian = Gaussian(GaussianSettings()).fit(weather(amounts, ["moor"] * 1000 + ["hill"] * 1000))
    mean, spread = gaussian.transform(weather([None], ["hill"]))[0]
    assert abs(mean * gaussian.deviation_ + gaussian.mean_ - 91) < 0.3
    assert math.exp(spread) * gaussian.deviation_ < 5


def test_that_a_combination_is_all_its_values_together() -> None:
    gaussian = Gaussian(GaussianSettings()).fit(weather([1.0, 9.0], ["hill", "hill"], ["day", "night"]))
    day, night, other = gaussian.transform(weather([None] * 3, ["hill"] * 3, ["day", "night", "dusk"]))
    assert day[0] < 0 < night[0]
    assert other.tolist() == [0, 0]


def test_that_the_present_amount_is_not_looked_at() -> None:
    gaussian = Gaussian(GaussianSettings()).fit(weather([1.0, 9.0], ["hill", "shore"]))
    assert np.array_equal(gaussian.transform(weather([1e9], ["hill"])), gaussian.transform(weather([None], ["hill"])))
