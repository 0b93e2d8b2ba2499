"""What splits of item sequences share: a line per user in order, one item asked for, every item ranked that the user has not had."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.popularity import Popularity
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.models.sequential.sasrec import SASRec
from penchant.models.validation import list_quality
from penchant.schema.recipe import Recipe
from penchant.studies.lists import measure_lists
from penchant.training.trainer import NetworkTrainer
from studies.study import BOOTSTRAP, Outcome, gap, mark_of, numbers

CUTOFFS = (10, 5)
METRICS = ("ndcg@10", "hit_rate@10", "ndcg@5", "hit_rate@5")
"""With one item asked for, recall is the hit rate."""
TOLD = '[data.events]\npath = "sequences"\n[features]\nitem.item_id = { kind = "category" }\n[tasks.next]\nkind = "next_item"\n'

Parts = tuple[Dataset, Dataset, Dataset]
PerUser = dict[str, NDArray[np.float64]]
Given = Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What was chosen for each model of a split.

    Attributes:
        sasrec: `{model: constructor arguments}`.
        network: The recipe's lines for the flagship that only learns what comes next.
        item_knn: Settings tried on the validation part.
        others: Further models, `{model: how it is made}`.
        stops: Whether SASRec keeps the epoch that is best on the validation part, or the last.
    """

    sasrec: Mapping[str, Given]
    network: str
    item_knn: Sequence[Given]
    others: Mapping[str, Callable[[], Recommender]]
    stops: bool = True


class Sequences:
    """Which item comes next.

    Args:
        read: Train, valid and test.
        settings: What was chosen for each model.
        headline: The metric that is quoted.
    """

    quick = "sasrec"

    def __init__(self, read: Callable[[], Parts], settings: Settings, headline: str = "ndcg@10") -> None:
        self.read, self.settings, self.headline = read, settings, headline
        self.models = ("popularity", "item_knn", *settings.others, *settings.sasrec, "network")
        self.seeded = (*settings.sasrec, "network")

    @cached_property
    def parts(self) -> Parts:
        return self.read()

    @cached_property
    def tuned(self) -> tuple[Given, list[tuple[Given, float]]]:
        """The item-KNN that is best on the validation part, and all trials."""
        train, valid, _ = self.parts
        trials = [(each, float(_measure(ItemKNN(**each).fit(train), valid)[self.headline].mean())) for each in self.settings.item_knn]
        return max(trials, key=lambda trial: trial[1])[0], trials

    @cached_property
    def rivals(self) -> dict[str, PerUser]:
        train, _, test = self.parts
        fitted = {"popularity": Popularity().fit(train), "item_knn": ItemKNN(**self.tuned[0]).fit(train)}
        return {name: _measure(model, test) for name, model in fitted.items()}

    def mark(self, model: str) -> str:
        settings = {**self.settings.sasrec, "network": self.settings.network, "item_knn": list(self.settings.item_knn)}
        return mark_of(f"{model} {settings.get(model, '')}")

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        if model == "popularity":
            return Outcome(
                "train counts", _intervals(self.rivals[model] if seconds is None and "rivals" in vars(self) else self._popularity())
            )
        if model == "item_knn":
            best, trials = self.tuned
            return Outcome(f"{best}, best of {len(trials)} on validation", _intervals(self.rivals[model]), notes={"trials": trials})
        fitted, setting, notes = self._fitted(model, seed, seconds)
        values = _measure(fitted, self.parts[2])
        rivals = {"popularity": self._popularity()} if seconds else self.rivals
        gaps = {
            rival: {name: gap(BOOTSTRAP.mean_difference(values[name], other[name])) for name in (self.headline, "hit_rate@10")}
            for rival, other in rivals.items()
        }
        return Outcome(setting + (f", at most {seconds:g} s" if seconds else ""), _intervals(values), gaps, notes)

    def _popularity(self) -> PerUser:
        return _measure(Popularity().fit(self.parts[0]), self.parts[2])

    def _fitted(self, model: str, seed: int, seconds: float | None) -> tuple[Recommender, str, dict[str, Any]]:
        train, valid, _ = self.parts
        if model in self.settings.others:
            other = self.settings.others[model]().fit(train, valid)
            return other, f"{type(other).__name__} {other.get_params()}", {}
        if model == "network":
            return self._network(seed, seconds)
        given = {**self.settings.sasrec[model], "seed": seed}
        fitted = SASRec(**given | ({"seconds": seconds} if seconds else {})).fit(train, valid if self.settings.stops else None)
        notes = {"curves": fitted.progress_.curves, "best_epoch": fitted.progress_.best_epoch + 1, "valid": list_quality(fitted, valid)}
        return fitted, str(given), notes

    def _network(self, seed: int, seconds: float | None) -> tuple[Recommender, str, dict[str, Any]]:
        train, valid, _ = self.parts
        recipe = Recipe.parse(TOLD + self.settings.network)
        recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": seed, "seconds": seconds})})
        trainer = NetworkTrainer(valid)
        fitted = NetworkRecommender(recipe, trainer).fit(Dataset(recipe, train.log, train.rows))
        assert trainer.progress is not None
        return fitted, self.settings.network, {"curves": trainer.progress.curves, "best_epoch": trainer.progress.best_epoch + 1}


def dataset_of(lines: Iterable[Sequence[str]]) -> tuple[Dataset, NDArray[np.int64]]:
    """A line of items per user in time order as a data set, and each event's place counted from its line's end (1 = last), `[events]`."""
    items = [list(line) for line in lines]
    length = np.array([len(line) for line in items])
    user = np.repeat(np.arange(len(items)), length)
    place = np.arange(len(user)) - np.repeat(np.cumsum(length) - length, length)
    names = pl.Series("user_id", [f"{row:07}" for row in range(len(items))])  # so that rows keep the order of the lines
    events = pl.DataFrame(
        {"user_id": names.gather(user), "item_id": [item for line in items for item in line], "timestamp": place.astype(np.float64)}
    )
    return Dataset.from_frames(events, recipe=Recipe.parse(TOLD)), np.repeat(length, length) - place


def lines_of(text: str) -> list[list[str]]:
    """Lines of items between blanks."""
    return [line.split() for line in text.splitlines()]


def _measure(model: Recommender, part: Dataset) -> PerUser:
    return measure_lists({"model": model}, part, CUTOFFS).values["model"]


def _intervals(values: PerUser) -> dict[str, Any]:
    return {name: numbers(BOOTSTRAP.mean(values[name])) for name in METRICS}
