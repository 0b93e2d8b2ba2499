"""What another policy would have been worth, from a log: four estimators and their intervals.

Value is the mean reward of a decision, of a list the sum over its places. Sources: Horvitz and Thompson (1952) for weighting by
propensity; Swaminathan and Joachims, The self-normalized estimator for counterfactual learning (NIPS 2015); Dudík, Langford and Li, Doubly
robust policy evaluation and learning (ICML 2011).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from penchant.evaluation.off_policy.decisions import Decisions, DecisionsError, Floats

WARY = 4.0
"""Standard errors that the mean of the weights may lie from 1 before they are called unbalanced."""


@dataclass(frozen=True)
class Estimate:
    """A value and how sure it is.

    Attributes:
        value: The mean reward of a decision.
        low, high: Its interval.
        decisions: How many were looked at.
        effective: As how many decisions of the other policy itself they count (Kish); fewer the more the policies differ.
        mean_weight: 1 up to chance where every choice of the other policy could have been logged. None for the direct method.
        balanced: Whether it is: if not, the other policy chooses what the log's never shows, and the value says nothing of that.
    """

    value: float
    low: float
    high: float
    decisions: int
    effective: float
    mean_weight: float | None
    balanced: bool


Estimator = Callable[..., Estimate]


def direct(decisions: Decisions, confidence: float = 0.95) -> Estimate:
    """The direct method: what a model expects of the other policy. The interval takes the model to be right.

    Args:
        decisions: With `expected_of_other`.
        confidence: Of the interval.

    Raises:
        DecisionsError: without what the model expects.
    """
    _, other = _model(decisions)
    return _estimate(decisions, other.sum(axis=1), None, confidence)


def ips(decisions: Decisions, confidence: float = 0.95) -> Estimate:
    """Inverse propensity scoring: logged rewards, each times how much more often the other policy would have come there.

    Raises:
        NotRandomError: see `Decisions.weights`.
    """
    weights = decisions.weights
    return _estimate(decisions, (weights * _rewards(decisions)).sum(axis=1), weights, confidence)


def snips(decisions: Decisions, confidence: float = 0.95) -> Estimate:
    """Self-normalised: as `ips`, divided by the mean weight of a place in place of 1. A little biased, and much less of chance.

    Raises:
        NotRandomError: see `Decisions.weights`.
        DecisionsError: where the other policy would have made none of the decisions.
    """
    weights, rewards = decisions.weights, _rewards(decisions)
    mean = weights.mean(axis=0)
    if (mean == 0).any():
        raise _nothing_in_common()
    values = (weights * rewards).mean(axis=0) / mean
    terms = values.sum() + (weights * (rewards - values) / mean).sum(axis=1)  # linearised: their mean is the value, their spread its error
    return _estimate(decisions, terms, weights, confidence)


def doubly_robust(decisions: Decisions, confidence: float = 0.95) -> Estimate:
    """The direct method, put right by the weighted errors of the model: without bias when the propensities or the model are right.

    Raises:
        DecisionsError: without what the model expects.
        NotRandomError: see `Decisions.weights`.
    """
    chosen, other = _model(decisions)
    weights = decisions.weights
    if decisions.between == "cascade":
        raise DecisionsError("decisions", must="of independent places", came="a cascade", do="Use ips or snips for cascades.")
    return _estimate(decisions, (other + weights * (_rewards(decisions) - chosen)).sum(axis=1), weights, confidence)


ESTIMATORS: Mapping[str, Estimator] = {"direct": direct, "ips": ips, "snips": snips, "doubly_robust": doubly_robust}


def difference(
    one: Floats, other: Floats, groups: NDArray[np.integer] | None = None, confidence: float = 0.95
) -> tuple[float, float, float]:
    """The mean of one minus the mean of the other, of the same decisions, and its interval.

    Args:
        one, other: What the decisions are worth by two policies `[n]`, as `worths` gives.
        groups: As of `Decisions`.
        confidence: Of the interval.
    """
    return _interval(one - other, groups, confidence)


def worths(decisions: Decisions) -> Floats:
    """What each decision adds to the value by `ips` `[n]`; their mean is that."""
    worth: Floats = (decisions.weights * _rewards(decisions)).sum(axis=1)
    return worth


def _estimate(decisions: Decisions, terms: Floats, weights: Floats | None, confidence: float) -> Estimate:
    value, low, high = _interval(terms, decisions.groups, confidence)
    if weights is None:
        return Estimate(value, low, high, len(decisions), float(len(decisions)), None, True)
    last = weights[:, -1]  # of a cascade the widest; of independent places they are alike
    if not last.any():
        raise _nothing_in_common()
    effective = float(last.sum() ** 2 / (last**2).sum())
    mean, below, above = _interval(last, decisions.groups, 2 * float(student.cdf(WARY, 1e6)) - 1)
    return Estimate(value, low, high, len(decisions), effective, mean, below <= 1 <= above)


def _interval(terms: Floats, groups: NDArray[np.integer] | None, confidence: float) -> tuple[float, float, float]:
    """The mean of the terms and its interval by Student's t, over groups."""
    value = float(terms.mean())
    rest: Floats = terms - value
    if groups is not None:
        rest = np.bincount(np.unique(groups, return_inverse=True)[1].reshape(-1), weights=rest).astype(np.float64)
    count = len(rest)
    if count < 2:
        return value, -np.inf, np.inf
    error = float(np.sqrt((rest**2).sum() * count / (count - 1))) / len(terms)
    reach = float(student.ppf((1 + confidence) / 2, count - 1)) * error
    return value, value - reach, value + reach


def _rewards(decisions: Decisions) -> Floats:
    return decisions.rewards.reshape(len(decisions), -1)


def _model(decisions: Decisions) -> tuple[Floats, Floats]:
    if decisions.expected is None or decisions.expected_of_other is None:
        do = "Give `expected` and `expected_of_other`, or use ips or snips."
        raise DecisionsError("decisions", must="told with what a model expects of them", came="none", do=do)
    return decisions.expected.reshape(len(decisions), -1), decisions.expected_of_other.reshape(len(decisions), -1)


def _nothing_in_common() -> DecisionsError:
    do = "Log with more exploration, or ask for a policy that is closer to the log's."
    return DecisionsError("decisions", must="some that the other policy would make too", came="none", do=do)
