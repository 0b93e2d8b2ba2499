"""Whether what lasts longer is expected to last longer, durations that were cut off included."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.evaluation.metrics.durations import read_durations
from penchant.evaluation.metrics.rows import Floats, Statistic, divide

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class _Concordance:
    lower_is_better: bool = False

    def __call__(self, label: ArrayLike, score: ArrayLike) -> float:
        """The share of comparable pairs whose scores are in the order of their durations, equal scores counting half.

        Harrell et al. 1982. Of two rows the shorter must have ended; of two equally long ones one must have ended and the other not, which
        then lasted longer. In [0, 1]; nan without such a pair.

        Args:
            label: Duration and censored (0 or 1) `[rows, 2]`, or durations `[rows]` that all ended.
            score: Any finite number, higher for what is expected to last longer `[rows]`.

        Raises:
            DataError: when a label or score is missing or of the wrong kind.
        """
        rows = len(np.asarray(label))
        return float(self.of_units(label, score, np.arange(rows))(np.ones((1, rows)))[0])

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """See `RowMetric`. A pair counts as often as the product of its rows; each draw costs n log n."""
        amounts, censored, scores = read_durations(label, score)
        order = np.lexsort((censored, amounts))  # of equal durations the ended come first
        length, rank, unit = 2 * _ranks(amounts)[order] + censored[order], _ranks(scores)[order], unit[order]
        ended = np.flatnonzero(length % 2 == 0)
        longer = np.searchsorted(length, length[ended], side="right")
        below, not_above = (_sums_from(rank, longer, rank[ended] + more) for more in (0, 1))

        def shares(count: Floats) -> tuple[float, float]:
            weight = count[unit]
            pairs = weight.sum() - np.append(0.0, np.cumsum(weight))[longer]
            in_order = pairs - (below(weight) + not_above(weight)) / 2
            return float(weight[ended] @ in_order), float(weight[ended] @ pairs)

        return lambda counts: divide(*np.array([shares(count) for count in counts]).reshape(-1, 2).T)


concordance = _Concordance()
"""`concordance(label, score)`: see `_Concordance.__call__`."""


def _ranks(values: Floats) -> Integers:
    """From 0, equal values alike `[n]`."""
    return np.unique(values, return_inverse=True)[1]


def _sums_from(values: Integers, start: Integers, bound: Integers) -> Callable[[Floats], Floats]:
    """Weights `[n]` in, for each question `[m]` the sum over the places from `start` on whose value is below `bound` out."""
    levels = list(_levels(values, start, bound))

    def sums(weight: Floats) -> Floats:
        total = np.zeros(len(start))
        for order, asked, begin, end in levels:
            passed = np.append(0.0, np.cumsum(weight[order]))
            total[asked] += passed[end] - passed[begin]
        return total

    return sums


def _levels(values: Integers, start: Integers, bound: Integers) -> Iterator[tuple[Integers, Integers, Integers, Integers]]:
    """A wavelet matrix (Claude and Navarro 2012): per bit of the values, the order of the places in which those with a 0 come first, the
    questions whose bound has a 1, and where the places that they take begin and end in it."""
    order, begin, end = np.arange(len(values)), start, np.full(len(start), len(values))
    for bit in reversed(range(int(max(values.max(initial=0), bound.max(initial=0))).bit_length())):
        one = (values[order] >> bit) & 1 == 1
        ones = np.append(0, np.cumsum(one))
        zeros = np.arange(len(ones)) - ones
        order = np.concatenate([order[~one], order[one]])
        has = (bound >> bit) & 1 == 1
        asked = np.flatnonzero(has)
        yield order, asked, zeros[begin[asked]], zeros[end[asked]]
        begin, end = (np.where(has, zeros[-1] + ones[place], zeros[place]) for place in (begin, end))
