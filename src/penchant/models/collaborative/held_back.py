"""Learning to list what was held back: users whose history is partly hidden, asked to order some of the items.

The objective that DeepCF, DLCMF and MF-BPR share. A batch is some users. Of each, either any wanted items are hidden with a chance (as
denoising autoencoders do: Liang et al., Variational autoencoders for collaborative filtering, WWW 2018), or all from a drawn moment on, the
next of which are asked for. The network scores a drawn part of the catalogue from what is left, and the model's own loss compares what is
asked for with what was never wanted. As a uniform part is drawn, a softmax over it needs no correction. The users of a batch are
hidden from what is known of the items, too: nobody sees the answer.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from penchant.data.dataset import Dataset
from penchant.fitting.loop import Progress, train
from penchant.models.collaborative.interactions import interactions
from penchant.models.recommender import Recommender
from penchant.models.validation import list_quality
from penchant.schema.errors import DataError
from penchant.schema.sections.training import TrainingSettings

WATCHED = "ndcg@10"
Hidden = Literal["any", "later"]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Lists:
    """A batch's question.

    Attributes:
        histories: What is left of the users' histories `[users, items]`.
        owners: The users' rows `[users]`, for their portraits.
        items: Rows of the items to be ordered, ascending `[items asked]`.
        columns: Who of the other users had each of these, `[items asked, all users]`.
        hidden: Whether an item was hidden from the user and is asked for, bool `[users, items asked]`.
        wanted: Whether it is wanted, asked for or not, bool `[users, items asked]`.
    """

    histories: csr_array
    owners: NDArray[np.int64]
    items: NDArray[np.int64]
    columns: csr_array
    hidden: Tensor
    wanted: Tensor


class ListModel(Recommender):
    """A model that learns so: what the objective asks of it, and what such models share.

    Attributes:
        network_: The fitted network.
        progress_: How training went; absent on a model that was loaded.
    """

    network_: nn.Module
    progress_: Progress

    @abstractmethod
    def list_loss(self, lists: Lists, draw: np.random.Generator) -> Tensor:
        """The mean loss of a batch."""

    @abstractmethod
    def settle(self) -> None:
        """Make ready to answer with the network as it is."""

    def learn_lists(self, data: Dataset, how: "Learning") -> None:
        """Fit the fresh network and make ready to answer."""
        self.progress_ = train(HeldBack(self, data, how), how.training)
        self.settle()

    def weights(self) -> dict[str, NDArray[Any]]:
        """The network's weights, as part of a `state`."""
        return {f"network.{name}": tensor.numpy() for name, tensor in self.network_.state_dict().items()}

    def take_weights(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the `weights` in a `state` into a fresh network, and make ready to answer."""
        own = {name.removeprefix("network."): array for name, array in arrays.items() if name.startswith("network.")}
        self.network_.load_state_dict({name: torch.from_numpy(array) for name, array in own.items()})
        self.settle()


@dataclass(frozen=True)
class Hiding:
    """What is hidden from a history.

    Attributes:
        which: Any items, each with the chance `share`; or all `later` than a drawn moment, of which the next `share` of the user's
            events is asked for.
        share: Above 0 and below 1.
        recency: What an event weighs in a history, to the power of the events since; 1 = all alike.
    """

    which: Hidden
    share: float
    recency: float

    def of(self, place: NDArray[np.int64], count: NDArray[np.int64], random: np.random.Generator) -> tuple[NDArray[np.float32], Mask]:
        """The weight of each event in what is left, 0 where it is hidden, and whether it is asked for, each `[events]`.

        Args:
            place: Of each event among its user's, from 0 on.
            count: Events of its user; events of a user lie together.
            random: Where chance comes from.
        """
        if self.which == "any":
            asked = random.random(len(place)) < self.share
            age = count - 1 - place
            return np.where(asked, 0, self.recency**age).astype(np.float32), asked
        drawn = random.random(len(place))[np.arange(len(place)) - place]  # one number per user
        cut = np.floor(drawn * count)
        asked = (place >= cut) & (place < cut + np.ceil(self.share * count))
        return np.where(place < cut, self.recency ** np.maximum(cut - 1 - place, 0), 0).astype(np.float32), asked


@dataclass(frozen=True)
class Learning:
    """How lists are learnt.

    Attributes:
        training: The loop's settings; `negatives` are the items drawn per batch, all when there are no more.
        users: Users per batch.
        hiding: What is hidden from histories.
        judged: Most users of the validation part asked after each epoch.
    """

    training: TrainingSettings
    users: int
    hiding: Hiding
    judged: int


class HeldBack:
    """The objective.

    Args:
        model: With a fresh network.
        data: What is learnt from.
        how: Batches, hiding, judging.

    Raises:
        DataError: when no event is wanted.
    """

    def __init__(self, model: ListModel, data: Dataset, how: Learning) -> None:
        if not len(data.positives):
            raise DataError("the training part", must="at least one wanted event", came="none", do="Relax the task's positive_where.")
        self.model, self.network, self.how = model, model.network_, how
        self.user, self.item = (array[data.positives].astype(np.int64) for array in (data.log.user, data.log.item))
        self.offsets = np.searchsorted(self.user, np.arange(len(data.log.users) + 1))
        self.columns = csr_array(interactions(data).T)
        self.active, self.known = np.unique(self.user), np.unique(self.item)
        valid = model.valid_
        self.valid = None if valid is None or not len(valid.positives) else valid

    def weights(self) -> dict[str, float]:
        """One task."""
        return {"lists": 1.0}

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """Every user with a wanted event once, in batches of user rows."""
        order = np.random.default_rng((self.how.training.seed, number)).permutation(self.active)
        return np.split(order, np.arange(self.how.users, len(order), self.how.users))

    def losses(self, batch: NDArray[np.int64], step: int) -> dict[str, Tensor]:
        """The model's loss on the batch's lists."""
        random = np.random.default_rng((self.how.training.seed, 1, step))
        return {"lists": self.model.list_loss(self.lists(batch, random), random)}

    def lists(self, users: NDArray[np.int64], random: np.random.Generator) -> Lists:
        """What these users are asked; items that no training user had are never drawn, as nothing says they are not wanted."""
        counts = self.offsets[users + 1] - self.offsets[users]
        row = np.repeat(np.arange(len(users)), counts)
        place = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        item = self.item[self.offsets[users][row] + place]
        weight, asked = self.how.hiding.of(place, counts[row], random)
        left = weight > 0
        histories = csr_array((weight[left], (row[left], item[left])), shape=(len(users), self.columns.shape[0]))
        items = np.sort(random.choice(self.known, min(self.how.training.negatives, len(self.known)), replace=False))
        column = np.full(self.columns.shape[0], -1)
        column[items] = np.arange(len(items))
        drawn = column[item] >= 0
        wanted, hidden = (torch.zeros(len(users), len(items), dtype=torch.bool) for _ in range(2))
        wanted[row[drawn], column[item][drawn]] = True
        hidden[row[drawn & asked], column[item][drawn & asked]] = True
        others = np.ones(self.columns.shape[1], dtype=bool)
        others[users] = False
        columns = self.columns[items]
        return Lists(histories, users, items, kept(columns, others[columns.indices]), hidden, wanted)

    def validate(self) -> dict[str, float]:
        """NDCG@10 over all items on the validation part; empty without one."""
        if self.valid is None:
            return {}
        self.model.settle()
        return {WATCHED: list_quality(self.model, self.valid, self.how.judged)}


def kept(matrix: csr_array, which: Mask) -> csr_array:
    """The matrix with some of its entries, `which` `[entries]`."""
    ends = np.append(0, np.cumsum(which))[matrix.indptr]
    return csr_array((matrix.data[which], matrix.indices[which], ends), shape=matrix.shape)


def list_softmax(scores: Tensor, lists: Lists, user_scaling: float = 0.0) -> Tensor:
    """Cross-entropy of the hidden items among those hidden and those never wanted; users of whom none is asked count nothing.

    Args:
        scores: `[users, items asked]`.
        lists: Which of them were hidden, which wanted.
        user_scaling: A hidden item is divided by the number of its user's to this power, at most 1.
    """
    seen = lists.wanted & ~lists.hidden
    chance = torch.log_softmax(scores.float().masked_fill(seen, -torch.inf), dim=1)
    asked = lists.hidden.sum(dim=1).float()
    weight = asked.clamp(min=1) ** -user_scaling
    return -(chance.masked_fill(~lists.hidden, 0).sum(dim=1) @ weight) / (asked @ weight).clamp(min=1)
