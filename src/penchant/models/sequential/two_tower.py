"""Retrieval alone: one tower reads the user, one the item, and the product of what they make of them is the score.

The towers are the flagship's (`models.network`): items are content and id; the user is profile, history, context and scenario. Learnt by
softmax over items wanted by others in the batch, corrected for how often each is met there (Yi et al., Sampling-bias-corrected neural
modeling for large corpus item recommendations, RecSys 2019), mixed with items drawn from the catalogue (Yang et al., Mixed negative
sampling for learning two-tower neural networks in recommendations, WWW 2020).
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from penchant.data.dataset import Dataset
from penchant.data.windows import windows_of
from penchant.features.feature_set import Encoded, FeatureSet
from penchant.fitting.loop import Progress, train
from penchant.models.batch import gather
from penchant.models.collaborative.similarity import cosines
from penchant.models.network import Items, Network
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.packs import mixed_packs
from penchant.models.queries import Queries
from penchant.models.sequential.sasrec import sampled_softmax
from penchant.models.validation import list_quality
from penchant.models.vector_recommender import VectorRecommender
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.features import FeaturePart
from penchant.schema.sections.part import Part
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.sections.training import TrainingSettings
from penchant.schema.space import Range

WATCHED = "ndcg@10"
FACTS = "features.json"

Rows = NDArray[np.int64]
Arrays = Mapping[str, NDArray[Any]]


class TwoTower(VectorRecommender):
    """A user's vector times an item's, both read by a network from the recipe's features.

    The recipe's `[network]` says how items and circumstances are read, its `[history]` which past events and how many. New users are
    served by profile, history or both, nobody by the circumstances; items without events by their content.

    Args:
        width: Numbers per vector.
        layers, heads: Of the transformer over the history; 0 layers = a weighted mean of its events.
        dropout: Share of units left out in training.
        ids: Whether each item of the training part has a vector of its own beside its content, also where no feature says so.
        in_batch: Whether the items that others in the batch want are negatives.
        negatives: Items drawn per batch, alike for all its events; the whole catalogue, exactly, when it has no more.
        exponent: Of the count that an item is drawn in proportion to: 0 is uniform, 1 as often as in the log.
        temperature: Scores are cosines divided by this; plain products when None.
        epochs: Most passes over the training events; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        patience: Epochs without a better NDCG@10 on the validation part before stopping.
        batch_events: Events per batch.
        learning_rate, weight_decay: Of AdamW.
        precision: Of matrix products in training; bfloat16 is faster where the processor has it.
        judged: Most users of the validation part asked after each epoch.
        seed: Of all random choices.

    Attributes:
        towers_: The flagship's network with retrieval alone, fitted.
        progress_: How training went; absent on a model that was loaded.
    """

    kind: ClassVar[str] = "two_tower"
    space: ClassVar[Mapping[str, Range]] = {
        "learning_rate": Range(low=5e-4, high=8e-3, log=True),
        "dropout": Range(low=0.0, high=0.4),
        "width": Range(choices=(32, 64, 128)),
        "layers": Range(choices=(0, 1, 2)),
    }
    towers_: NetworkRecommender
    progress_: Progress

    def __init__(
        self,
        width: Annotated[int, Field(ge=8)] = 64,
        layers: Annotated[int, Field(ge=0, le=24)] = 1,
        heads: Annotated[int, Field(ge=1)] = 2,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
        ids: bool = True,
        in_batch: bool = True,
        negatives: Annotated[int, Field(ge=0)] = 1024,
        exponent: Annotated[float, Field(ge=0, le=1)] = 0.5,
        temperature: Annotated[float, Field(gt=0)] | None = None,
        epochs: Annotated[int, Field(ge=1)] = 20,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        patience: Annotated[int, Field(ge=1)] = 3,
        batch_events: Annotated[int, Field(ge=16)] = 4096,
        learning_rate: Annotated[float, Field(gt=0)] = 0.002,
        weight_decay: Annotated[float, Field(ge=0)] = 1e-4,
        precision: Literal["float32", "bfloat16"] = "float32",
        judged: Annotated[int, Field(ge=1)] = 1000,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.width, self.layers, self.heads, self.dropout, self.ids = width, layers, heads, dropout, ids
        self.in_batch, self.negatives, self.exponent, self.temperature = in_batch, negatives, exponent, temperature
        self.epochs, self.seconds, self.patience, self.batch_events = epochs, seconds, patience, batch_events
        self.learning_rate, self.weight_decay, self.precision, self.judged, self.seed = learning_rate, weight_decay, precision, judged, seed

    def _learn(self, data: Dataset) -> None:
        if not self.in_batch and not self.negatives:
            do = "Set in_batch = true, or negatives to 1 or more."
            raise RecipeError("model 'two_tower', key 'negatives'", must="at least 1 without in_batch", came="0", do=do)
        self._raise()
        self.towers_.features.fit(Dataset(self.towers_.recipe, data.log, data.rows))
        torch.manual_seed(self.seed)
        self.towers_.build()
        self._start_items(data)
        training = TrainingSettings.of(self, negatives=max(1, self.negatives))  # it may draw none
        self.progress_ = train(WantedAmongOthers(self, data), training)
        self.settle()

    def _start_items(self, data: Dataset) -> None:
        """Ids begin with what is wanted together."""
        item, log, rows = self.towers_.network.item, data.log, data.positives
        if item.sessions and len(rows):
            user = log.user[rows].astype(np.int64)
            stretch = (np.arange(len(rows)) - np.searchsorted(user, user)) // item.sessions
            item.start(user * len(rows) + stretch, log.item[rows], self.towers_.encoded(log).item)

    def _raise(self) -> None:
        """Towers without weights, for this model's recipe and log."""
        self.towers_ = NetworkRecommender(self._recipe(self.recipe_))
        self.towers_.log_, self.towers_.recipe_ = self.log_, self.towers_.recipe

    def _recipe(self, given: Recipe) -> Recipe:
        """The recipe with retrieval as its only task."""
        name = given.retrieval_task or "next"
        task = given.tasks.get(name, TaskPart(kind="next_item"))
        parts = {"width": self.width, "dropout": self.dropout, "repeats": Part(kind="none")}
        history = Part(kind="transformer", **given.network.history.settings | {"layers": self.layers, "heads": self.heads})
        ids = {"item_id": FeaturePart(kind="category")} if self.ids else {}
        features = given.features.model_copy(update={"item": ids | given.features.item, "candidate": {}})
        network = given.network.model_copy(update=parts | {"history": history})
        return given.model_copy(update={"tasks": {name: task}, "features": features, "network": network})

    @property
    def features(self) -> FeatureSet:
        """The recipe's features, fitted."""
        return self.towers_.features

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """What the item tower makes of the catalogue, `[items, width]`; of items that move, all they are moved from."""
        return self.vectors_

    def settle(self) -> None:
        """Work out the catalogue's vectors anew."""
        self.towers_.refresh()
        self._take_vectors()

    def _take_vectors(self) -> None:
        self.vectors_: NDArray[np.float32] = self.ready(self.towers_.item_index).numpy()

    def ready(self, vectors: Tensor) -> Tensor:
        """Vectors `[n, width]` of users or items such that their products are scores."""
        return vectors if self.temperature is None else F.normalize(vectors, dim=-1) * self.temperature**-0.5

    @torch.inference_mode()
    def query_vectors(self, queries: Queries) -> NDArray[np.float32]:
        """What the user tower makes of each query, `[queries, width]`."""
        users = self.towers_.network.query(self.towers_.encode(self.towers_.batch_of(queries)))[:, 0]
        result: NDArray[np.float32] = self.ready(users).float().numpy()
        return result

    def item_similarities(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Cosines of some items' usual vectors with all items', `[rows, items]`; 0 for a vector without length."""
        return cosines(self.ready(self.towers_.usual_item_vectors).numpy(), rows)

    def state(self) -> dict[str, NDArray[Any]]:
        """Weights, features, profiles as features, and the items' vectors."""
        towers = self.towers_
        facts, arrays = towers.features.state()
        state: dict[str, NDArray[Any]] = {FACTS: np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)}
        state |= {f"features/{name}": array for name, array in arrays.items()}
        state |= {f"network/{name}": tensor.numpy() for name, tensor in towers.network.state_dict().items()}
        state |= {f"profiles/{name}": array for name, array in towers.encoded(self.log_).user.items()}
        index = {} if towers.known.index is None else {"index": towers.known.index.numpy()}
        return state | {"vectors": towers.item_vectors.numpy()} | index

    def restore(self, arrays: Arrays) -> None:
        """Take a `state`."""
        self._raise()
        towers = self.towers_
        towers.features.restore(json.loads(arrays[FACTS].tobytes()), _under("features/", arrays))
        towers.keep(self.log_, Encoded(user=_under("profiles/", arrays), **towers.features.encode_events(self.log_)))
        weights = {name: torch.from_numpy(array) for name, array in _under("network/", arrays).items()}
        towers.build().load_state_dict(weights)
        index = torch.from_numpy(arrays["index"]) if "index" in arrays else None
        towers.known = Items(torch.from_numpy(arrays["vectors"]), None, index)
        self._take_vectors()


