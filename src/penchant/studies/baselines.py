"""What a label task must beat: the average, item by item."""

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.collaborative.popularity import Popularity
from penchant.models.recommender import Recommender

PRIOR = 10.0  # training labels' worth of overall mean in every item's mean


class ItemMean:
    """Each item's mean training label, drawn towards the overall mean by `PRIOR` labels' worth."""

    def __init__(self, train: Dataset, task: str) -> None:
        label = labels_of(train, task)
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


def fit_baselines(train: Dataset, names: list[str]) -> dict[str, Recommender]:
    """Named baselines with default settings, fitted."""
    kinds: dict[str, Recommender] = {"popularity": Popularity(), "item_knn": ItemKNN()}
    return {name: kinds[name].fit(train) for name in names}
