"""Off-policy estimators: by hand, without bias, sure as often as they say, and silent where nothing was left to chance."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from penchant.evaluation.off_policy.decisions import Decisions, DecisionsError, NotRandomError
from penchant.evaluation.off_policy.estimators import Estimate, difference, direct, doubly_robust, ips, snips, worths


def decisions(**changes: Any) -> Decisions:
    """Four decisions between two items; the log took the first with 1/2, the other policy takes it with 3/4."""
    told: dict[str, Any] = {
        "rewards": np.array([1.0, 0.0, 1.0, 0.0]),
        "propensities": np.array([0.5, 0.5, 0.5, 0.5]),
        "chances": np.array([0.75, 0.75, 0.25, 0.25]),
        "expected": np.array([0.5, 0.5, 0.25, 0.25]),
        "expected_of_other": np.full(4, 0.4375),
    }
    return Decisions(**(told | changes))


def test_values_by_hand() -> None:
    given = decisions()
    assert direct(given).value == pytest.approx(0.4375)
    assert ips(given).value == pytest.approx((1.5 + 0.5) / 4)
    assert snips(given).value == pytest.approx((1.5 + 0.5) / (1.5 + 1.5 + 0.5 + 0.5))
    # .4375 + (1.5 * .5 + 1.5 * -.5 + .5 * .75 + .5 * -.25) / 4
    assert doubly_robust(given).value == pytest.approx(0.4375 + 0.0625)


def test_self_normalised_divides_by_the_weights_there_are() -> None:
    given = decisions(chances=np.array([0.75, 0.75, 0.75, 0.25]))
    assert ips(given).value == pytest.approx(3 / 4)
    assert snips(given).value == pytest.approx(3 / 5)


def test_effective_decisions_by_hand() -> None:
    assert ips(decisions()).effective == pytest.approx(4**2 / (1.5**2 * 2 + 0.5**2 * 2))
    assert ips(decisions(chances=np.full(4, 0.5))).effective == pytest.approx(4)


def test_an_interval_is_students() -> None:
    from scipy.stats import sem, t

    given = decisions()
    terms = np.array([1.5, 0, 0.5, 0])
    reach = t.ppf(0.975, 3) * sem(terms)
    found = ips(given)
    assert (found.low, found.high) == pytest.approx((terms.mean() - reach, terms.mean() + reach))
    half = ips(given, confidence=0.5)
    assert half.high - half.low < found.high - found.low


def test_decisions_of_one_group_count_as_one() -> None:
    rng = np.random.default_rng(0)
    one: dict[str, Any] = {"rewards": rng.random(40), "propensities": np.full(40, 0.5), "chances": rng.choice([0.25, 0.75], 40)}
    alone = ips(Decisions(**one))
    ten = ips(Decisions(**{name: np.repeat(values, 10) for name, values in one.items()}, groups=np.repeat(np.arange(40), 10)))
    assert ten.value == pytest.approx(alone.value)
    assert (ten.low, ten.high) == pytest.approx((alone.low, alone.high))


def test_the_order_of_groups_is_nothing() -> None:
    given = decisions(groups=np.array([7, 7, 3, 3]))
    assert ips(given).low == pytest.approx(ips(decisions(groups=np.array([1, 1, 2, 2]))).low)
    assert ips(given).low != pytest.approx(ips(decisions()).low)


def test_places_of_a_list_add_up() -> None:
    two: dict[str, Any] = {
        name: np.column_stack([getattr(decisions(), name)] * 2)
        for name in ("rewards", "propensities", "chances", "expected", "expected_of_other")
    }
    for estimator in (direct, ips, snips, doubly_robust):
        assert estimator(Decisions(**two)).value == pytest.approx(2 * estimator(decisions()).value)


def test_a_cascade_weighs_a_place_with_those_before_it() -> None:
    given = Decisions(
        rewards=np.array([[1.0, 1.0], [0.0, 2.0]]),
        propensities=np.array([[0.5, 0.25], [0.5, 0.5]]),
        chances=np.array([[0.25, 0.5], [0.75, 0.5]]),
        between="cascade",
    )
    # weights .5 and .5 * 2 = 1; 1.5 and 1.5 * 1
    assert ips(given).value == pytest.approx((0.5 * 1 + 1 * 1 + 1.5 * 2) / 2)


def test_a_log_without_chance_is_refused() -> None:
    for estimator in (ips, snips, doubly_robust):
        with pytest.raises(NotRandomError, match="propensity 1 in all"):
            estimator(decisions(propensities=np.ones(4)))
    assert direct(decisions(propensities=np.ones(4))).value == pytest.approx(0.4375)


def test_some_decisions_without_chance_are_refused_where_the_other_policy_differs() -> None:
    with pytest.raises(NotRandomError, match="1 of 4 decisions"):
        ips(decisions(propensities=np.array([1.0, 0.5, 0.5, 0.5])))
    same = ips(decisions(propensities=np.array([1.0, 0.5, 0.5, 0.5]), chances=np.array([1.0, 0.75, 0.25, 0.25])))
    assert same.value == pytest.approx((1 + 0.5) / 4)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"propensities": np.array([0.5, 0.0, 0.5, 0.5])}, "propensities"),
        ({"propensities": np.array([0.5, 1.5, 0.5, 0.5])}, "propensities"),
        ({"chances": np.array([0.5, -0.1, 0.5, 0.5])}, "chances"),
        ({"chances": np.array([0.5, np.nan, 0.5, 0.5])}, "chances"),
        ({"rewards": np.array([0.5, np.nan, 0.5, 0.5])}, "decision 1"),
        ({"rewards": np.zeros(0)}, "one at least"),
        ({"chances": np.zeros(3)}, r"\(3,\)"),
        ({"groups": np.zeros(3, dtype=int)}, "groups"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(DecisionsError, match=named):
        decisions(**changes)


def test_without_a_model_only_weighting_is_left() -> None:
    bare = decisions(expected=None, expected_of_other=None)
    assert ips(bare).value == pytest.approx(0.5)
    for estimator in (direct, doubly_robust):
        with pytest.raises(DecisionsError, match="a model expects"):
            estimator(bare)


def test_nothing_in_common_is_refused() -> None:
    for estimator in (ips, snips):
        with pytest.raises(DecisionsError, match="none"):
            estimator(decisions(chances=np.zeros(4)))


class Bandit:
    """Five contexts, six items with known rewards; the log's policy is soft, the other one softer or sharper."""

    def __init__(self, seed: int, missing: bool = False) -> None:
        rng = np.random.default_rng(77)
        self.rewards = rng.uniform(0.05, 0.6, (5, 6))
        self.logged = _soft(rng.normal(size=(5, 6)))
        self.other = _soft(rng.normal(size=(5, 6)))
        if missing:
            self.logged = np.where(np.arange(6) == 0, 0, self.logged)
            self.logged /= self.logged.sum(axis=1, keepdims=True)
        self.truth = float((self.other * self.rewards).sum(axis=1).mean())
        self.guess = self.rewards + rng.normal(0, 0.1, (5, 6))
        self.rng = np.random.default_rng(seed)

    def log(self, n: int) -> Decisions:
        """n decisions."""
        context = self.rng.integers(0, 5, n)
        chosen = (self.logged[context].cumsum(axis=1) > self.rng.random((n, 1)) * (1 - 1e-12)).argmax(axis=1)
        return Decisions(
            rewards=(self.rng.random(n) < self.rewards[context, chosen]).astype(float),
            propensities=self.logged[context, chosen],
            chances=self.other[context, chosen],
            expected=self.guess[context, chosen],
            expected_of_other=(self.other * self.guess).sum(axis=1)[context],
        )


