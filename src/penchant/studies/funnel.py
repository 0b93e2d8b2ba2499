"""The funnel judged offline: what variety costs in right answers, and what it gives in kinds and in catalogue shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.evaluation.summary import Difference, Metrics
from penchant.funnel.plan import Plan
from penchant.models.listed import through
from penchant.models.recommender import Recommender
from penchant.report.charts import LineChart, Series
from penchant.schema.sections.funnel import DiversitySettings, FunnelSettings
from penchant.studies.beyond import beyond_accuracy
from penchant.studies.lists import Asked


@dataclass(frozen=True)
class Point:
    """One way of making lists various.

    Attributes:
        settings: How; None for the order of scores.
        metrics: `ndcg@k` and what lists are beside being right, as `beyond_accuracy` measures it.
        difference: NDCG less that of the order of scores, paired by user; None for that itself.
    """

    settings: DiversitySettings | None
    metrics: Metrics
    difference: Difference | None


def variety(
    model: Recommender, train: Dataset, test: Dataset, ways: Sequence[DiversitySettings], bootstrap: Bootstrap, k: int = 10
) -> list[Point]:
    """The order of scores first, then each way: lists of all users of the test part, all items ranked, through the funnel that serves.

    Args:
        model: Fitted.
        train: What kinds, popularity and pasts are counted in.
        test: Whose users ask, each at the first wanted event; every wanted event of the part is relevant.
        ways: What is tried.
        bootstrap: Of the intervals.
        k: Places.
    """
    asked = Asked.at_first_wanted(test)
    points: list[Point] = []
    plain: NDArray[np.float64] | None = None
    for way in (None, *ways):
        rows, _, _ = through(model, asked.queries, Plan(FunnelSettings(), (), way), k, asked.exclude_seen)
        right = ndcg(*find_hits(rows, asked.query, asked.item), k)
        metrics = {f"ndcg@{k}": bootstrap.mean(right)} | beyond_accuracy(rows, asked.queries.user, train, bootstrap, k)
        points.append(Point(way, metrics, None if plain is None else bootstrap.mean_difference(right, plain)))
        plain = right if plain is None else plain
    return points


def charts(points: Sequence[Point], title: str, k: int = 10) -> list[LineChart]:
    """NDCG over the diversity of lists, and over the share of the catalogue that they show; a line for each method, from no variety on."""
    return [_chart(points, title, f"ndcg@{k}", f"{name}@{k}", words) for name, words in _AXES if f"{name}@{k}" in points[0].metrics]


_AXES = (("diversity", "mean unlikeness of two items of a list"), ("coverage", "share of the catalogue in anybody's list"))


def _chart(points: Sequence[Point], title: str, right: str, various: str, words: str) -> LineChart:
    plain = points[0]
    methods = list(dict.fromkeys(point.settings.method for point in points if point.settings is not None))
    lines = [[plain, *(point for point in points if point.settings is not None and point.settings.method == method)] for method in methods]
    series = [
        Series(method, [point.metrics[various].value for point in line], [point.metrics[right].value for point in line], marks=True)
        for method, line in zip(methods, lines, strict=True)
    ]
    return LineChart(title, words, right.upper(), series)
