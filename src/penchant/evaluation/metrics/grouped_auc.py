"""AUC inside each user, averaged: whether a user's own items are in the right order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.evaluation.metrics.rows import Floats, Statistic, divide, read_binary


@dataclass(frozen=True)
class _GroupedAuc:
    lower_is_better: bool = False

    def __call__(self, label: ArrayLike, score: ArrayLike, group: ArrayLike) -> tuple[float, int]:
        """Mean of the groups' AUC weighted by their rows; groups with one class only are left out.

        As in Zhou et al. 2018 (Deep Interest Network), section 6.1.

        Args:
            label: 0 or 1 [rows].
            score: Any finite number [rows].
            group: Whose row it is [rows]; any values that can be sorted.

        Returns:
            The value in [0, 1], nan when every group has one class, and the number of groups that count.

        Raises:
            DataError: when a label or score is missing or of the wrong kind.
        """
        unit = np.unique(np.asarray(group), return_inverse=True)[1].astype(np.intp)
        values, rows = auc_by_unit(label, score, unit)
        counts = ~np.isnan(values)
        return float(divide(np.nansum(values * rows), rows[counts].sum())), int(counts.sum())

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """See `RowMetric`; the units are the groups."""
        values, rows = auc_by_unit(label, score, unit)
        rows = np.where(np.isnan(values), 0, rows)
        return lambda counts: divide(counts @ (np.nan_to_num(values) * rows), counts @ rows)


grouped_auc = _GroupedAuc()
"""`grouped_auc(label, score, group)`: see `_GroupedAuc.__call__`."""


def auc_by_unit(label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> tuple[Floats, Floats]:
    """AUC [units], nan for a unit with one class, and rows [units], by the rank sum of Mann and Whitney."""
    labels, scores = read_binary(label, score)
    rows = np.bincount(unit).astype(float)
    positives = np.bincount(unit, weights=labels)
    rank_sum = np.bincount(unit, weights=labels * _rank_in_unit(scores, unit, rows))
    return divide(rank_sum - positives * (positives + 1) / 2, positives * (rows - positives)), rows


def _rank_in_unit(scores: Floats, unit: NDArray[np.intp], rows: Floats) -> Floats:
    """Rank from 1 within the unit [rows]; equal scores share the mean of their ranks."""
    order = np.lexsort((scores, unit))
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (np.diff(scores[order]) != 0) | (np.diff(unit[order]) != 0)
    first = np.flatnonzero(begins)
    size = np.diff(np.append(first, len(order)))
    tied = np.repeat(first + (size + 1) / 2, size)
    rank = np.empty(len(order))
    rank[order] = tied
    return rank - (np.cumsum(rows) - rows)[unit]
