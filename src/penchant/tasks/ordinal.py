"""Ordered classes: stars, grades. One score against thresholds; predicts the expected class in the label's unit.

McCullagh 1980, "Regression Models for Ordinal Data": P(label > kth class) = sigmoid(score − kth threshold).
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.evaluation.metrics.nearest_class import nearest_class
from penchant.evaluation.metrics.regression import mae, rmse
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.errors import DataError
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.settings import Settings
from penchant.tasks.task import RankingTask

MOST = 50
"""Classes; more are amounts."""
LEAST_RISE = 1e-4
"""Between two thresholds, so that no class becomes impossible."""


class OrdinalSettings(Settings):
    """An ordinal task has no settings of its own: its classes are the labels it sees."""


class Ordinal(RankingTask):
    """A label out of few that are in order, whatever lies between them; learnt by a cumulative link.

    Attributes:
        classes: The labels seen in training, ascending, `[50]`; the last one again where there are fewer.
        known: How many they are.
        first: The lowest threshold.
        steps: What each further threshold lies above the one before, before softplus, `[48]`.
    """

    kind: ClassVar[str] = "ordinal"
    settings_class = OrdinalSettings
    measures: ClassVar[Mapping[str, RowMetric]] = {"rmse": rmse, "mae": mae, "accuracy": nearest_class}

    def __init__(self, name: str, part: TaskPart, settings: OrdinalSettings, width: int) -> None:
        super().__init__(name, part, settings, width)
        self.classes: Tensor
        self.known: Tensor
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("classes", torch.zeros(MOST))
        self.register_buffer("known", torch.ones((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.first = nn.Parameter(torch.zeros(()))
        self.steps = nn.Parameter(torch.zeros(MOST - 2))

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Take the classes of the labels `[n]` and start at their shares; one class of 0 where there is none.

        Raises:
            DataError: for an infinite label, or more classes than can be told apart.
        """
        self.refuse(np.isinf(labels), labels, "finite", "Drop those rows with only_where.")
        classes, counts = np.unique(labels, return_counts=True)
        if len(classes) > MOST:
            do = "Use kind = 'regression' for amounts, or round the label."
            thing = f"label '{self.part.label}' of task '{self.name}'"
            raise DataError(thing, must=f"one of {MOST} classes at most", came=f"{len(classes):,} different values", do=do)
        if not len(classes):
            return
        self.classes.copy_(torch.from_numpy(np.pad(classes, (0, MOST - len(classes)), mode="edge")))
        self.known.fill_(len(classes))
        self.mean.fill_(float(labels.mean()))
        self.deviation.fill_(max(float(labels.std()), 1e-6))
        above = 1 - np.cumsum(counts)[:-1] / counts.sum()
        thresholds = torch.from_numpy(np.log((1 - above) / above))
        with torch.no_grad():
            self.head.bias.zero_()
            if len(thresholds):
                self.first.fill_(float(thresholds[0]))
            rises = thresholds.diff().clamp(min=10 * LEAST_RISE) - LEAST_RISE
            self.steps[: len(rises)].copy_(rises.expm1().log())

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Surprise at each element's class in nats; a label between classes counts as the nearest."""
        above = self._above(output)
        place = (label.unsqueeze(-1) - self._present).abs().argmin(-1, keepdim=True)
        return -self._logs(above).gather(-1, place).squeeze(-1)

    def predict(self, output: Tensor) -> Tensor:
        """Expected labels, within the classes: each class's step up times the chance to be above it."""
        classes = self._present
        return classes[0] + (torch.sigmoid(self._above(output)) * classes.diff()).sum(-1)

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest class."""
        return float(self._present[0]), float(self._present[-1])

    def utility(self, output: Tensor) -> Tensor:
        """The expected label in standard deviations above the training mean."""
        return (self.predict(output) - self.mean) / self.deviation

    def chances(self, output: Tensor) -> Tensor:
        """The chance of each class `[..., classes]`."""
        return self._logs(self._above(output)).exp()

    @property
    def _present(self) -> Tensor:
        return self.classes[: int(self.known)]

    def _above(self, output: Tensor) -> Tensor:
        """Logits of lying above each class but the last, falling, `[..., classes - 1]`."""
        between = int(self.known) - 1
        thresholds = torch.cat([self.first.reshape(1), F.softplus(self.steps) + LEAST_RISE])[:between].cumsum(0)
        return output.unsqueeze(-1) - thresholds

    def _logs(self, above: Tensor) -> Tensor:
        """Log-chances of the classes `[..., classes]` from the logits of lying above them.

        Of one between two thresholds it is log(σ(a) − σ(b)) = logσ(a) + logσ(−b) + log(1 − exp(b − a)): no overflow, nothing cancels.
        """
        if not above.shape[-1]:
            return above.new_zeros(*above.shape[:-1], 1)
        higher, lower = above[..., :-1], above[..., 1:]
        between = F.logsigmoid(higher) + F.logsigmoid(-lower) + torch.log(-torch.expm1(lower - higher))
        return torch.cat([F.logsigmoid(-above[..., :1]), between, F.logsigmoid(above[..., -1:])], -1)
