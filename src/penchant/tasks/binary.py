"""Yes or no: click, like, purchase. Cross-entropy; predicts a probability."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.calibration import calibration_error
from penchant.evaluation.metrics.decisions import accuracy, f1, precision, recall
from penchant.evaluation.metrics.grouped_auc import grouped_auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.settings import Settings
from penchant.tasks.task import RankingTask


class BinarySettings(Settings):
    """A binary task has no settings of its own."""


class Binary(RankingTask):
    """A label of 0 or 1."""

    kind: ClassVar[str] = "binary"
    settings_class = BinarySettings
    measures: ClassVar[Mapping[str, RowMetric]] = {
        "auc": auc, "grouped_auc": grouped_auc, "log_loss": log_loss, "calibration_error": calibration_error,
        "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
    }  # fmt: skip

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Check the labels `[n]` and start the head at their logit; at even odds where there is none.

        Raises:
            DataError: for a label other than 0 and 1.
        """
        do = "Use kind = 'regression' for counts, or a condition such as \"rating >= 4\" as label."
        self.refuse(~np.isin(labels, (0, 1)), labels, "0 or 1", do)
        rate = float(np.clip(labels.mean() if len(labels) else 0.5, 1e-4, 1 - 1e-4))
        with torch.no_grad():
            self.head.bias.fill_(np.log(rate / (1 - rate)))

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Cross-entropy of each element in nats, from logits."""
        return F.binary_cross_entropy_with_logits(output, label, reduction="none")

    def predict(self, output: Tensor) -> Tensor:
        """Probabilities, 0 to 1."""
        return torch.sigmoid(output)

    def utility(self, output: Tensor) -> Tensor:
        """Log-probabilities, at most 0, so that adding them up multiplies probabilities."""
        return F.logsigmoid(output)

    def metrics(self, label: NDArray[np.floating], prediction: NDArray[np.floating], user: NDArray[np.integer]) -> dict[str, float]:
        """`auc` and `log_loss` of labels and probabilities `[n]`; `user` is not looked at."""
        return {"auc": auc(label, prediction), "log_loss": log_loss(label, prediction)}
