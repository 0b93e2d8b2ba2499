"""What a label task must beat: the average, item by item."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.classic import classic_kinds
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.recommender import Recommender
from penchant.schema.errors import TargetError, did_you_mean
from penchant.studies.lists import measure_lists
from penchant.tasks.task import amounts, task_class

PRIOR = 10.0  # training labels' worth of overall mean in every item's mean


class ItemMean:
    """Each item's mean training label, drawn towards the overall mean by `PRIOR` labels' worth."""

    def __init__(self, train: Dataset, task: str) -> None:
        label = amounts(task_class(train.recipe.tasks[task]).labels(train, task))
        known = ~np.isnan(label)
        item = train.log.item[train.rows][known]
        self.overall = float(label[known].mean()) if known.any() else 0.0
        total = np.bincount(item, weights=label[known], minlength=len(train.log.items))
        count = np.bincount(item, minlength=len(train.log.items))
        self.means = (total + PRIOR * self.overall) / (count + PRIOR)

    def predict(self, data: Dataset) -> NDArray[np.float64]:
        """The prediction for every row."""
        result: NDArray[np.float64] = self.means[data.log.item[data.rows]]
        return result


def fit_baselines(train: Dataset | None, names: Sequence[str], model: Recommender | None = None) -> dict[str, Recommender]:
    """Named baselines with default settings, fitted.

    Args:
        train: The training part.
        names: Kinds of classic models.
        model: What they stand beside, for the error.

    Raises:
        TargetError: for an unknown name, or without a training part.
    """
    known = classic_kinds()
    for name in names:
        if name not in known:
            raise TargetError(f"baseline '{name}'", must="a known baseline", came="an unknown name", do=did_you_mean(name, known))
    if train is None and names:
        raise TargetError(f"the training part of {type(model).__name__}", must="given", came="a loaded model without it", do="Pass train=.")
    return {name: known[name]().fit(train) for name in names if train is not None}


def tune_item_knn(train: Dataset, valid: Dataset) -> ItemKNN:
    """The item-KNN with the best NDCG@10 on the validation part, out of a small grid."""
    trials = [
        ItemKNN(neighbours, shrinkage, recency=recency) for neighbours, shrinkage in ((50, 10), (200, 20)) for recency in (1.0, 0.95, 0.8)
    ]

    def quality(model: ItemKNN) -> float:
        values = measure_lists({"item_knn": model.fit(train)}, valid, (10,)).values["item_knn"]
        return float(np.nanmean(values["ndcg@10"]))

    return max(trials, key=quality)


def usual_rivals(train: Dataset, valid: Dataset) -> dict[str, Recommender]:
    """What every recipe is judged beside: popularity and, where it retrieves, an item-KNN tuned on the validation part if there is one."""
    rivals = fit_baselines(train, ["popularity"])
    if train.recipe.retrieval_task:
        rivals |= {"item_knn": tune_item_knn(train, valid)} if len(valid.positives) else fit_baselines(train, ["item_knn"])
    return rivals
