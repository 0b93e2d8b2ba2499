"""Learning to list what was held back: users whose history is partly hidden, asked to order some of the items.

The objective that DeepCF, DLCMF and MF-BPR share. A batch is some users. Each of their wanted items is hidden from their history with a
chance; the network scores a drawn part of the catalogue from what is left, and the model's own loss compares what was hidden with what was
never wanted (as denoising autoencoders do: Liang et al., Variational autoencoders for collaborative filtering, WWW 2018). As a uniform part
is drawn, a softmax over it needs no correction. The users of a batch are hidden from what is known of the items, too: nobody sees the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import interactions
from penchant.models.recommender import Recommender
from penchant.models.validation import list_quality
from penchant.schema.errors import DataError
from penchant.schema.recipe import TrainingSettings

WATCHED = "ndcg@10"


@dataclass(frozen=True)
class Lists:
    """A batch's question.

    Attributes:
        histories: What is left of the users' histories `[users, items]`.
        owners: The users' rows `[users]`, for their portraits.
        items: Rows of the items to be ordered, ascending `[items asked]`.
        columns: Who of the other users had each of these, `[items asked, all users]`.
        hidden: Whether an item was hidden from the user, bool `[users, items asked]`.
        wanted: Whether it is wanted, hidden or not, bool `[users, items asked]`.
    """

    histories: csr_array
    owners: NDArray[np.int64]
    items: NDArray[np.int64]
    columns: csr_array
    hidden: Tensor
    wanted: Tensor


class ListModel(Protocol):
    """What the objective asks of a model that is being fitted."""

    @property
    def network_(self) -> nn.Module:
        """The network whose weights are fitted."""

    @property
    def valid_(self) -> Dataset | None:
        """What early stopping looks at."""

    def list_loss(self, lists: Lists, draw: np.random.Generator) -> Tensor:
        """The mean loss of a batch."""


class HeldBack:
    """The objective.

    Args:
        model: With a fresh network.
        data: What is learnt from.
        settings: Its `negatives` are the items drawn per batch; all when there are no more.
        users: Users per batch.
        hide: Chance that a wanted item is hidden from its user's history.
        judged: Most users of the validation part asked after each epoch.
        before_judging: Called before the model is asked.

    Raises:
        DataError: when no event is wanted.
    """

    def __init__(
        self,
        model: Recommender,
        data: Dataset,
        settings: TrainingSettings,
        users: int,
        hide: float,
        judged: int,
        before_judging: Callable[[], None],
    ) -> None:
        if not len(data.positives):
            raise DataError("the training part", must="at least one wanted event", came="none", do="Relax the task's positive_where.")
        self.model, self.settings, self.size, self.hide, self.judged = model, settings, users, hide, judged
        self.network: nn.Module = model.network_  # type: ignore[attr-defined]  # what `ListModel` promises
        self.matrix = interactions(data)
        self.transposed = csr_array(self.matrix.T)
        self.active = np.flatnonzero(np.diff(self.matrix.indptr) > 0)
        self.known = np.flatnonzero(np.diff(self.transposed.indptr) > 0)
        valid = model.valid_
        self.valid = None if valid is None or not len(valid.positives) else valid
        self.before_judging = before_judging

    def weights(self) -> dict[str, float]:
        """One task."""
        return {"lists": 1.0}

    def epoch(self, number: int) -> list[NDArray[np.int64]]:
        """Every user with a wanted event once, in batches of user rows."""
        order = np.random.default_rng((self.settings.seed, number)).permutation(self.active)
        return np.split(order, np.arange(self.size, len(order), self.size))

    def losses(self, batch: NDArray[np.int64], step: int) -> dict[str, Tensor]:
        """The model's loss on the batch's lists."""
        random = np.random.default_rng((self.settings.seed, 1, step))
        return {"lists": self.model.list_loss(self.lists(batch, random), random)}  # type: ignore[attr-defined]

    def lists(self, users: NDArray[np.int64], random: np.random.Generator) -> Lists:
        """What these users are asked; items that no training user had are never drawn, as nothing says they are not wanted."""
        own = self.matrix[users]
        hidden = random.random(own.nnz) < self.hide
        count = min(self.settings.negatives, len(self.known))
        items = np.sort(random.choice(self.known, count, replace=False))
        place = np.full(own.shape[1], -1)
        place[items] = np.arange(count)
        row, column = np.repeat(np.arange(len(users)), np.diff(own.indptr)), place[own.indices]
        wanted, missed = torch.zeros(len(users), count, dtype=torch.bool), torch.zeros(len(users), count, dtype=torch.bool)
        wanted[row[column >= 0], column[column >= 0]] = True
        asked = hidden & (column >= 0)
        missed[row[asked], column[asked]] = True
        others = np.ones(self.matrix.shape[0], dtype=bool)
        others[users] = False
        columns = self.transposed[items]
        return Lists(_kept(own, ~hidden), users, items, _kept(columns, others[columns.indices]), missed, wanted)

    def validate(self) -> dict[str, float]:
        """NDCG@10 over all items on the validation part; empty without one."""
        if self.valid is None:
            return {}
        self.before_judging()
        return {WATCHED: list_quality(self.model, self.valid, self.judged)}


def _kept(matrix: csr_array, kept: NDArray[np.bool_]) -> csr_array:
    """The matrix with some of its entries."""
    ends = np.append(0, np.cumsum(kept))[matrix.indptr]
    return csr_array((matrix.data[kept], matrix.indices[kept], ends), shape=matrix.shape)


def list_softmax(scores: Tensor, lists: Lists) -> Tensor:
    """Cross-entropy of the hidden items among those hidden and those never wanted; users of whom none is asked count nothing.

    Args:
        scores: `[users, items asked]`.
        lists: Which of them were hidden, which wanted.
    """
    seen = lists.wanted & ~lists.hidden
    chance = torch.log_softmax(scores.float().masked_fill(seen, -torch.inf), dim=1)
    return -(chance.masked_fill(~lists.hidden, 0).sum() / lists.hidden.sum().clamp(min=1))
