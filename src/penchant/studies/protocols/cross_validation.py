"""Every event judged once, by a model that learnt without it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from penchant.data.dataset import Dataset
from penchant.data.folds import By, folds
from penchant.models.recommender import Recommender
from penchant.studies.lists import Lists, joined
from penchant.studies.protocols.all_items import AllItems
from penchant.studies.protocols.protocol import ListProtocol

Fit = Callable[[Dataset], Recommender]


@dataclass(frozen=True)
class CrossValidation:
    """Folds of a data set, each judged by models fitted on the others.

    Attributes:
        count: How many folds.
        by: What a fold is made of, as in `penchant.data.folds`.
        seed: Of the drawing of folds.
        protocol: How a fold is judged.
    """

    count: int = 5
    by: By = "user"
    seed: int = 0
    protocol: ListProtocol = field(default_factory=AllItems)

    def measure(self, models: Mapping[str, Fit], data: Dataset) -> Lists:
        """Values of all folds one after another, the folds as slices.

        Args:
            models: What fits a model to a training part, by name.
            data: What is cut into folds.

        Raises:
            DataError: when the folds cannot be filled.
        """
        parts = []
        for learnt, judged in folds(data.log, data.rows, self.count, self.by, seed=self.seed):
            train, test = data.part(learnt), data.part(judged)
            parts.append(self.protocol.measure({name: fit(train) for name, fit in models.items()}, test))
        return joined({f"fold {number}": lists for number, lists in enumerate(parts, 1)})

    def told(self, data: Dataset) -> tuple[str, ...]:
        """What was done, in sentences."""
        made = {"user": "whole users, drawn", "record": "single events, drawn", "time": "blocks of time, learnt from what lies before"}
        return (f"Cross-validation: {self.count} folds of {made[self.by]}; every judged event was judged once.", *self.protocol.told(data))
