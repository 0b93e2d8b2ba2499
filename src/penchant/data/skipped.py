"""Whether tasks that stand behind others do: a funnel is an assumption about the data, and the data can deny it."""

from dataclasses import dataclass

import numpy as np

from penchant.data.dataset import Dataset, labels_of

TOO_MANY = 0.1
"""Of a task's positives; above it the order of the steps is doubtful."""


@dataclass(frozen=True)
class SkippedStep:
    """How many positives of a task come without the step before it.

    Attributes:
        task, after: The task and the one it stands behind.
        positives: Events with label 1.
        skipped: Those of them whose step before is not known to be taken.
    """

    task: str
    after: str
    positives: int
    skipped: int

    @property
    def share(self) -> float:
        """Of the positives; 0 where there is none."""
        return self.skipped / max(self.positives, 1)

    @property
    def too_many(self) -> bool:
        """Whether they cast doubt on the order of the steps."""
        return self.share > TOO_MANY

    @property
    def sentence(self) -> str:
        """What was counted, for people."""
        found = f"{self.skipped:,} of {self.positives:,} positives ({self.share:.1%}) come without it"
        return f"task '{self.task}' stands after '{self.after}'; {found}"

    @property
    def warning(self) -> str:
        """What was counted and what can be done about it."""
        do = f"take `after` out of [tasks.{self.task}], or let the label of '{self.after}' count these events too"
        return f"{self.sentence}, more than a tenth: {do}"


def skipped_steps(data: Dataset) -> list[SkippedStep]:
    """What each task of a part with a step before it skips, in the recipe's order; none in a recipe without such tasks."""
    found = []
    for name, part in data.recipe.tasks.items():
        if part.after is not None:
            positive, before = labels_of(data, name) == 1, labels_of(data, part.after)
            found.append(SkippedStep(name, part.after, int(positive.sum()), int(np.sum(positive & (before != 1)))))
    return found
