"""Metrics over rows: by hand, against scikit-learn, and bound to units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn
from sklearn.calibration import calibration_curve as sklearn_curve

from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.calibration import calibration_curve, calibration_error
from penchant.evaluation.metrics.decisions import accuracy, f1, precision, recall
from penchant.evaluation.metrics.grouped_auc import grouped_auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.evaluation.metrics.regression import mae, rmse
from penchant.schema.errors import DataError

BINARY = [auc, log_loss, accuracy, precision, recall, f1, calibration_error]
WEIGHTED = [*BINARY, rmse, mae]
REFERENCE = {
    auc: sklearn.roc_auc_score,
    log_loss: lambda y, p, sample_weight: sklearn.log_loss(y, np.clip(p, 1e-7, 1 - 1e-7), sample_weight=sample_weight),
    accuracy: lambda y, p, sample_weight: sklearn.accuracy_score(y, p >= 0.5, sample_weight=sample_weight),
    precision: lambda y, p, sample_weight: sklearn.precision_score(y, p >= 0.5, sample_weight=sample_weight),
    recall: lambda y, p, sample_weight: sklearn.recall_score(y, p >= 0.5, sample_weight=sample_weight),
    f1: lambda y, p, sample_weight: sklearn.f1_score(y, p >= 0.5, sample_weight=sample_weight),
    rmse: sklearn.root_mean_squared_error,
    mae: sklearn.mean_absolute_error,
}


def rows(seed: int, size: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities with many ties (0 and 1 among them), whole weights, and units."""
    random = np.random.default_rng(seed)
    label = np.append(random.integers(0, 2, size=size), [0, 1])
    probability = np.append(random.integers(0, 11, size=size) / 10, [0.9, 0.9])
    return label, probability, np.append(random.integers(0, 4, size=size), [1, 1]), random.integers(0, 9, size=size + 2)


def test_auc_counts_ties_half() -> None:
    # pairs (positive, negative): .8>.3, .8>.5, .5>.3, .5=.5 -> 3.5 of 4
    assert auc([1, 0, 1, 0], [0.8, 0.3, 0.5, 0.5]) == 3.5 / 4


def test_log_loss_by_hand_and_clipped() -> None:
    assert log_loss([1, 0], [0.5, 0.75]) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert log_loss([1], [0.0]) == pytest.approx(7 * np.log(10))


def test_decisions_by_hand() -> None:
    label, probability = [1, 1, 1, 0, 0], [0.9, 0.5, 0.1, 0.7, 0.2]
    assert accuracy(label, probability) == pytest.approx(3 / 5)
    assert precision(label, probability) == pytest.approx(2 / 3)
    assert recall(label, probability) == pytest.approx(2 / 3)
    assert f1([1, 1, 1, 0], [0.9, 0.1, 0.1, 0.1]) == pytest.approx(2 / 4)


def test_regression_by_hand() -> None:
    assert rmse([1, 2], [1, 5]) == pytest.approx(np.sqrt(9 / 2))
    assert mae([1, 2], [1, 5]) == pytest.approx(3 / 2)


@pytest.mark.parametrize("metric", REFERENCE)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_weighted_values_equal_those_of_scikit_learn(metric, seed: int) -> None:
    label, probability, weight, _ = rows(seed)
    assert metric(label, probability, weight) == pytest.approx(REFERENCE[metric](label, probability, sample_weight=weight))
    assert metric(label, probability) == pytest.approx(REFERENCE[metric](label, probability, sample_weight=None))


@pytest.mark.parametrize("metric", [each for each in WEIGHTED if each is not calibration_error])
@given(seed=st.integers(0, 10_000))
def test_a_whole_weight_is_the_row_repeated(metric, seed: int) -> None:
    label, probability, weight, _ = rows(seed)
    assert metric(label, probability, weight) == pytest.approx(metric(label.repeat(weight), probability.repeat(weight)), nan_ok=True)


@pytest.mark.parametrize("metric", WEIGHTED)
@given(seed=st.integers(0, 10_000))
def test_counting_units_is_weighing_their_rows(metric, seed: int) -> None:
    label, probability, _, unit = rows(seed)
    counts = np.random.default_rng(seed).integers(0, 3, size=(4, unit.max() + 1)).astype(float)
    bound = metric.of_units(label, probability, unit)(counts)
    np.testing.assert_allclose(bound, [metric(label, probability, each[unit]) for each in counts])


@pytest.mark.parametrize("metric", WEIGHTED)
def test_without_rows_there_is_no_value(metric) -> None:
    assert np.isnan(metric([], []))


