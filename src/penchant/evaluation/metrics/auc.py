"""Area under the ROC curve: the chance that a positive scores above a negative."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.evaluation.metrics.rows import Floats, Statistic, divide, read_binary, read_weight


@dataclass(frozen=True)
class _Auc:
    lower_is_better: bool = False

    def __call__(self, label: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
        """The weighted share of positive-negative pairs in the right order, equal scores counting half.

        Args:
            label: 0 or 1 [rows].
            score: Any finite number [rows]; only the order counts.
            weight: How often each row counts [rows]; once when absent.

        Returns:
            A value in [0, 1]; nan without both classes.

        Raises:
            DataError: when a label, score or weight is missing or of the wrong kind.
        """
        rows = len(np.asarray(label))
        return float(self.of_units(label, score, np.arange(rows))(read_weight(weight, rows)[None])[0])

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """See `RowMetric`. Sorting happens once; each draw costs a pass over the rows."""
        labels, scores = read_binary(label, score)
        positive, negative = (_ascending(scores, labels == value) for value in (1, 0))
        below = np.searchsorted(scores[negative], scores[positive], side="left")
        not_above = np.searchsorted(scores[negative], scores[positive], side="right")
        positive_unit, negative_unit = unit[positive], unit[negative]

        def area(count: Floats) -> tuple[float, float]:
            passed = np.append(0.0, np.cumsum(count[negative_unit]))
            weight = count[positive_unit]
            return float(weight @ (passed[below] + passed[not_above])) / 2, float(weight.sum() * passed[-1])

        return lambda counts: divide(*np.array([area(count) for count in counts]).reshape(-1, 2).T)


def _ascending(scores: Floats, among: NDArray[np.bool_]) -> NDArray[np.intp]:
    rows = np.flatnonzero(among)
    order: NDArray[np.intp] = rows[np.argsort(scores[rows], kind="stable")]
    return order


auc = _Auc()
"""`auc(label, score, weight=None)`: see `_Auc.__call__`."""
