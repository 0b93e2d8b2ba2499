"""`compile`, `fit`, `predict`, for whoever comes from Keras: they fill in a recipe, and training is everybody's."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import NotFittedError, TargetError, did_you_mean
from penchant.schema.recipe import Recipe
from penchant.schema.sections.training import TrainingSettings
from penchant.schema.settings import read_settings
from penchant.training.trainer import NetworkTrainer


class Model:
    """A recipe that is compiled, fitted and asked; `recommender` is the network behind it, once fitted."""

    recommender: NetworkRecommender

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def compile(self, optimizer: Mapping[str, Any] | None = None, loss_weights: Mapping[str, float] | None = None) -> Self:
        """Change how the recipe is learnt.

        Args:
            optimizer: Keys of `[training]` for AdamW: `{"learning_rate": 1e-3, "weight_decay": 1e-4}`.
            loss_weights: The weight of each task's loss, at least 0; tasks that are not named keep theirs.

        Raises:
            RecipeError, TargetError: for an unknown key or task, or a value that it cannot have.
        """
        tasks = dict(self.recipe.tasks)
        for name, weight in (loss_weights or {}).items():
            if name not in tasks or not weight >= 0:
                came, do = (f"{weight!r}", "0 leaves its loss out.") if name in tasks else ("another name", did_you_mean(name, tasks))
                raise TargetError(f"loss_weights '{name}'", must="a weight, at least 0, of a task of the recipe", came=came, do=do)
            tasks[name] = tasks[name].model_copy(update={"weight": float(weight)})
        self.recipe = self.recipe.model_copy(update={"tasks": tasks, "training": self._training("compile", **(optimizer or {}))})
        return self

    def fit(self, data: Dataset, validation_data: Dataset | None = None, **training: Any) -> dict[str, list[float]]:
        """Train; further keys are those of `[training]` (`epochs=3, batch_events=4096`). The history: losses and metrics by epoch."""
        self.recipe = self.recipe.model_copy(update={"training": self._training("fit", **training)})
        trainer = NetworkTrainer(validation_data)
        self.recommender = NetworkRecommender(self.recipe, trainer).fit(data, validation_data)
        curves = trainer.progress.curves if trainer.progress else []
        return {name: [row.get(name, float("nan")) for row in curves] for name in dict.fromkeys(name for row in curves for name in row)}

    def predict(self, data: Dataset) -> dict[str, NDArray[np.float32]]:
        """What `NetworkRecommender.predict` says: `{task: [rows]}`."""
        if not hasattr(self, "recommender"):
            raise NotFittedError(type(self).__name__)
        return self.recommender.predict(data)

    def _training(self, where: str, **given: Any) -> TrainingSettings:
        return read_settings(TrainingSettings, self.recipe.training.model_dump() | given, where)
