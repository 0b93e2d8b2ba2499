"""Several models heard together: the sum of their standardised scores."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penchant.data.dataset import Dataset
from penchant.models.classic import classic
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.sections.part import Part


class Blend(Recommender):
    """The weighted sum of other models' scores, each query's scores of each model shifted to mean 0 and scaled to deviation 1.

    Args:
        parts: Settings of each model by its kind; EASE and ALS as they come when None.
        weights: Of the models by kind; 1 where none is given.
        seed: Of the parts that draw and name none.
    """

    kind: ClassVar[str] = "blend"

    def __init__(
        self,
        parts: dict[str, dict[str, Any]] | None = None,
        weights: dict[str, float] | None = None,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.parts, self.weights, self.seed = parts, weights, seed

    def _made(self) -> dict[str, Recommender]:
        parts: dict[str, dict[str, Any]] = {"ease": {}, "als": {}} if self.parts is None else self.parts
        models = {kind: classic(Part(kind=kind, **settings), f"model 'blend', part '{kind}'") for kind, settings in parts.items()}
        for kind, model in models.items():
            if "seed" in model.get_params() and "seed" not in parts[kind]:
                model.set_params(seed=self.seed)
        return models

    def _learn(self, data: Dataset) -> None:
        self.models_ = {kind: model.fit(data, self.valid_) for kind, model in self._made().items()}

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Weighted sums of standardised scores, `[queries, items]`; a model whose scores of a query are all alike adds nothing to it."""
        total = np.zeros((len(queries), len(self.items)), dtype=np.float32)
        for kind, model in self.models_.items():
            scores = model.scores(queries)
            scores = scores - scores.mean(axis=1, keepdims=True)
            deviation = scores.std(axis=1, keepdims=True)
            total += (self.weights or {}).get(kind, 1.0) * np.divide(scores, deviation, out=np.zeros_like(scores), where=deviation > 0)
        return total

    def state(self) -> dict[str, NDArray[Any]]:
        """What each model learnt, as `kind/name`."""
        return {f"{kind}/{name}": array for kind, model in self.models_.items() for name, array in model.state().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.models_ = self._made()
        for kind, model in self.models_.items():
            model.log_, model.recipe_ = self.log_, self.recipe_
            model.restore({name.removeprefix(f"{kind}/"): array for name, array in arrays.items() if name.startswith(f"{kind}/")})
