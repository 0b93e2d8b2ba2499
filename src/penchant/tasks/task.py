"""What a task is: head, loss, prediction and usual metrics in one place."""

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn

from penchant.schema.kinds import choose
from penchant.schema.recipe import TaskPart


class RankingTask(nn.Module):
    """A task that judges a user with an item: one number from a representation of both.

    A subclass sets `kind` and `settings_class` and fills in the four methods.
    """

    face: ClassVar[Literal["ranking"]] = "ranking"
    settings_class: ClassVar[type[BaseModel]]

    def __init__(self, name: str, part: TaskPart, settings: Any, width: int) -> None:
        super().__init__()
        self.name, self.part, self.settings = name, part, settings
        self.head = nn.Linear(width, 1)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, representation: Tensor) -> Tensor:
        """Raw output `[...]` from representations `[..., width]`."""
        output: Tensor = self.head(representation)
        return output.squeeze(-1)

    def fit(self, labels: NDArray[np.float32]) -> None:
        """Look at the training labels (missing left out): check them and set where the head starts.

        Raises:
            DataError: when a label is not one the task can learn.
        """
        raise NotImplementedError

    def loss(self, output: Tensor, label: Tensor) -> Tensor:
        """Loss of each element, same shape as `output`."""
        raise NotImplementedError

    def predict(self, output: Tensor) -> Tensor:
        """Raw outputs in the label's unit (a probability, stars)."""
        raise NotImplementedError

    def utility(self, output: Tensor) -> Tensor:
        """Raw outputs on a scale that may be added up with other tasks' in a final score."""
        raise NotImplementedError

    def metrics(self, label: NDArray[np.floating], prediction: NDArray[np.floating], user: NDArray[np.integer]) -> dict[str, float]:
        """The task's usual metrics over rows."""
        raise NotImplementedError


def build(name: str, part: TaskPart, width: int) -> Any:
    """The task a recipe names: a `RankingTask`, or a retrieval task (`face = "retrieval"`)."""
    kind, settings = choose(part, "penchant.tasks", f"task '{name}'")
    return kind(name, part, settings, width)
