"""Intervals: by hand and theory where there is one, by coverage, and by what pairing must gain."""

import time
from itertools import product

import numpy as np
import pytest

from penchant.evaluation.intervals import Bootstrap, sign_flip_test
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.grouped_auc import grouped_auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.evaluation.metrics.regression import mae
from penchant.schema.errors import DataError


def users_with_taste(seed: int, users: int = 300, each: int = 20) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, scores and users; users differ in how often they say yes."""
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(users), each)
    logit = random.normal(size=users)[unit] + random.normal(size=len(unit))
    return (random.random(len(unit)) < 1 / (1 + np.exp(-logit))).astype(float), 1 / (1 + np.exp(-logit)), unit


def test_the_interval_of_a_mean_is_that_of_the_normal_law() -> None:
    values = np.random.default_rng(1).normal(5, 2, size=2000)
    metric = Bootstrap(draws=4000).mean(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert metric.value == pytest.approx(values.mean())
    assert metric.n == 2000
    assert (metric.low, metric.high) == (pytest.approx(values.mean() - half, abs=0.008), pytest.approx(values.mean() + half, abs=0.008))


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    intervals = [Bootstrap(draws=300, level=0.8).mean(random.normal(size=60)) for _ in range(300)]
    assert 0.72 < np.mean([each.low <= 0 <= each.high for each in intervals]) < 0.87


def test_units_without_a_value_are_left_out() -> None:
    metric = Bootstrap(draws=50).mean([1.0, np.nan, 3.0])
    assert (metric.value, metric.n) == (2.0, 2)


def test_a_weighted_mean_by_hand() -> None:
    assert Bootstrap(draws=10).mean([1.0, 4.0], weight=[2, 1]).value == 2.0
    with pytest.raises(DataError, match="one per unit"):
        Bootstrap().mean([1.0, 4.0], weight=[1])


@pytest.mark.parametrize("values", [[], [np.nan]])
def test_without_units_everything_is_nan(values: list[float]) -> None:
    metric = Bootstrap(draws=10).mean(values)
    assert np.isnan([metric.value, metric.low, metric.high]).all()
    assert metric.n == 0


def test_a_metric_without_rows_is_nan() -> None:
    assert np.isnan(Bootstrap(draws=10).metric(auc, [], [], []).value)


def test_the_same_seed_gives_the_same_interval() -> None:
    label, score, unit = users_with_taste(3, users=40)
    first, again, other = (Bootstrap(draws=100, seed=seed).metric(auc, label, score, unit) for seed in (7, 7, 8))
    assert first == again
    assert first.low != other.low


def test_a_metrics_interval_equals_the_slow_way_of_repeating_rows() -> None:
    label, score, unit = users_with_taste(4, users=30)
    metric = Bootstrap(draws=200, seed=5).metric(auc, label, score, unit)
    random, slow = np.random.default_rng(5), []
    for _ in range(200):
        drawn = np.concatenate([np.flatnonzero(unit == each) for each in random.integers(30, size=30)])
        slow.append(auc(label[drawn], score[drawn]))
    assert (metric.low, metric.high) == (pytest.approx(np.quantile(slow, 0.025)), pytest.approx(np.quantile(slow, 0.975)))
    assert (metric.value, metric.n) == (auc(label, score), len(label))


def test_drawing_users_gives_a_wider_interval_than_drawing_rows() -> None:
    label, score, unit = users_with_taste(6)
    users, rows = (
        Bootstrap(draws=300).metric(mae, label, 0 * score + 0.5 + label / 4 * (unit % 2), each) for each in (unit, np.arange(len(unit)))
    )
    assert users.high - users.low > 1.5 * (rows.high - rows.low)


def test_grouped_auc_is_bootstrapped_over_its_groups() -> None:
    label, score, unit = users_with_taste(7, users=50)
    metric = Bootstrap(draws=100).metric(grouped_auc, label, score, unit)
    assert metric.value == pytest.approx(grouped_auc(label, score, unit)[0])
    assert metric.low < metric.value < metric.high


def test_blocks_of_draws_do_not_change_the_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(8).normal(size=500)
    whole = Bootstrap(draws=64).mean(values)
    monkeypatch.setattr("penchant.evaluation.intervals._CELLS", 3500)
    assert Bootstrap(draws=64).mean(values) == whole


def test_pairing_sees_a_small_difference_that_two_intervals_do_not() -> None:
    random = np.random.default_rng(9)
    theirs = random.normal(size=400)
    ours = theirs + 0.02 + 0.05 * random.normal(size=400)
    bootstrap = Bootstrap(draws=500)
    difference = bootstrap.mean_difference(ours, theirs)
    assert difference.metric.low > 0
    assert difference.p_value < 0.01
    assert difference.verdict == "better"
    assert bootstrap.mean(ours).low < bootstrap.mean(theirs).high


def test_a_difference_leaves_out_units_that_either_lacks() -> None:
    difference = Bootstrap(draws=20).mean_difference([1.0, np.nan, 5.0], [0.0, 1.0, np.nan])
    assert (difference.metric.value, difference.metric.n) == (1.0, 1)


def test_the_difference_of_a_model_with_itself_is_nothing() -> None:
    label, score, unit = users_with_taste(10, users=20)
    same = Bootstrap(draws=50).metric_difference(log_loss, label, score, score, unit)
    assert (same.metric.value, same.metric.low, same.metric.high) == (0, 0, 0)
    assert same.verdict == "unclear"


def test_a_lower_loss_is_called_better() -> None:
    label, score, unit = users_with_taste(11)
    difference = Bootstrap(draws=100).metric_difference(log_loss, label, score, np.full_like(score, 0.5), unit)
    assert difference.metric.high < 0
    assert difference.verdict == "better"


def test_sign_flips_agree_with_counting_all_of_them() -> None:
    gap = np.array([0.3, 0.5, -0.1, 0.4, 0.2, -0.05, 0.35, 0.15])
    sums = [abs(np.dot(signs, gap)) for signs in product((-1, 1), repeat=8)]
    exact = np.mean([each >= abs(gap.sum()) - 1e-12 for each in sums])
    assert sign_flip_test(gap, draws=20_000) == pytest.approx(exact, abs=0.005)


def test_sign_flips_find_nothing_in_noise_as_often_as_they_should() -> None:
    random = np.random.default_rng(12)
    found = [sign_flip_test(random.normal(size=30), draws=200, seed=each) < 0.1 for each in range(400)]
    assert 0.06 < np.mean(found) < 0.14


def test_no_difference_at_all_has_p_one_and_no_units_have_none() -> None:
    assert sign_flip_test([0.0, 0.0]) == 1.0
    assert np.isnan(sign_flip_test([]))


@pytest.mark.slow
def test_a_thousand_draws_of_200_000_rows_take_seconds() -> None:
    label, score, unit = users_with_taste(13, users=10_000)
    start = time.perf_counter()
    Bootstrap(draws=1000).metric(auc, label, score, unit)
    assert time.perf_counter() - start < 15
