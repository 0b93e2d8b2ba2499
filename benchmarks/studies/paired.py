"""Many models judged under the same draws of users, so that any two can be compared later without drawing again."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.evaluation.metrics.rows import RowMetric
from studies.study import BOOTSTRAP, Numbers

BLOCK = 200
"""Draws held at once as floats."""

Drawn = NDArray[np.float64]
"""A metric `[1 + draws]`: as it is, and under each draw of users."""


class Draws:
    """Users drawn with replacement, the same for every model: those that `BOOTSTRAP` draws.

    Args:
        user: Whose each row is, `[rows]`.
    """

    def __init__(self, user: NDArray[np.integer]) -> None:
        names, place = np.unique(user, return_inverse=True)
        self.units, self.place = len(names), place.astype(np.intp)

    @cached_property
    def counts(self) -> NDArray[np.uint8]:
        """How often each user counts, `[1 + draws, users]`; once in the first row."""
        random = np.random.default_rng(BOOTSTRAP.seed)
        drawn = [np.bincount(random.integers(self.units, size=self.units), minlength=self.units) for _ in range(BOOTSTRAP.draws)]
        return np.stack([np.ones(self.units, dtype=np.int64), *drawn]).astype(np.uint8)

    def of(self, metric: RowMetric, label: NDArray[np.floating], score: NDArray[np.floating], rows: NDArray[np.bool_]) -> Drawn:
        """The metric of these rows under every draw; NaN where it is undefined."""
        statistic = metric.of_units(label[rows].astype(float), score[rows].astype(float), self.place[rows])
        starts = range(0, len(self.counts), BLOCK)
        # a metric that sums by user knows no users behind the last of its rows
        width = int(self.place[rows].max()) + 1
        return np.concatenate([statistic(self.counts[start : start + BLOCK, :width].astype(float)) for start in starts])


def interval(drawn: Drawn, rows: int) -> Numbers:
    """The value with its 95 % interval as plain numbers."""
    tail = (1 - BOOTSTRAP.level) / 2
    known = drawn[1:][~np.isnan(drawn[1:])]
    edges = [drawn[0], *np.quantile(known, [tail, 1 - tail])] if len(known) else [drawn[0], np.nan, np.nan]
    plain = [None if np.isnan(edge) else round(float(edge), 5) for edge in edges]
    return {**dict(zip(("value", "low", "high"), plain, strict=True)), "n": rows}


def weighted(parts: Sequence[Drawn], weights: Sequence[float]) -> Drawn:
    """The weighted mean of a metric of several parts, draw by draw; a part that a draw leaves undefined does not count in it."""
    values, shares = np.stack(parts), np.array(weights, dtype=float)[:, None]
    known = ~np.isnan(values)
    mean: Drawn = (np.nan_to_num(values) * shares).sum(axis=0) / np.where(known, shares, 0).sum(axis=0)
    return mean
