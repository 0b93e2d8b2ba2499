"""MovieLens: each user's last 10 % of events in order is the test part, the 10 % before it the validation part; all films ranked."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.popularity import Popularity
from penchant.models.recommender import Recommender
from penchant.schema.sections.part import Part
from penchant.studies.lists import measure_lists
from studies.study import BOOTSTRAP, Outcome, fit_counting, gap, numbers, recipe_mark, recipe_of

HEADLINE = "ndcg@10"
TRIALS: list[dict[str, Any]] = [
    {"neighbours": neighbours, "shrinkage": shrinkage, "similarity": similarity, "recency": recency}
    for similarity, neighbours, shrinkage, recency in [
        ("cosine", 100, 10.0, 1.0), ("cosine", 200, 20.0, 0.95), ("cosine", 200, 20.0, 0.8), ("cosine", 200, 5.0, 0.8),
        ("cosine", 200, 0.0, 0.7), ("cosine", 500, 0.0, 0.8), ("cosine", 500, 5.0, 0.8), ("cosine", 500, 0.0, 0.7),
        ("cosine", 500, 5.0, 0.6), ("cosine", 1500, 0.0, 0.9), ("cosine", 1500, 0.0, 0.8), ("cosine", 1500, 5.0, 0.8),
        ("cosine", 1500, 0.0, 0.7), ("cosine", 1500, 20.0, 0.7), ("cosine", 1500, 0.0, 0.6), ("jaccard", 200, 20.0, 0.8),
        ("jaccard", 500, 5.0, 0.8), ("jaccard", 500, 20.0, 0.7), ("jaccard", 1500, 20.0, 0.8), ("jaccard", 1500, 5.0, 0.7),
    ]
]  # fmt: skip

PerUser = dict[str, NDArray[np.float64]]


class MovieLens:
    """Next film over the whole catalogue.

    Args:
        recipe: Name of the ready recipe.
        folder: Where its data lie.
        trials: Settings of the item-KNN tried on the validation part.
    """

    headline = HEADLINE
    models = ("popularity", "item_knn", "network", "network_without_cross_attention", "network_shared_bottom")
    seeded = models[2:]

    quick = "network"

    def __init__(self, recipe: str, folder: Path, trials: Sequence[dict[str, Any]] = TRIALS) -> None:
        self.recipe, self.folder, self.candidates = recipe, folder, trials

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset, Dataset]:
        """Train, valid, test."""
        return Dataset.read(recipe_of(self.recipe, self.folder, {})).split()

    @cached_property
    def popularity(self) -> PerUser:
        return self._measure(Popularity().fit(self.parts[0]))

    @cached_property
    def tuned(self) -> tuple[dict[str, Any], list[tuple[dict[str, Any], float]], PerUser]:
        """The item-KNN that is best on the validation part: its setting, all trials, its test values."""
        train, valid, _ = self.parts
        trials: list[tuple[dict[str, Any], float]] = []
        for trial in self.candidates:
            values = measure_lists({"knn": ItemKNN(**trial).fit(train)}, valid, (10,)).values["knn"]
            trials.append((trial, round(float(values[HEADLINE].mean()), 5)))
        best = max(trials, key=lambda each: each[1])[0]
        return best, trials, self._measure(ItemKNN(**best).fit(train))

    def mark(self, model: str) -> str:
        return recipe_mark(self.recipe)

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        if model == "popularity":
            return Outcome("train counts", self._intervals(self.popularity))
        if model == "item_knn":
            best, trials, values = self.tuned
            return Outcome(f"{best}, best of {len(trials)} on validation", self._intervals(values), notes={"trials": trials})
        return self._network(model, seed, seconds)

    def _network(self, model: str, seed: int, seconds: float | None) -> Outcome:
        parts = {
            "network_without_cross_attention": {"candidate": Part(kind="none")},
            "network_shared_bottom": {"experts": Part(kind="shared_bottom")},
        }
        train, valid, test = self.parts
        recipe = recipe_of(self.recipe, self.folder, {"seed": seed, "seconds": seconds}, parts.get(model))
        fitted, best = fit_counting(recipe, train, valid)
        values = self._measure(fitted)
        rivals = {"popularity": self.popularity} | ({} if seconds else {"item_knn": self.tuned[2]})
        metrics = self._intervals(values) | self._predictions(fitted, test)
        return Outcome(
            f"recipes/{self.recipe}.toml" + (f", at most {seconds:g} s" if seconds else ""),
            metrics,
            {rival: {HEADLINE: gap(BOOTSTRAP.mean_difference(values[HEADLINE], other[HEADLINE]))} for rival, other in rivals.items()},
            {"best_epoch": best},
        )

    def _measure(self, model: Recommender) -> PerUser:
        return measure_lists({"model": model}, self.parts[2], (10,)).values["model"]

    def _intervals(self, values: PerUser) -> dict[str, Any]:
        return {name: numbers(BOOTSTRAP.mean(values[name])) for name in (HEADLINE, "hit_rate@10", "recall@10")}

    def _predictions(self, fitted: Any, test: Dataset) -> dict[str, Any]:
        predictions, user = fitted.predict(test), test.log.user[test.rows]
        return {
            f"{task}.{name}": {"value": round(value, 5)}
            for task, prediction in predictions.items()
            for name, value in fitted.network.ranking_tasks[task].metrics(labels_of(test, task), prediction, user).items()
        }


def study(split: str, data: Path) -> MovieLens:
    """ml-100k or ml-1m; the larger tries every second setting of the item-KNN."""
    return MovieLens(
        {"ml-100k": "movielens-100k", "ml-1m": "movielens-1m"}[split], data / split, TRIALS if split == "ml-100k" else TRIALS[::2]
    )