def _under(prefix: str, arrays: Arrays) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


class WantedAmongOthers:
    """Every wanted event of the training part is told from its past, among the batch's other items and drawn ones.

    Args:
        model: With fresh towers, fitted features and the validation part.
        data: What is learnt from.

    Raises:
        DataError: when no event is wanted.
    """

    def __init__(self, model: TwoTower, data: Dataset) -> None:
        if not len(data.positives):
            raise DataError("the training part", must="at least one wanted event", came="none", do="Relax the task's positive_where.")
        self.model, self.towers, self.log, rows = model, model.towers_, data.log, data.positives
        valid = model.valid_
        self.valid = None if valid is None or not len(valid.positives) else valid
        self.encoded = self.towers.encoded(self.log)
        self.items = {name: torch.from_numpy(array) for name, array in self.encoded.item.items()}
        counts = np.bincount(self.log.item[rows], minlength=len(self.log.items))
        self.share = counts / counts.sum()
        weight = np.where(counts, counts.astype(np.float64) ** model.exponent, 0)
        self.chance = weight / weight.sum()
        self.windows = windows_of(self.log, rows, self.towers.recipe.history.length)

    @property
    def network(self) -> Network:
        """Both towers."""
        return self.towers.network

    def weights(self) -> dict[str, float]:
        """One task."""
        return {"next": 1.0}

    def epoch(self, number: int) -> list[Rows]:
        """Batches as window numbers, of like length each, every window once."""
        sizes = np.maximum(self.windows.length + 1, self.windows.targets)
        return mixed_packs(sizes, self.model.batch_events, np.random.default_rng((self.model.seed, number)))

    def losses(self, batch: Rows, step: int) -> dict[str, Tensor]:
        """The mean loss over the batch's wanted events."""
        read = gather(self.log, self.encoded, self.windows, batch)
        owner = read.present.nonzero()[:, 0]
        wanted = torch.from_numpy(self.log.item[read.rows].astype(np.int64))[read.present]
        others, expected, alone = self.others(wanted.numpy(), np.random.default_rng((self.model.seed, 1, step)))
        asked = torch.cat([read.history.flatten(), wanted, others])
        unique, places = torch.unique(asked, return_inverse=True)
        history, own, other = places.split([read.history.numel(), len(wanted), len(others)])
        items = self.network.items({name: array[unique] for name, array in self.items.items()})
        encoding = self.network.encode(read.with_history(history.view_as(read.history)), items.vectors)
        users, ready = self.model.ready(self.network.query(encoding)[read.present]), self.model.ready(items.searched)
        scores = (users @ ready[other].T).float() - corrections(owner, wanted, others, expected, alone)
        own_scores = (users * ready[own]).sum(-1).float()
        return {"next": sampled_softmax(own_scores, F.pad(scores, (0, 1)), 1.0)}  # a last column for the wanted item's own score

    def others(self, wanted: Rows, random: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Items a wanted one is told from.

        Args:
            wanted: Item rows of the batch's wanted events `[m]`.
            random: Where chance comes from.

        Returns:
            Different item rows `[n]`, ascending; the log of how often each is expected among those of the batch and the drawn ones, less
            the log of how often it is there; and the same of the drawn ones alone, infinite for an item not drawn.
        """
        known, drawn = np.flatnonzero(self.share), self.model.negatives
        if drawn >= len(known):
            return torch.from_numpy(known), torch.zeros(len(known)), torch.zeros(len(known))
        met = wanted if self.model.in_batch else wanted[:0]
        sample = random.choice(known, drawn, p=self.chance[known])
        rows, times = np.unique(np.concatenate([met, sample]), return_counts=True)
        drawn_times = np.bincount(sample, minlength=len(self.share))[rows]
        by_draw = drawn * self.chance[rows]
        expected = np.log(len(met) * self.share[rows] + by_draw) - np.log(times)
        alone = np.full(len(rows), np.inf)
        alone[drawn_times > 0] = np.log(by_draw[drawn_times > 0] / drawn_times[drawn_times > 0])
        return torch.from_numpy(rows), torch.from_numpy(expected.astype(np.float32)), torch.from_numpy(alone.astype(np.float32))

    def validate(self) -> dict[str, float]:
        """NDCG@10 over all items on the validation part; empty without one."""
        if self.valid is None:
            return {}
        self.model.settle()
        return {WATCHED: list_quality(self.model, self.valid, self.model.judged)}


def corrections(owner: Tensor, wanted: Tensor, others: Tensor, expected: Tensor, alone: Tensor) -> Tensor:
    """What is taken off each other item's score for each wanted one, `[m, n]`; infinite where it must not count.

    It must not against itself. What its own user wants in the batch counts only as far as it was drawn: a batch has few users with many
    events each, and one's own wishes are met there far oftener than their share says.

    Args:
        owner: The window of each wanted item `[m]`, ascending.
        wanted, others: Item rows `[m]`, `[n]`, the latter ascending.
        expected, alone: Corrections of the batch's and the drawn items together, and of the drawn ones alone, `[n]`.
    """
    place = torch.searchsorted(others, wanted).clamp(max=len(others) - 1)
    hit = (others[place] == wanted).nonzero()[:, 0]
    by_window = expected.repeat(int(owner.max()) + 1, 1)
    by_window[owner[hit], place[hit]] = alone[place[hit]]
    found = by_window[owner]
    found[hit, place[hit]] = torch.inf
    return found
