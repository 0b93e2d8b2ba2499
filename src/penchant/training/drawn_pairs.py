"""Items drawn to be held against what a user wanted, for pairwise tasks against the catalogue."""

from collections.abc import Mapping

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.hits import contained
from penchant.models.batch import Batch
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import RecipeError
from penchant.tasks.pairwise import Pairwise


class DrawnPairs:
    """Draws the items and makes losses of their outputs; nothing to do where no task asks for it.

    Args:
        recommender: With fitted features and a network.
        train: What is learnt from; items without an event in it are never drawn.
        labels: Of every ranking task, by event `{task: [events, *]}`.

    Raises:
        RecipeError: for a task against what was shown in a network that reads its rows one by one.
    """

    def __init__(self, recommender: NetworkRecommender, train: Dataset, labels: Mapping[str, NDArray[np.float32]]) -> None:
        pairwise = {name: task for name, task in recommender.network.ranking_tasks.items() if isinstance(task, Pairwise)}
        self.tasks = {name: task for name, task in pairwise.items() if task.negatives}
        alone = next((name for name in pairwise if name not in self.tasks), None)
        if alone is not None and not recommender.network.history.reads:
            do = "Let the network read a history, whose windows keep a user's events together."
            raise RecipeError(f"task '{alone}', against", must="'catalogue' where no history is read", came="'shown'", do=do)
        self.labels = {name: labels[name] for name in self.tasks}
        self.features, self.log = recommender.features, train.log
        self.asked_by = sorted(recommender.recipe.features.candidate_moment | {"timestamp"})
        self.items = np.unique(train.log.item[train.rows]) if self.tasks else np.zeros(0, dtype=np.int32)
        self.catalogue = recommender.features.catalogue(train.log.items) if self.tasks else pl.DataFrame()
        self.wanted = {name: np.unique(self._pairs(train.rows[self.labels[name][train.rows] == 1])) for name in self.tasks}

    def _pairs(self, rows: NDArray[np.integer]) -> NDArray[np.int64]:
        return self._key(self.log.user[rows], self.log.item[rows])

    def _key(self, user: NDArray[np.integer], item: NDArray[np.integer]) -> NDArray[np.int64]:
        """One number for a user with an item."""
        return user.astype(np.int64) * len(self.log.items) + item

    def draw(self, random: np.random.Generator, read: Batch) -> dict[str, Tensor]:
        """Item rows for every target, uniformly from those with a training event: `{task: [batch, targets, negatives]}`."""
        shapes = {name: (*read.rows.shape, task.negatives) for name, task in self.tasks.items()}
        return {name: torch.from_numpy(random.choice(self.items, shape).astype(np.int64)) for name, shape in shapes.items()}

    def standing(self, read: Batch, rows: Tensor) -> dict[str, Tensor]:
        """What is counted of drawn items `[batch, targets, negatives]` as of the targets, as `Network.rank` takes it."""
        moments = self.log.take(self.asked_by, read.rows.ravel()) if self.features.features["candidate"] else pl.DataFrame()
        counted = self.features.encode_candidates(moments, self.catalogue, rows.flatten(0, 1).numpy())
        return {name: torch.from_numpy(array.reshape(*rows.shape, *array.shape[2:])) for name, array in counted.items()}

    def loss(self, name: str, outputs: Tensor, drawn: Tensor, read: Batch, rows: Tensor) -> dict[str, Tensor]:
        """The task's loss by its name; empty where the batch has nothing that it wants.

        Args:
            name: The task.
            outputs: Of the targets' own items `[batch, targets]`.
            drawn: Of the items drawn `[batch, targets, negatives]`, whose rows are `rows`.
        """
        asks = read.present & torch.from_numpy(self.labels[name][read.rows] == 1)
        users = self.log.user[read.rows[asks.numpy()]][:, None]
        counted = torch.from_numpy(~contained(self.wanted[name], self._key(users, rows[asks].numpy())))
        loss = self.tasks[name].drawn_loss(outputs[asks], drawn[asks], counted)
        return {} if loss is None else {name: loss}
