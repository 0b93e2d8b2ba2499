"""Several evaluations of one recipe, each on a fold that it had not learnt from, as one: means, spread and intervals.

The folds' numbers are not independent, because what was learnt from overlaps. Intervals and p-values use the variance that Nadeau and
Bengio (Inference for the Generalization Error, Machine Learning 52, 2003) correct for it: s² (1/folds + judged/learnt) for the mean.
"""

from collections.abc import Iterator, Sequence
from math import isnan, sqrt

import numpy as np
from scipy.special import stdtr, stdtrit

from penchant.evaluation.slices import ALL
from penchant.evaluation.summary import NAN, Comparison, Difference, Evaluation, Metric, Metrics, Tables

LEVEL = 0.95


def mean_of_folds(metrics: Sequence[Metric], overlap: float) -> Metric:
    """The mean of one number over folds, with their standard deviation and a corrected t interval; folds where it is nan do not count.

    Args:
        metrics: Of each fold.
        overlap: Judged events per event learnt from.
    """
    known = [metric for metric in metrics if not isnan(metric.value)]
    lower = bool(metrics) and metrics[0].lower_is_better
    if not known:
        return Metric(NAN, lower_is_better=lower)
    values = np.array([metric.value for metric in known])
    mean, n = float(values.mean()), sum(metric.n for metric in known)
    if len(known) < 2:
        return Metric(mean, n=n, lower_is_better=lower)
    spread = float(values.std(ddof=1))
    half = float(stdtrit(len(known) - 1, (1 + LEVEL) / 2)) * _error(spread, len(known), overlap)
    return Metric(mean, mean - half, mean + half, n, lower, spread)


def difference_of_folds(differences: Sequence[Difference], overlap: float) -> Difference:
    """The mean paired difference, and the corrected t-test of "there is none"; its p-value is nan where folds do not differ."""
    mean = mean_of_folds([difference.metric for difference in differences], overlap)
    known = sum(not isnan(difference.metric.value) for difference in differences)
    if isnan(mean.spread) or mean.spread == 0:
        return Difference(mean)
    return Difference(mean, 2 * float(stdtr(known - 1, -abs(mean.value) / _error(mean.spread, known, overlap))))


def _error(spread: float, folds: int, overlap: float) -> float:
    """The standard error of a mean over folds, corrected for what was learnt from in common."""
    return spread * sqrt(1 / folds + overlap)


def across_folds(folds: Sequence[Evaluation], overlap: float, title: str, protocol: Sequence[str]) -> Evaluation:
    """One evaluation of means; every fold's headline stands as a slice beside those that the folds have.

    Args:
        folds: At least one, of the same models, tasks and baselines.
        overlap: As in `mean_of_folds`.
        title, protocol: Of the whole.
    """
    return Evaluation(
        title=title,
        model=folds[0].model,
        protocol=tuple(protocol),
        tables=_tables(folds, overlap),
        comparisons=tuple(_comparisons(folds, overlap)),
        facts={"folds": f"{len(folds)}"} | {name: fact for name, fact in folds[0].facts.items() if name in ("items", "log events")},
    )


def _tables(folds: Sequence[Evaluation], overlap: float) -> Tables:
    tables: Tables = {}
    for model in folds[0].models:
        for task in dict.fromkeys(task for fold in folds for task in fold.tables.get(model, {})):
            parts = [fold.tables.get(model, {}).get(task, {}) for fold in folds]
            whole = {ALL: _means([part.get(ALL, {}) for part in parts], overlap)}
            single = {f"fold {number}": _headline(part.get(ALL, {})) for number, part in enumerate(parts, 1)}
            others = dict.fromkeys(name for part in parts for name in part if name != ALL)
            slices = {name: _means([part.get(name, {}) for part in parts], overlap) for name in others}
            tables.setdefault(model, {})[task] = whole | single | slices
    return tables


def _means(parts: Sequence[Metrics], overlap: float) -> Metrics:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: mean_of_folds([part[name] for part in parts if name in part], overlap) for name in names}


def _headline(metrics: Metrics) -> Metrics:
    return dict(list(metrics.items())[:1])


def _comparisons(folds: Sequence[Evaluation], overlap: float) -> Iterator[Comparison]:
    for first in folds[0].comparisons:
        found = [fold.comparison(first.baseline, first.task, first.metric) for fold in folds]
        differences = [each.difference for each in found if each is not None]
        yield Comparison(first.model, first.baseline, first.task, first.metric, difference_of_folds(differences, overlap))
