"""A count: plays, purchases, replies. Negative binomial with a learnt dispersion; predicts the expected count."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.evaluation.metrics.deviance import deviance
from penchant.evaluation.metrics.regression import mae, rmse
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.settings import Settings
from penchant.tasks.task import RankingTask

ABSURD = 10.0
"""No count is expected beyond so many times the largest one seen."""
LOG_DISPERSIONS = (-6.0, 6.0)
"""Beyond them a variance is the mean's, or a multiple of its square, as near as float32 tells."""


class CountSettings(Settings):
    """A count has no settings of its own."""


class Count(RankingTask):
    """A whole number from 0 on, whose variance is mean + mean² / dispersion; the output is the log of the mean.

    Attributes:
        log_dispersion: Of the negative binomial (r in log space); large is Poisson.
    """

    kind: ClassVar[str] = "count"
    settings_class = CountSettings
    measures: ClassVar[Mapping[str, RowMetric]] = {"deviance": deviance, "mae": mae, "rmse": rmse}

    def __init__(self, name: str, part: TaskPart, settings: CountSettings, width: int) -> None:
        super().__init__(name, part, settings, width)
        self.largest: Tensor
        self.register_buffer("largest", torch.ones(()))
        self.log_dispersion = nn.Parameter(torch.zeros(()))

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Check the labels `[n]` and start at their mean and, by their variance, their dispersion; at 1 where there is none.

        Raises:
            DataError: for a label that is no whole number from 0 on.
        """
        wrong = ~np.isfinite(labels) | (labels < 0) | (labels != np.round(labels))
        self.refuse(wrong, labels, "a whole number from 0 on", "Use kind = 'regression' for amounts, 'duration' for times.")
        if not len(labels):
            return
        mean, variance = max(float(labels.mean()), 1e-4), float(labels.var())
        self.largest.fill_(max(float(labels.max()), 1.0))
        with torch.no_grad():
            self.head.bias.fill_(np.log(mean))
            self.log_dispersion.fill_(np.log(np.clip(mean**2 / max(variance - mean, 1e-6), 0.05, 100)))

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Surprise at each element in nats, with logits in place of probabilities: finite however large the output."""
        log_dispersion = self.log_dispersion.clamp(*LOG_DISPERSIONS)
        dispersion, odds = log_dispersion.exp(), output - log_dispersion
        ways = torch.lgamma(label + dispersion) - torch.lgamma(dispersion) - torch.lgamma(label + 1)
        return -(ways + dispersion * F.logsigmoid(-odds) + label * F.logsigmoid(odds))

    def predict(self, output: Tensor) -> Tensor:
        """Expected counts, at most ten times the largest one seen in training."""
        return output.clamp(max=float(self.largest.mul(ABSURD).log())).exp()

    @property
    def range(self) -> tuple[float, float]:
        """0 and the largest count seen in training."""
        return 0.0, float(self.largest)

    def utility(self, output: Tensor) -> Tensor:
        """Logs of expected counts, so that adding them to log-probabilities multiplies both."""
        return output
