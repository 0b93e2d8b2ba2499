"""Metrics of durations that may be cut off, and of counts: by hand, against a double loop, and bound to units."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_poisson_deviance

from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.metrics.concordance import concordance
from penchant.evaluation.metrics.deviance import deviance
from penchant.evaluation.metrics.durations import ended_mae
from penchant.schema.errors import DataError


def durations(seed: int, size: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Durations with ties, some cut off `[size, 2]`; scores with ties; units."""
    random = np.random.default_rng(seed)
    label = np.stack([random.integers(1, 20, size), random.random(size) < 0.4], axis=1).astype(float)
    return label, random.integers(0, 12, size).astype(float), random.integers(0, 7, size)


def slow_concordance(label: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    right = pairs = 0.0
    for i, (mine, cut) in enumerate(label):
        for j, (other, other_cut) in enumerate(label):
            if not cut and (other > mine or (other == mine and other_cut)):
                pairs += weight[i] * weight[j]
                right += weight[i] * weight[j] * (0.5 if score[i] == score[j] else float(score[j] > score[i]))
    return right / pairs if pairs else float("nan")


def test_concordance_by_hand() -> None:
    # lasted 1, 2 (cut off), 3; comparable: 1 with 2, 1 with 3. The first is scored below the second and above the third.
    assert concordance([[1, 0], [2, 1], [3, 0]], [5.0, 9.0, 4.0]) == 0.5
    assert concordance([1, 2, 3], [1, 1, 2]) == pytest.approx(2.5 / 3)
    assert concordance([[4, 0], [4, 1]], [1.0, 2.0]) == 1.0  # cut off at 4, it lasted longer than what ended at 4
    assert np.isnan(concordance([[4, 1], [4, 1]], [1.0, 2.0]))
    assert np.isnan(concordance(np.zeros((0, 2)), []))


@given(seed=st.integers(0, 10_000), size=st.integers(1, 70))
@settings(max_examples=40, deadline=None)
def test_concordance_is_that_of_a_double_loop_also_when_rows_count_otherwise(seed: int, size: int) -> None:
    label, score, unit = durations(seed, size)
    unit = np.unique(unit, return_inverse=True)[1]
    counts = np.random.default_rng(seed).integers(0, 3, unit.max() + 1).astype(float)
    assert concordance(label, score) == pytest.approx(slow_concordance(label, score, np.ones(size)), nan_ok=True)
    drawn = concordance.of_units(label, score, unit)(np.stack([counts, np.ones_like(counts)]))
    assert drawn[0] == pytest.approx(slow_concordance(label, score, counts[unit]), nan_ok=True)
    assert drawn[1] == pytest.approx(concordance(label, score), nan_ok=True)


def test_concordance_of_a_hundred_thousand_rows_takes_no_double_loop() -> None:
    random = np.random.default_rng(0)
    amount = random.exponential(size=100_000)
    label = np.stack([amount, random.random(100_000) < 0.5], axis=1)
    assert concordance(label, np.log(amount)) == 1.0
    assert concordance(label, random.random(100_000)) == pytest.approx(0.5, abs=0.01)


def test_the_error_of_durations_leaves_out_those_that_were_cut_off() -> None:
    assert ended_mae([[10, 0], [99, 1], [20, 0]], [13.0, 0.0, 19.0]) == 2.0
    assert ended_mae([10.0, 20.0], [13.0, 19.0]) == 2.0
    assert np.isnan(ended_mae([[10, 1]], [3.0]))
    found = Bootstrap(draws=50).metric(ended_mae, np.array([[10, 0], [99, 1], [20, 0]]), [13.0, 0.0, 19.0], [7, 7, 8])
    assert found.value == 2.0
    assert (found.low, found.high) == (1.0, 3.0)


def test_deviance_by_hand_and_as_scikit_learn_has_it() -> None:
    assert deviance([2, 0], [1.0, 3.0]) == pytest.approx((2 * (2 * np.log(2) - 1) + 2 * 3) / 2)
    assert deviance([3], [3.0]) == 0.0
    label, expected = np.random.default_rng(0).poisson(3, 50), np.random.default_rng(1).uniform(0.1, 8, 50)
    assert deviance(label, expected) == pytest.approx(mean_poisson_deviance(label, expected))
    assert np.isfinite(deviance([5], [0.0]))


def test_what_is_no_duration_or_count_is_refused() -> None:
    with pytest.raises(DataError, match="expected counts must be at least 0; found -1 at row 1"):
        deviance([1, 1], [1.0, -1.0])
    with pytest.raises(DataError, match="labels must be 0 or 1"):
        concordance([[1, 0.5]], [1.0])
    with pytest.raises(DataError, match="labels must be finite numbers"):
        ended_mae([[np.nan, 0]], [1.0])
