"""The flagship's objective: windows of histories, all tasks at once."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.models.batch import Batch, gather
from penchant.models.network import Encoding, Items
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.packs import mixed_packs
from penchant.models.validation import list_quality
from penchant.schema.errors import DataError
from penchant.schema.sections.training import TrainingSettings
from penchant.tasks.steps import through_steps
from penchant.tasks.task import labelled
from penchant.training.drawn_pairs import DrawnPairs
from penchant.training.related_users import RelatedUsers

ENOUGH = 4_000_000  # events that tell what is used together; of more, every so manieth session is read


class NetworkObjective:
    """Every event of the training part is predicted from its past: the item by retrieval, its labels by ranking.

    Args:
        recommender: With fitted features and a fresh network.
        train: What is learnt from.
        valid: What early stopping looks at; None = no validation.
        settings: Batch size, negatives, seed.
    """

    def __init__(self, recommender: NetworkRecommender, train: Dataset, valid: Dataset | None, settings: TrainingSettings) -> None:
        self.recommender, self.network, self.settings = recommender, recommender.network, settings
        self.data, self.valid = train, valid
        self.encoded = recommender.encoded(train.log)
        self.items = {name: torch.from_numpy(array) for name, array in self.encoded.item.items()}
        everything = train.part(np.arange(len(train.log)))
        self.labels = {name: task.labels(everything, name) for name, task in self.network.ranking_tasks.items()}
        self.known = {name: labelled(labels) for name, labels in self.labels.items()}
        self.tasks = recommender.recipe.tasks
        for name, task in self.network.ranking_tasks.items():
            task.fit(self.labels[name][train.rows[self._given(name)[train.rows]]])
            if self.tasks[name].funnel == "masked":
                self.known[name] = self._given(name)
        drawn = np.random.default_rng((settings.seed, 2)).random(len(train.log), dtype=np.float32)
        self.known = {name: known & (drawn < self.tasks[name].share) for name, known in self.known.items()}
        self.judged = np.logical_or.reduce([*self.known.values(), np.zeros(len(train.log), dtype=bool)])
        self.wanted = np.zeros(len(train.log), dtype=bool)
        if self.network.retrieval is not None:
            if not len(train.positives):
                name = self.network.retrieval.name
                raise DataError(
                    f"task '{name}', positive_where", must="true for some training events", came="none", do="Relax the condition."
                )
            self.wanted[train.positives] = True
            self.network.retrieval.fit(np.bincount(train.log.item[train.positives], minlength=len(train.log.items)))
        self.pairs = DrawnPairs(recommender, train, self.labels)
        self.relations = RelatedUsers(recommender, train)
        self._start_items()
        self.horizon = self.network.retrieval.settings.horizon if self.network.retrieval else 1
        self.windows = recommender.windows(train.log, self._useful_rows())
        self.sizes = np.maximum(self.windows.length + 1, self.windows.targets)
        self._shared: list[Tensor | None] = []

    def _given(self, name: str) -> NDArray[np.bool_]:
        """The events with a label of the task, and with the step before it where it has one, `[events]`."""
        before = self.tasks[name].after
        return self.known[name] if before is None else self.known[name] & (self.labels[before] == 1)

    def _start_items(self) -> None:
        sessions = self.network.item.sessions
        if sessions:
            rows = self.data.positives
            user = self.data.log.user[rows]
            session = (np.arange(len(rows)) - np.searchsorted(user, user)) // sessions
            read = (user + session) % -(-len(rows) // ENOUGH) == 0
            self.network.item.start(
                user[read].astype(np.int64) * len(rows) + session[read], self.data.log.item[rows[read]], self.encoded.item
            )

    def _useful_rows(self) -> NDArray[np.int64]:
        """Training rows that at least one task learns from."""
        rows = self.data.rows
        useful: NDArray[np.int64] = rows[self.wanted[rows] | self.judged[rows]]
        return useful

    def weights(self) -> dict[str, float]:
        """The recipe's weight of each task."""
        return {name: task.weight for name, task in self.recommender.recipe.tasks.items()}

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """Batches as window numbers `[windows]`, of like length each, every window once; the same for the same seed and number."""
        return mixed_packs(self.sizes, self.settings.batch_events, np.random.default_rng((self.settings.seed, number)))

    def losses(self, batch: NDArray[np.int64], step: int) -> dict[str, Tensor]:
        """Each task's mean loss over the batch's targets; a task without a label or wanted event in it is absent."""
        random = np.random.default_rng((self.settings.seed, 1, step))
        read = gather(self.data.log, self.encoded, self.windows, batch)
        retrieval = self.network.retrieval
        wanted = self.wanted[read.rows] & read.present.numpy()
        following = self._following(read.rows[wanted])
        drawn, expected = (
            retrieval.draw(random, self.settings.negatives) if retrieval else (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32))
        )
        targets = torch.from_numpy(self.data.log.item[read.rows].astype(np.int64))
        against = self.pairs.draw(random, read)
        past = read.history if self.network.history.reads else read.history[:, :0]
        asked = [past, targets, torch.from_numpy(following).clamp(min=0), torch.from_numpy(drawn), *against.values()]
        unique, places = torch.unique(torch.cat([rows.flatten() for rows in asked]), return_inverse=True)
        in_history, in_targets, in_following, in_drawn, *in_against = (
            part.view_as(rows) for part, rows in zip(places.split([rows.numel() for rows in asked]), asked, strict=True)
        )
        items = self._items(unique)
        encoding = self.network.encode(read.with_history(in_history), items.vectors)
        self._shared = [items.vectors, items.fields, encoding.users, encoding.history, encoding.context, encoding.fields]
        own, judged = items.at(in_targets.unsqueeze(2)), read.present & torch.from_numpy(self.judged[read.rows])
        outputs = self.network.rank(encoding, own, read.standing, judged) if self.network.tasks else {}
        losses = self._ranking_losses(outputs, read)
        for (name, rows), places in zip(against.items(), in_against, strict=True):
            other = self.network.rank(encoding, items.at(places), self.pairs.standing(read, rows), judged)[name]
            ours, other = (each.reshape(-1, read.size, *each.shape[1:]).mean(0) for each in (outputs[name], other))
            losses |= self.pairs.loss(name, ours[..., 0], other, read, rows)
        if retrieval is not None and wanted.any():
            asks = torch.from_numpy(wanted)
            loss = retrieval.loss(
                self.network.query(encoding)[asks],
                items.searched[in_following],
                torch.from_numpy(following),
                items.searched[in_drawn],
                torch.from_numpy(drawn),
                torch.from_numpy(expected),
                self._added(encoding, asks, items.searched, in_following, in_drawn),
            )
            losses[retrieval.name] = loss.mean()
        return losses | self.relations.losses(random, self._items) | self.network.costs(encoding, read.present)

    def _items(self, rows: Tensor) -> Items:
        """Items by their rows `[n]`."""
        return self.network.items({name: array[rows] for name, array in self.items.items()})

    def _added(self, encoding: Encoding, asks: Tensor, items: Tensor, following: Tensor, drawn: Tensor) -> Tensor | None:
        """What is added to the products of those who ask with the wanted and the drawn items `[m, h + n]`; None for nothing."""
        everywhere = self.network.beside(encoding, asks, items)
        return None if everywhere is None else torch.cat([everywhere.gather(1, following), everywhere[:, drawn]], dim=1)

    def _following(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The items of the wanted events from each of these on, `[rows, horizon]`; -1 after the user's last one in this part."""
        positives, log = self.data.positives, self.data.log
        place = np.searchsorted(positives, rows)[:, None] + np.arange(self.horizon)
        events = positives[np.minimum(place, len(positives) - 1)]
        same = (place < len(positives)) & (log.user[events] == log.user[rows][:, None])
        return np.where(same, log.item[events], -1).astype(np.int64)

    def _ranking_losses(self, outputs: Mapping[str, Tensor], read: Batch) -> dict[str, Tensor]:
        """The losses of raw outputs of the targets' own items `{task: [members * batch, targets, 1]}`."""
        losses, whole = {}, through_steps(outputs, self.tasks)
        for name, task in self.network.ranking_tasks.items():
            output = (outputs if self.tasks[name].funnel == "masked" else whole)[name][..., 0]
            known = read.present & torch.from_numpy(self.known[name][read.rows])
            label, members = torch.from_numpy(self.labels[name][read.rows]), len(output) // read.size
            loss = task.mean_loss(output, torch.cat([label] * members), torch.cat([known] * members))
            if loss is not None:
                losses[name] = loss
        return losses

    def shared(self) -> list[Tensor]:
        """What the encoders handed to the tasks of the last batch: items, users, histories, contexts."""
        return [tensor for tensor in self._shared if tensor is not None and tensor.requires_grad]

    def notes(self) -> dict[str, float]:
        """How much each task took from each expert of late, as `use.task.expert`; nothing where there are none to choose from."""
        usage = getattr(getattr(self.network, "experts", None), "usage", None)
        found = None if usage is None else usage()
        rows = {} if found is None else dict(zip(self.network.tasks, found.tolist(), strict=True))
        return {f"use.{name}.{place}": part for name, row in rows.items() for place, part in enumerate(row, 1)}

    def validate(self) -> dict[str, float]:
        """`next.ndcg@10` over all items and the ranking tasks' metrics on the validation part; empty without one."""
        if self.valid is None or not len(self.valid):
            return {}
        self.recommender.refresh()
        metrics = _retrieval_metrics(self.recommender, self.valid)
        predictions = self.recommender.predict(self.valid) if self.network.tasks else {}
        for name, task in self.network.ranking_tasks.items():
            label = task.labels(self.valid, name)
            known = labelled(label)
            if known.any():
                values = task.metrics(label[known], predictions[name][known], self.valid.log.user[self.valid.rows][known])
                metrics |= {f"{name}.{metric}": value for metric, value in values.items()}
        return metrics | self.relations.quality()


def _retrieval_metrics(recommender: NetworkRecommender, valid: Dataset) -> dict[str, float]:
    """NDCG@10 over all items, one query per user at the part's beginning."""
    retrieval = recommender.network.retrieval
    return {} if retrieval is None or not len(valid.positives) else {f"{retrieval.name}.ndcg@10": list_quality(recommender, valid)}
