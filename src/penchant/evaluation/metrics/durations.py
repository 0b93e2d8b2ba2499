"""How far predicted durations lie from those that ended while somebody looked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penchant.evaluation.metrics.regression import mae
from penchant.evaluation.metrics.rows import Floats, Statistic, read_binary, read_numbers


def read_durations(label: ArrayLike, score: ArrayLike) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Durations, whether each is only a lower bound, and scores, `[rows]` each.

    Args:
        label: Duration and censored (0 or 1) `[rows, 2]`, or durations `[rows]` that all ended.
        score: Any finite number `[rows]`.

    Raises:
        DataError: when one is missing, infinite or of the wrong kind, or their lengths differ.
    """
    labels = np.asarray(label, dtype=float)
    amount, censored = (labels[:, 0], labels[:, 1]) if labels.ndim == 2 else (labels, np.zeros(len(labels)))
    amounts, scores = read_numbers(amount, score)
    censored, _ = read_binary(censored, scores)
    return amounts, censored == 1, scores


@dataclass(frozen=True)
class _OfThoseThatEnded:
    """A metric of amounts, of the rows alone whose duration is known."""

    metric: Callable[..., Statistic]
    lower_is_better: bool = True

    def __call__(self, label: ArrayLike, prediction: ArrayLike) -> float:
        """The metric in the label's unit; nan without such rows. Arguments and errors as of `read_durations`."""
        rows = len(np.asarray(label))
        return float(self.of_units(label, prediction, np.arange(rows))(np.ones((1, rows)))[0])

    def of_units(self, label: ArrayLike, score: ArrayLike, unit: NDArray[np.intp]) -> Statistic:
        """See `RowMetric`."""
        amounts, censored, scores = read_durations(label, score)
        ended = ~censored
        units, place = np.unique(unit[ended], return_inverse=True)
        statistic = self.metric(amounts[ended], scores[ended], place.astype(np.intp))
        return lambda counts: statistic(counts[:, units])


ended_mae = _OfThoseThatEnded(mae.of_units)
"""`ended_mae(label, prediction)`: mean absolute error of the durations that are no lower bounds, in the label's unit."""