def _soft(values: np.ndarray) -> np.ndarray:
    grown = np.exp(values)
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("estimator", [ips, snips, doubly_robust])
def test_the_truth_lies_inside_the_interval_as_often_as_it_says(estimator: Callable[[Decisions], Estimate]) -> None:
    inside, values = 0, []
    for seed in range(200):
        bandit = Bandit(seed)
        found = estimator(bandit.log(1000))
        inside += found.low <= bandit.truth <= found.high
        values.append(found.value)
        assert found.balanced
    assert 180 <= inside <= 199
    assert abs(np.mean(values) - bandit.truth) < 4 * np.std(values) / 200**0.5


def test_a_model_that_is_wrong_misleads_the_direct_method_alone() -> None:
    bandit = Bandit(0)
    bandit.guess = bandit.rewards + 0.2
    log = bandit.log(20_000)
    assert direct(log).low > bandit.truth + 0.1
    robust = doubly_robust(log)
    assert robust.low < bandit.truth < robust.high


def test_a_good_model_makes_doubly_robust_surer() -> None:
    bandit = Bandit(1)
    bandit.guess = bandit.rewards
    log = bandit.log(5000)
    assert doubly_robust(log).high - doubly_robust(log).low < 0.95 * (ips(log).high - ips(log).low)


def test_choices_that_were_never_logged_show_in_the_weights() -> None:
    found = ips(Bandit(0, missing=True).log(5000))
    assert found.mean_weight is not None
    assert found.mean_weight < 0.97
    assert not found.balanced


def test_two_policies_on_one_log_are_compared_in_pairs() -> None:
    bandit = Bandit(3)
    log = bandit.log(4000)
    same = Decisions(rewards=log.rewards, propensities=log.propensities, chances=log.propensities)
    mean, low, high = difference(worths(log), worths(same))
    assert mean == pytest.approx(ips(log).value - log.rewards.mean())
    truth = bandit.truth - float((bandit.logged * bandit.rewards).sum(axis=1).mean())
    assert low < truth < high
    assert difference(worths(log), worths(log)) == pytest.approx((0, 0, 0))
