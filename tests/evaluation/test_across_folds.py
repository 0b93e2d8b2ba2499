"""Folds as one evaluation: means, spread and corrected intervals by hand and against scipy."""

from math import isnan, sqrt

import pytest
from scipy import stats

from penchant.evaluation.across_folds import across_folds, difference_of_folds, mean_of_folds
from penchant.evaluation.summary import Comparison, Difference, Evaluation, Metric

NAN = float("nan")


def metrics(*values: float) -> list[Metric]:
    return [Metric(value, 0.0, 1.0, n=10) for value in values]


def test_that_a_mean_has_the_spread_and_the_interval_of_nadeau_and_bengio() -> None:
    found = mean_of_folds(metrics(0.2, 0.4, 0.6), overlap=0.5)
    error = 0.2 * sqrt(1 / 3 + 1 / 2)  # the standard deviation of .2, .4, .6 is .2
    low, high = stats.t.interval(0.95, 2, loc=0.4, scale=error)
    assert (found.value, found.spread, found.n) == (pytest.approx(0.4), pytest.approx(0.2), 30)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_that_without_overlap_it_is_students_own() -> None:
    difference = difference_of_folds([Difference(each) for each in metrics(0.1, 0.2, 0.15, -0.05)], overlap=0.0)
    assert difference.p_value == pytest.approx(stats.ttest_1samp([0.1, 0.2, 0.15, -0.05], 0).pvalue)
    assert difference.verdict == "unclear"


def test_that_overlap_makes_less_sure() -> None:
    values = [Difference(each) for each in metrics(0.1, 0.12, 0.14)]
    sure, unsure = (difference_of_folds(values, overlap) for overlap in (0.0, 0.5))
    assert (sure.verdict, unsure.verdict) == ("better", "better")
    assert sure.p_value < unsure.p_value < 0.05
    assert unsure.metric.high - unsure.metric.low == pytest.approx((sure.metric.high - sure.metric.low) * sqrt(1 + 3 * 0.5))


def test_that_folds_where_a_number_is_undefined_do_not_count() -> None:
    found = mean_of_folds([*metrics(0.2, 0.4), Metric(NAN, n=0)], 0.5)
    assert (found.value, found.n) == (pytest.approx(0.3), 20)
    single = mean_of_folds([Metric(0.2, n=3, lower_is_better=True), Metric(NAN)], 0.5)
    assert (single.value, single.n, single.lower_is_better) == (0.2, 3, True)
    assert isnan(single.low)
    assert isnan(single.spread)
    assert isnan(mean_of_folds([Metric(NAN)], 0.5).value)
    assert isnan(difference_of_folds([Difference(each) for each in metrics(0.1, 0.1)], 0.5).p_value)


def fold(model: float, rival: float, sliced: float | None) -> Evaluation:
    slices = {} if sliced is None else {"home": {"auc": Metric(sliced, n=5)}}
    tables = {
        "ours": {"like": {"all": {"auc": Metric(model, 0, 1, 10), "log_loss": Metric(1 - model, n=10, lower_is_better=True)}, **slices}},
        "mean": {"like": {"all": {"auc": Metric(rival, 0, 1, 10)}}},
    }
    comparison = Comparison("ours", "mean", "like", "auc", Difference(Metric(model - rival)))
    return Evaluation("a fold", "ours", tables=tables, comparisons=(comparison,), facts={"items": "7", "users": "3"})


def test_that_every_fold_stands_beside_the_means_and_slices_that_some_lack_are_those_of_the_rest() -> None:
    whole = across_folds([fold(0.6, 0.5, 0.7), fold(0.8, 0.5, None)], 1.0, "two folds", ["How."])
    assert (whole.title, whole.protocol, whole.facts) == ("two folds", ("How.",), {"folds": "2", "items": "7"})
    assert list(whole.tables["ours"]["like"]) == ["all", "fold 1", "fold 2", "home"]
    assert whole.metrics("like") == ["auc", "log_loss"]
    found = {part: whole.metric("ours", "like", "auc", part) for part in whole.slices("like")}
    assert [round(each.value, 3) for each in found.values() if each] == [0.7, 0.6, 0.8, 0.7]
    loss = whole.metric("ours", "like", "log_loss")
    assert loss is not None
    assert loss.lower_is_better
    (comparison,) = whole.comparisons
    assert comparison.difference.metric.value == pytest.approx(0.2)
    assert "0.700 ± 0.141" in str(whole)
    assert Evaluation.from_json(whole.to_json()).to_json() == whole.to_json()
