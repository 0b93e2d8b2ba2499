"""Relations between users, learnt beside the events: pairs of users whose vectors are made as of the end of the training part."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.data.windows import latest_windows
from penchant.evaluation.metrics.hits import contained
from penchant.models.batch import gather
from penchant.models.network import Items
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.relations import judge
from penchant.tasks.relation import Relation, Relations, key


class RelatedUsers:
    """The losses of relation tasks; nothing to do where there is none.

    Args:
        recommender: With fitted features and a network; is told the relations that may be learnt from.
        train: What is learnt from. Users without an event in it are related to nobody.

    Raises:
        DataError, RecipeError: see `Relation.relations`.
    """

    def __init__(self, recommender: NetworkRecommender, train: Dataset) -> None:
        self.recommender, self.log = recommender, train.log
        self.tasks = recommender.network.relation_tasks
        ids, folder, seed = train.log.users["user_id"], recommender.recipe.directory, recommender.recipe.split.seed
        self.relations: dict[str, Relations] = {name: task.relations(ids, folder, seed) for name, task in self.tasks.items()}
        recommender.related = {name: relations.known for name, relations in self.relations.items()}
        if self.tasks:
            self._place(train)

    def _place(self, train: Dataset) -> None:
        """One window for each user of the part, up to and with the user's last event in it."""
        log, newest = train.log, train.rows[::-1]
        self.users, places = np.unique(log.user[newest], return_index=True)
        rows = newest[places]
        end = np.searchsorted(log.history_rows, rows, side="right")
        self.windows = latest_windows(log, rows, end, self.recommender.recipe.history.length)
        self.present = np.zeros(len(log.users), dtype=bool)
        self.present[self.users] = True
        self.learnt = {
            name: task.both_ways(relations.known[self.present[relations.known].all(axis=1)])
            for (name, task), relations in zip(self.tasks.items(), self.relations.values(), strict=True)
        }
        self.keys = {name: np.unique(key(pairs, len(log.users))) for name, pairs in self.learnt.items()}

    def losses(self, random: np.random.Generator, items: Callable[[Tensor], Items]) -> dict[str, Tensor]:
        """Each relation task's mean loss over relations drawn for this step; absent where there is none to draw.

        Args:
            random: Of the draws.
            items: Item rows `[n]` to the items.
        """
        return {name: self._loss(task, random, items) for name, task in self.tasks.items() if len(self.learnt[name])}

    def _loss(self, task: Relation, random: np.random.Generator, items: Callable[[Tensor], Items]) -> Tensor:
        pairs = self.learnt[task.name][random.integers(len(self.learnt[task.name]), size=task.settings.pairs)]
        drawn = random.choice(self.users, task.settings.negatives)
        users, place = np.unique(np.concatenate([pairs.ravel(), drawn]), return_inverse=True)
        vectors = self._vectors(np.searchsorted(self.users, users), items)[torch.from_numpy(place)]
        ends, drawn_vectors = vectors[: pairs.size].view(len(pairs), 2, -1), vectors[pairs.size :]
        against = np.stack(np.broadcast_arrays(pairs[:, :1], drawn), axis=-1)
        related = contained(self.keys[task.name], key(against, len(self.log.users))) | (against[..., 0] == against[..., 1])
        return task.loss(ends[:, 0], ends[:, 1], drawn_vectors, torch.from_numpy(~related)).mean()

    def _vectors(self, chosen: NDArray[np.integer[Any]], items: Callable[[Tensor], Items]) -> Tensor:
        """User vectors `[n, width]` of the chosen windows `[n]`."""
        read = gather(self.log, self.recommender.encoded(self.log), self.windows, chosen)
        unique, places = torch.unique(read.history, return_inverse=True)
        return self.recommender.network.encode(read.with_history(places), items(unique).vectors).users[:, 0]

    def quality(self) -> dict[str, float]:
        """`task.auc` and `task.recall@10` of the relations held out; the catalogue's vectors must be fresh."""
        judged = {name: judge(self.recommender, task, self.relations[name]) for name, task in self.tasks.items()}
        return {f"{name}.{metric}": value for name, each in judged.items() for metric, value in each.metrics.items()}
