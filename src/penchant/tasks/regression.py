"""An amount: stars, seconds. Squared error; predicts in the label's unit."""

from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import model_validator
from torch import Tensor

from penchant.evaluation.metrics.regression import mae, rmse
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.settings import Settings
from penchant.tasks.task import RankingTask


class RegressionSettings(Settings):
    """Bounds of a sensible prediction; none when absent."""

    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.minimum is not None and self.maximum is not None and self.minimum >= self.maximum:
            raise ValueError("minimum must be below maximum")
        return self


class Regression(RankingTask):
    """A finite label; learnt in standard deviations from its mean."""

    kind: ClassVar[str] = "regression"
    settings_class = RegressionSettings
    measures: ClassVar[Mapping[str, RowMetric]] = {"rmse": rmse, "mae": mae}

    def __init__(self, name: str, part: TaskPart, settings: RegressionSettings, width: int) -> None:
        super().__init__(name, part, settings, width)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Check the labels `[n]` and learn their mean and deviation; 0 and 1 stay where there is none.

        Raises:
            DataError: for an infinite label.
        """
        if np.isinf(labels).any():
            raise DataError(
                f"label '{self.part.label}' of task '{self.name}'",
                must="finite",
                came="infinite values",
                do="Drop those rows with only_where.",
            )
        if len(labels):
            self.mean.fill_(float(labels.mean()))
            self.deviation.fill_(max(float(labels.std()), 1e-6))

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Half the squared error of each element, in standard deviations of the training labels."""
        return (output - (label - self.mean) / self.deviation).square() / 2

    def predict(self, output: Tensor) -> Tensor:
        """Amounts in the label's unit, within the recipe's minimum and maximum where it has them."""
        amount = output * self.deviation + self.mean
        low, high = self.settings.minimum, self.settings.maximum
        return amount if low is None and high is None else amount.clamp(low, high)

    @property
    def range(self) -> tuple[float, float]:
        """The recipe's minimum and maximum; 0 and 1 for those it lacks."""
        low, high = self.settings.minimum, self.settings.maximum
        return 0.0 if low is None else low, 1.0 if high is None else high

    def utility(self, output: Tensor) -> Tensor:
        """The output as it is: standard deviations above the training mean."""
        return output
