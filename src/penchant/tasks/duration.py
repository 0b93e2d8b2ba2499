"""How long: watch time, time to return, of which some are only known to be longer. Log-normal; predicts the median.

Accelerated failure time with right censoring (Kalbfleisch and Prentice 2002, chapter 3): log T = location + scale · noise, where the
location is the output and the scale one learnt number. A duration that was cut off at t contributes the chance to last longer than t.
"""

from collections.abc import Mapping
from math import log, pi
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.concordance import concordance
from penchant.evaluation.metrics.durations import ended_mae
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.settings import Settings
from penchant.tasks.task import RankingTask

ABSURD = 10.0
"""No duration is expected beyond so many times the longest one seen, or below so small a part of the shortest."""


class DurationSettings(Settings):
    """A duration has no settings of its own; `censored` says of which rows the amount is a lower bound."""


class Duration(RankingTask):
    """An amount above 0 in any unit; labels are `[..., 2]`, the amount and whether it was cut off (1) or not (0).

    Learnt in standard deviations of the logs of the training amounts from their mean.
    """

    kind: ClassVar[str] = "duration"
    settings_class = DurationSettings
    measures: ClassVar[Mapping[str, RowMetric]] = {"concordance": concordance, "mae": ended_mae}

    def __init__(self, name: str, part: TaskPart, settings: DurationSettings, width: int) -> None:
        super().__init__(name, part, settings, width)
        self.mean: Tensor
        self.deviation: Tensor
        self.bounds: Tensor
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))
        self.register_buffer("bounds", torch.ones(2))
        self.log_scale = nn.Parameter(torch.zeros(()))

    @staticmethod
    def labels(data: Dataset, task: str) -> NDArray[np.float32]:
        """Amounts and whether each was cut off `[rows, 2]`; nothing was where the recipe has no `censored`."""
        amount, censored = labels_of(data, task), data.recipe.tasks[task].censored
        cut = np.zeros(len(amount), dtype=bool) if censored is None else data.where(censored)
        return np.stack([amount, cut], axis=1).astype(np.float32)

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Check the amounts and learn mean and deviation of their logs, those cut off among them, from `[n, 2]`.

        Raises:
            DataError: for an amount that is not above 0 and finite.
        """
        amount = labels.reshape(-1, 2)[:, 0]
        do = f'Leave those rows out, for example: only_where = "{self.part.label or "seconds"} > 0"'
        self.refuse(~np.isfinite(amount) | (amount <= 0), amount, "above 0 and finite", do)
        if len(amount):
            logs = np.log(amount.astype(np.float64))
            self.mean.fill_(float(logs.mean()))
            self.deviation.fill_(max(float(logs.std()), 1e-3))
            self.bounds.copy_(torch.tensor([float(amount.min()) / ABSURD, float(amount.max()) * ABSURD]))

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Surprise in nats at each element's log in deviations, or at its lasting longer where it was cut off."""
        noise = (self._standard(label[..., 0]) - output) * torch.exp(-self.log_scale)
        ended = noise.square() / 2 + self.log_scale + log(2 * pi) / 2
        return torch.where(label[..., 1] == 1, -torch.special.log_ndtr(-noise), ended)

    def predict(self, output: Tensor) -> Tensor:
        """Median durations in the label's unit, at most ten times the longest and at least a tenth of the shortest seen in training."""
        low, high = self.bounds.log().tolist()
        return (output * self.deviation + self.mean).clamp(low, high).exp()

    @property
    def range(self) -> tuple[float, float]:
        """0 and the longest duration seen in training."""
        return 0.0, float(self.bounds[1]) / ABSURD

    def utility(self, output: Tensor) -> Tensor:
        """The output as it is: deviations of the log above the training mean."""
        return output

    def metrics(self, label: NDArray[np.floating], prediction: NDArray[np.floating], user: NDArray[np.integer]) -> dict[str, float]:
        """`concordance` (Harrell's), `mae` of those that ended, and the mean `log_likelihood` of labels `[n, 2]` in nats."""
        told = torch.from_numpy(np.asarray(label, dtype=np.float32))
        output = self._standard(torch.from_numpy(np.asarray(prediction, dtype=np.float32)))
        density = -(torch.log(told[..., 0]) + self.deviation.log())  # of the amount itself, not of its log in deviations
        with torch.no_grad():
            likelihood = torch.where(told[..., 1] == 1, 0.0, density) - self.loss(output, told)
        return super().metrics(label, prediction, user) | {"log_likelihood": float(likelihood.mean())}

    def _standard(self, amount: Tensor) -> Tensor:
        return (amount.log() - self.mean) / self.deviation
