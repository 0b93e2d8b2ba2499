"""What a task is: head, loss, prediction and usual metrics in one place."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.rows import RowMetric
from penchant.schema.errors import DataError
from penchant.schema.kinds import choose, kinds_in
from penchant.schema.sections.tasks import TaskPart


class RankingTask(nn.Module):
    """A task that judges a user with an item: one number from a representation of both.

    A subclass sets `kind`, `settings_class` and `measures` and fills in the methods that raise.

    Attributes:
        measures: What an evaluation says of its predictions, the headline first.
    """

    face: ClassVar[Literal["ranking"]] = "ranking"
    settings_class: ClassVar[type[BaseModel]]
    measures: ClassVar[Mapping[str, RowMetric]]

    def __init__(self, name: str, part: TaskPart, settings: Any, width: int) -> None:
        super().__init__()
        self.name, self.part, self.settings = name, part, settings
        self.head = nn.Linear(width, 1)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, representation: Tensor) -> Tensor:
        """Raw output `[...]` from representations `[..., width]`."""
        output: Tensor = self.head(representation)
        return output.squeeze(-1)

    @staticmethod
    def labels(data: Dataset, task: str) -> NDArray[np.float32]:
        """A task's labels for each row of a part, `[rows]`, or `[rows, columns]` for a kind that reads several; NaN where there is none."""
        return labels_of(data, task)

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Look at the training labels (missing left out): check them and set where the head starts.

        Raises:
            DataError: when a label is not one the task can learn.
        """
        raise NotImplementedError

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Loss of each element, same shape as `output`."""
        raise NotImplementedError

    def mean_loss(self, output: Tensor, label: Tensor, known: Tensor) -> Tensor | None:
        """The loss of a batch; None where nothing can be learnt from it.

        Args:
            output: Of some users' targets `[batch, targets]`.
            label: Of the same `[batch, targets, ...]`.
            known: Which of them are real and have a label `[batch, targets]`.
        """
        if known.all():
            return self.loss(output, label).mean() if known.numel() else None  # nothing to pick out: rows without a history come so
        return self.loss(output[known], label[known]).mean() if known.any() else None

    def predict(self, output: Tensor) -> Tensor:
        """Raw outputs in the label's unit (a probability, stars)."""
        raise NotImplementedError

    def utility(self, output: Tensor) -> Tensor:
        """Raw outputs on a scale that may be added up with other tasks' in a final score."""
        raise NotImplementedError

    @property
    def range(self) -> tuple[float, float]:
        """The least and the most it predicts as a rule, for a bar that is drawn."""
        return 0.0, 1.0

    def metrics(self, label: NDArray[np.floating], prediction: NDArray[np.floating], user: NDArray[np.integer]) -> dict[str, float]:
        """The task's usual metrics over rows: its measures, of labels `[n, ...]`, predictions and user rows `[n]`."""
        unit = np.unique(user, return_inverse=True)[1].astype(np.intp)
        once = np.ones((1, int(unit.max(initial=-1)) + 1))
        return {name: float(measure.of_units(label, prediction, unit)(once)[0]) for name, measure in self.measures.items()}

    def refuse(self, wrong: NDArray[np.bool_], labels: NDArray[np.floating], must: str, do: str) -> None:
        """Count and locate labels that cannot be learnt.

        Raises:
            DataError: where there is one.
        """
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            came = f"{labels[first]:g} in {int(wrong.sum()):,} of {len(labels):,} rows, first at training row {first}"
            raise DataError(f"label '{self.part.label}' of task '{self.name}'", must=must, came=came, do=do)


def build(name: str, part: TaskPart, width: int) -> Any:
    """The task a recipe names: a `RankingTask`, or one of another `face`."""
    kind, settings = choose(part, "penchant.tasks", f"task '{name}'")
    return kind(name, part, settings, width)


def task_class(part: TaskPart) -> type[RankingTask]:
    """The class of a recipe's ranking task, for what needs no weights: its labels and measures."""
    kind: type[RankingTask] = kinds_in("penchant.tasks")[part.kind]
    return kind


def labelled(labels: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which rows have all their labels, `[rows]`, of labels `[rows]` or `[rows, columns]`."""
    known: NDArray[np.bool_] = ~np.isnan(labels).reshape(len(labels), -1).any(axis=1)
    return known


def amounts(labels: NDArray[np.floating]) -> NDArray[np.floating]:
    """What is predicted, `[rows]`: the first column where there are several."""
    return labels[:, 0] if labels.ndim == 2 else labels
