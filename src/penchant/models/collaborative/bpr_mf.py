"""Users and items as free vectors that put what was wanted before what was not.

Rendle et al., BPR: Bayesian personalized ranking from implicit feedback (UAI 2009).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from penchant.data.dataset import Dataset
from penchant.models.blocks.embedding import SCALE
from penchant.models.collaborative.held_back import Hiding, Learning, ListModel, Lists
from penchant.models.collaborative.interactions import had, interactions
from penchant.models.collaborative.mf_bpr import pairwise
from penchant.models.collaborative.towers import scaled_rows
from penchant.models.queries import Queries
from penchant.schema.sections.training import TrainingSettings
from penchant.schema.space import Range

PRICE = 1.0  # of the map from histories to vectors


class BPRMF(ListModel):
    """`p q + item bias`.

    A user with wanted events in training has a vector of its own. Of anybody else it is told by the history: the map from the mean of
    the items' vectors to the user's, learnt by ridge regression on training's users. Without a history the biases alone order; an item
    without events has neither vector nor bias.

    Args:
        width: Numbers per vector.
        share: Of a user's items, asked for in one epoch.
        negatives: Items drawn per batch, among which are the wanted and the unwanted ones.
        draws: The unwanted item of a pair is the one scored highest of so many; 1 = as published.
        batch_users: Users per batch.
        epochs: Most passes over the users; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        patience: Epochs without a better NDCG@10 on the validation part before stopping.
        learning_rate, weight_decay: Of AdamW.
        judged: Most users of the validation part asked after each epoch.
        seed: Of all random choices.
    """

    kind: ClassVar[str] = "bpr_mf"
    space: ClassVar[Mapping[str, Range]] = {
        "width": Range(low=16, high=128, log=True),
        "draws": Range(choices=(1, 4, 16)),
        "weight_decay": Range(low=0.001, high=1.0, log=True),
    }
    network_: "FreeVectors"

    def __init__(
        self,
        width: Annotated[int, Field(ge=1)] = 64,
        share: Annotated[float, Field(gt=0, lt=1)] = 0.5,
        negatives: Annotated[int, Field(ge=2)] = 1024,
        draws: Annotated[int, Field(ge=1)] = 4,
        batch_users: Annotated[int, Field(ge=1)] = 256,
        epochs: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        patience: Annotated[int, Field(ge=1)] = 5,
        learning_rate: Annotated[float, Field(gt=0)] = 0.01,
        weight_decay: Annotated[float, Field(ge=0)] = 0.1,
        judged: Annotated[int, Field(ge=1)] = 2000,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.width, self.share, self.negatives, self.draws, self.batch_users = width, share, negatives, draws, batch_users
        self.epochs, self.seconds, self.patience = epochs, seconds, patience
        self.learning_rate, self.weight_decay, self.judged, self.seed = learning_rate, weight_decay, judged, seed

    def _learn(self, data: Dataset) -> None:
        matrix = interactions(data)
        self.known_ = np.diff(matrix.indptr) > 0
        self.map_ = np.zeros((self.width, self.width), dtype=np.float32)
        torch.manual_seed(self.seed)
        self.network_ = FreeVectors(matrix.shape[0], matrix.shape[1], self.width, torch.from_numpy(matrix.sum(axis=0) > 0))
        self.learn_lists(data, Learning(TrainingSettings.of(self), self.batch_users, Hiding("any", self.share, 1.0), self.judged))
        self.map_ = fitted_map(scaled_rows(matrix) @ self.items_, self.users_)

    def list_loss(self, lists: Lists, draw: np.random.Generator) -> Tensor:
        """The mean of -log sigmoid of how much higher an item asked for is scored than an unwanted one."""
        return pairwise(self.network_(torch.from_numpy(lists.owners), torch.from_numpy(lists.items)), lists, self.draws, draw)

    def settle(self) -> None:
        """Take the vectors out of the network."""
        network = self.network_.eval()
        self.users_ = network.users.weight.detach().numpy()
        self.items_, self.biases_ = ((each * network.warm).detach().numpy().T for each in (network.items.weight.T, network.biases))

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Products of users' vectors with the items', and the items' biases, `[queries, items]`."""
        vectors = (scaled_rows(had(queries)) @ self.items_) @ self.map_
        own = (queries.user >= 0) & self.known_[queries.user]
        vectors[own] = self.users_[queries.user[own]]
        result: NDArray[np.float32] = vectors @ self.items_.T + self.biases_
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The network's weights, whose vector was learnt, and the map for everybody else."""
        return {**self.weights(), "known": self.known_, "map": self.map_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.known_, self.map_ = arrays["known"], arrays["map"]
        self.network_ = FreeVectors(len(self.known_), len(self.items), self.width, torch.zeros(len(self.items), dtype=torch.bool))
        self.take_weights(arrays)


class FreeVectors(nn.Module):
    """A vector of each user and item, and a bias of each item.

    Args:
        users, items: How many.
        width: Numbers per vector.
        warm: Which items have events `[items]`.
    """

    warm: Tensor

    def __init__(self, users: int, items: int, width: int, warm: Tensor) -> None:
        super().__init__()
        self.users, self.items, self.biases = nn.Embedding(users, width), nn.Embedding(items, width), nn.Parameter(torch.zeros(items))
        for table in (self.users, self.items):
            nn.init.normal_(table.weight, std=SCALE)
        self.register_buffer("warm", warm)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Scores of all pairs `[users, items]`."""
        scores: Tensor = self.users(users) @ self.items(items).T + self.biases[items]
        return scores


def fitted_map(told: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The ridge regression of vectors `[n, width]` on what is told `[n, width]`; rows that tell nothing do not count."""
    counted = np.any(told, axis=1)
    left, right = told[counted].astype(np.float64), vectors[counted].astype(np.float64)
    return np.linalg.solve(left.T @ left + PRICE * np.eye(left.shape[1]), left.T @ right).astype(np.float32)
