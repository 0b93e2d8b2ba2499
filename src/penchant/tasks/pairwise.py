"""Which of two items a user prefers: Rendle et al. 2009, "BPR: Bayesian Personalized Ranking from Implicit Feedback"."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.grouped_auc import grouped_auc
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.errors import RecipeError
from penchant.schema.settings import Settings
from penchant.tasks.task import RankingTask


class PairwiseSettings(Settings):
    """What a wanted item is held against."""

    against: Literal["shown", "catalogue"] = "shown"
    """`shown`: the same user's events with label 0 near it in the log (within one window); `catalogue`: items drawn at random."""
    negatives: int = Field(4, ge=1, le=1000)
    """Items drawn for each event, with `against = "catalogue"`; every one is scored by the ranking path, which is what it costs."""


class Pairwise(RankingTask):
    """A label of 0 or 1, of which only the order within a user is learnt; its outputs are scores, not probabilities.

    With `against = "catalogue"` the wanted events are those with label 1, all where there is no label, if `positive_where` holds.
    """

    kind: ClassVar[str] = "pairwise"
    settings_class = PairwiseSettings
    measures: ClassVar[Mapping[str, RowMetric]] = {"grouped_auc": grouped_auc}

    @staticmethod
    def labels(data: Dataset, task: str) -> NDArray[np.float32]:
        """1 for wanted events and 0 for others, `[rows]`; NaN where there is none.

        Raises:
            RecipeError: where neither a label nor a condition says what is wanted and it is held against what was shown.
        """
        part = data.recipe.tasks[task]
        if part.label is None and part.positive_where is None and part.settings.get("against", "shown") == "shown":
            do = 'For example: label = "is_click", or against = "catalogue" where every event is wanted.'
            raise RecipeError(f"task '{task}', key 'label'", must="a column or an expression", came="nothing", do=do)
        label = labels_of(data, task) if part.label else _where_asked(data, part.only_where)
        wanted = np.ones(len(data), dtype=bool) if part.positive_where is None else data.where(part.positive_where)
        return np.where(wanted | np.isnan(label), label, np.float32(0))

    @property
    def negatives(self) -> int:
        """How many items are drawn for each event; 0 where none are."""
        return self.settings.negatives if self.settings.against == "catalogue" else 0

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Check the labels `[n]`; scores start at 0.

        Raises:
            DataError: for a label other than 0 and 1.
        """
        do = 'Write a condition such as "rating >= 4" as label.'
        self.refuse(~np.isin(labels, (0, 1)), labels, "0 or 1", do)

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """For each wanted element the mean of −log σ(its output − that of each unwanted one) over the last dimension, else 0.

        A missing label (NaN) is neither; without an unwanted element the loss is 0.
        """
        behind = label.unsqueeze(-2) == 0
        losses = F.softplus(output.unsqueeze(-2) - output.unsqueeze(-1)).masked_fill(~behind, 0.0)
        return losses.sum(-1) / behind.sum(-1).clamp(min=1) * (label == 1)

    def mean_loss(self, output: Tensor, label: Tensor, known: Tensor) -> Tensor | None:
        """The mean over the wanted targets of a user who has unwanted ones too; None where nobody has both, or items are drawn instead."""
        paired = known & (label == 1) & (known & (label == 0)).any(-1, keepdim=True)
        if self.negatives or not paired.any():
            return None
        return self.loss(output, label.masked_fill(~known, float("nan"))).sum() / paired.sum()

    def drawn_loss(self, output: Tensor, drawn: Tensor, counted: Tensor) -> Tensor | None:
        """The mean over wanted targets of their loss against drawn items; None where there is nothing to hold them against.

        Args:
            output: Of the wanted targets `[m]`.
            drawn: Of the items drawn for each `[m, negatives]`.
            counted: Which of these the user does not want `[m, negatives]`.
        """
        losses = F.softplus(drawn - output.unsqueeze(-1)).masked_fill(~counted, 0.0)
        asks = counted.any(-1)
        return (losses.sum(-1)[asks] / counted.sum(-1)[asks]).mean() if asks.any() else None

    def predict(self, output: Tensor) -> Tensor:
        """Scores as they are; only their order within a user means something."""
        return output

    @property
    def range(self) -> tuple[float, float]:
        """Scores whose odds against 0 are 1 : 20 and 20 : 1."""
        return -3.0, 3.0

    def utility(self, output: Tensor) -> Tensor:
        """Scores as they are: a difference of 1 is the odds e : 1 of being preferred."""
        return output


def _where_asked(data: Dataset, only_where: str | None) -> NDArray[np.float32]:
    """1 for each row that the task asks of, NaN for others `[rows]`."""
    asked = np.ones(len(data), dtype=bool) if only_where is None else data.where(only_where)
    return np.where(asked, np.float32(1), np.float32("nan"))
