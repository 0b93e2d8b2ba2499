"""How far predicted ratings lie from those given, as of each rating's own time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.metrics.regression import mae, rmse
from penchant.evaluation.metrics.rows import RowMetric
from penchant.evaluation.summary import Metrics

AMOUNT: dict[str, RowMetric] = {"rmse": rmse, "mae": mae}
TOLD = "Predictions: every test event as of its own time; an event never sees another of the same moment."


@runtime_checkable
class Predicts(Protocol):
    """A model that says what a task's label will be."""

    def predict(self, data: Dataset) -> dict[str, NDArray[np.float32]]:
        """`{task: [rows]}`."""


@dataclass(frozen=True)
class RatingPrediction:
    """Every rating of a part is predicted from what was known before it; nothing is ranked.

    Attributes:
        task: The recipe's task whose label is the rating; rows without one are left out.
    """

    task: str

    def measure(self, models: Mapping[str, Predicts], part: Dataset, bootstrap: Bootstrap) -> dict[str, Metrics]:
        """RMSE and MAE of every model, with intervals over users: `{model: {metric: number}}`."""
        label, user = labels_of(part, self.task), part.log.user[part.rows]
        known = ~np.isnan(label)
        predicted = {name: model.predict(part)[self.task][known] for name, model in models.items()}
        return {
            name: {metric: bootstrap.metric(function, label[known], each, user[known]) for metric, function in AMOUNT.items()}
            for name, each in predicted.items()
        }

    def told(self, part: Dataset) -> tuple[str, ...]:
        """What was done, in sentences."""
        return (TOLD,)