@pytest.mark.parametrize(
    ("metric", "label", "score"),
    [(auc, [1, 1], [0.1, 0.2]), (precision, [1, 0], [0.1, 0.2]), (recall, [0, 0], [0.9, 0.2]), (f1, [0], [0.1])],
)
def test_an_undefined_value_is_nan(metric, label, score) -> None:
    assert np.isnan(metric(label, score))


@pytest.mark.parametrize("metric", [*WEIGHTED, lambda y, p: grouped_auc(y, p, [0, 0, 0])])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_missing_or_infinite_prediction_is_refused(metric, bad: float) -> None:
    with pytest.raises(DataError, match=r"finite numbers; found (nan|inf) at row 1 \(1 of 3 rows\)"):
        metric([0, 1, 1], [0.5, bad, 0.5])


@pytest.mark.parametrize("metric", BINARY)
def test_a_label_that_is_not_binary_is_refused(metric) -> None:
    with pytest.raises(DataError, match="labels must be 0 or 1; found 2 at row 2"):
        metric([0, 1, 2], [0.1, 0.2, 0.3])


@pytest.mark.parametrize("metric", [log_loss, accuracy, precision, recall, f1, calibration_error])
@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_a_probability_outside_zero_and_one_is_refused(metric, bad: float) -> None:
    with pytest.raises(DataError, match="sigmoid"):
        metric([0, 1], [0.5, bad])


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(DataError, match="2 labels and 1 scores"):
        auc([0, 1], [0.5])
    with pytest.raises(DataError, match="one per row"):
        auc([0, 1], [0.5, 0.2], [1])
    with pytest.raises(DataError, match="at least 0"):
        rmse([0, 1], [0.5, 0.2], [1, -1])


def test_grouped_auc_by_hand() -> None:
    # a: 1 of 2 pairs right over 3 rows; b: its tie counts half over 2 rows; c has one class and is left out
    label = [1, 0, 0, 1, 0, 1, 1]
    score = [0.5, 0.2, 0.8, 0.3, 0.3, 0.9, 0.1]
    value, groups = grouped_auc(label, score, list("aaabbcc"))
    assert value == pytest.approx((0.5 * 3 + 0.5 * 2) / 5)
    assert groups == 2


def test_grouped_auc_without_a_group_of_two_classes_is_nan() -> None:
    value, groups = grouped_auc([1, 1, 0], [0.1, 0.2, 0.3], ["a", "a", "b"])
    assert np.isnan(value)
    assert groups == 0


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_grouped_auc_is_the_mean_of_each_groups_auc_weighted_by_rows(seed: int) -> None:
    label, score, _, unit = rows(seed)
    parts = [(auc(label[unit == each], score[unit == each]), (unit == each).sum()) for each in np.unique(unit)]
    known = [(value, size) for value, size in parts if not np.isnan(value)]
    value, groups = grouped_auc(label, score, unit)
    assert groups == len(known)
    assert value == pytest.approx(np.average([each for each, _ in known], weights=[size for _, size in known]))


def test_calibration_curve_by_hand() -> None:
    low, high = calibration_curve([0, 1, 1, 1], [0.2, 0.4, 0.6, 0.8], bins=2)
    assert (low.predicted, low.observed, low.rows) == (pytest.approx(0.3), 0.5, 2)
    assert (high.predicted, high.observed, high.rows) == (pytest.approx(0.7), 1.0, 2)


@given(st.integers(0, 10_000))
@settings(deadline=None)
def test_the_calibration_curve_equals_that_of_scikit_learn(seed: int) -> None:
    label, probability, _, _ = rows(seed)
    observed, predicted = sklearn_curve(label, probability, n_bins=5, strategy="quantile")
    curve = calibration_curve(label, probability, bins=5)
    np.testing.assert_allclose([point.predicted for point in curve], predicted)
    np.testing.assert_allclose([point.observed for point in curve], observed)


def test_equal_predictions_share_a_bin() -> None:
    (only,) = calibration_curve([0, 1, 0, 0], [0.25] * 4, bins=4)
    assert (only.predicted, only.observed, only.rows) == (0.25, 0.25, 4)
    assert calibration_curve([], []) == ()


def test_calibration_error_is_the_mean_gap_of_the_curve() -> None:
    label, probability, _, _ = rows(3, size=500)
    curve = calibration_curve(label, probability)
    gap = sum(abs(point.predicted - point.observed) * point.rows for point in curve) / len(label)
    assert calibration_error(label, probability) == pytest.approx(gap)


def test_calibration_error_finds_a_planted_shift() -> None:
    random = np.random.default_rng(0)
    probability = random.uniform(0.1, 0.6, size=200_000)
    label = random.random(200_000) < probability
    assert calibration_error(label, probability) < 0.01
    assert calibration_error(label, probability + 0.3) == pytest.approx(0.3, abs=0.01)
