"""The funnel judged offline: the order of scores is what lists measure without it, and variety shows in what is measured."""

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.models.classic import classic
from penchant.models.recommender import Recommender
from penchant.schema.sections.funnel import DiversitySettings
from penchant.schema.sections.part import Part
from penchant.studies.funnel import charts, variety
from penchant.studies.lists import measure_lists
from tests import small_data

BOOTSTRAP = Bootstrap(draws=100)
WAYS = [DiversitySettings(method=method, strength=strength, by="genre") for method in ("mmr", "calibrated") for strength in (0.3, 0.9)]


@pytest.fixture(scope="module")
def fitted() -> tuple[Recommender, Dataset, Dataset]:
    data = small_data.film_dataset(small_data.FILM_RECIPE.replace('where = "rating >= 2"\n', ""))
    train, _, test = data.split_last(valid=0.1, test=0.2)
    return classic(Part.model_validate({"kind": "als", "factors": 4, "seed": 0})).fit(train), train, test


def test_that_the_first_point_is_the_model_as_it_is_and_variety_is_seen(fitted: tuple[Recommender, Dataset, Dataset]) -> None:
    model, train, test = fitted
    points = variety(model, train, test, WAYS, BOOTSTRAP, k=5)
    assert [point.settings for point in points] == [None, *WAYS]
    alone = measure_lists({"als": model}, test, (5,)).values["als"]["ndcg@5"]
    assert points[0].metrics["ndcg@5"].value == pytest.approx(float(np.nanmean(alone)), abs=1e-6)
    assert points[0].difference is None
    plain, mild, strong, _, calibrated = (point.metrics for point in points)
    assert plain["diversity@5"].value <= mild["diversity@5"].value <= strong["diversity@5"].value
    assert strong["diversity@5"].value > plain["diversity@5"].value
    assert calibrated["miscalibration@5"].value < plain["miscalibration@5"].value
    for point in points[1:]:
        assert point.difference is not None
        gap = point.metrics["ndcg@5"].value - plain["ndcg@5"].value
        assert point.difference.metric.value == pytest.approx(gap, abs=1e-6)


def test_that_the_charts_hold_a_line_for_each_method_from_no_variety_on(fitted: tuple[Recommender, Dataset, Dataset]) -> None:
    model, train, test = fitted
    points = variety(model, train, test, WAYS, BOOTSTRAP, k=5)
    diversity, coverage = charts(points, "als", k=5)
    assert [series.name for series in diversity.series] == ["mmr", "calibrated"]
    assert list(diversity.series[0].x) == [points[place].metrics["diversity@5"].value for place in (0, 1, 2)]
    assert list(coverage.series[1].y) == [points[place].metrics["ndcg@5"].value for place in (0, 3, 4)]
    assert "<svg" in diversity.svg()


def test_that_without_kinds_of_items_only_coverage_is_drawn() -> None:
    data = small_data.dataset(pl.DataFrame(small_data.two_worlds()))
    train, _, test = data.split_last(valid=0.1, test=0.3)
    model = classic(Part.model_validate({"kind": "als", "factors": 4, "seed": 0})).fit(train)
    points = variety(model, train, test, [DiversitySettings(method="mmr", strength=0.5)], BOOTSTRAP, k=3)
    assert [chart.x for chart in charts(points, "als", k=3)] == ["share of the catalogue in anybody's list"]
