"""Ratings of an item, encoded and rebuilt from the code: an autoencoder.

Sedhain et al., AutoRec: autoencoders meet collaborative filtering (WWW 2015), its item-based form. Ratings are hidden from the encoder by
chance, as denoising autoencoders do (Vincent et al., ICML 2008).
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor, nn

from penchant.data.dataset import Dataset
from penchant.fitting.loop import Progress, train
from penchant.models.blocks.embedding import SCALE
from penchant.models.collaborative.rating_model import RatingModel
from penchant.models.collaborative.towers import SparseLinear
from penchant.models.queries import Queries
from penchant.schema.sections.training import TrainingSettings
from penchant.schema.space import Range

DAMPING = 5.0  # ratings of no deviation that every bias begins with
BIAS_ROUNDS = 5

Dense = NDArray[np.float64]


class RatingAutoencoder(RatingModel):
    """`mean + user bias + item bias + readout . code of the item`.

    The code is a hidden layer over what users thought of the item, biases taken off. In training every user has a readout of the codes,
    which rebuilds the user's ratings. An answer solves for the readout anew, by ridge regression of the history at hand on the codes of
    its items: training knows no user whom it could not know by then. Without a history the biases alone speak, and so they do of an
    item without ratings.

    Args:
        hidden: Numbers in a code.
        hide: Chance of a rating to be hidden from the encoder.
        price: Of a training readout's squared length, per rating.
        regularisation: Of the ridge regression.
        batch_items: Items per step.
        epochs: Passes over the items; the learning rate falls over so many.
        seconds: Stop after so long, whatever the epoch.
        learning_rate: Of AdamW.
        seed: Of all random choices.
    """

    kind: ClassVar[str] = "rating_autoencoder"
    space: ClassVar[Mapping[str, Range]] = {
        "hidden": Range(low=32, high=256, log=True),
        "hide": Range(low=0.2, high=0.8),
        "regularisation": Range(low=4.0, high=64.0, log=True),
    }

    def __init__(
        self,
        hidden: Annotated[int, Field(ge=1)] = 100,
        hide: Annotated[float, Field(ge=0, lt=1)] = 0.6,
        price: Annotated[float, Field(ge=0)] = 0.02,
        regularisation: Annotated[float, Field(gt=0)] = 10.0,
        batch_items: Annotated[int, Field(ge=1)] = 256,
        epochs: Annotated[int, Field(ge=1)] = 40,
        seconds: Annotated[float, Field(gt=0)] | None = None,
        learning_rate: Annotated[float, Field(gt=0)] = 0.01,
        seed: Annotated[int, Field(ge=0, lt=2**31)] = 0,
    ) -> None:
        self.hidden, self.hide, self.price, self.regularisation = hidden, hide, price, regularisation
        self.batch_items, self.epochs, self.seconds, self.learning_rate, self.seed = batch_items, epochs, seconds, learning_rate, seed

    def _learn(self, data: Dataset) -> None:
        matrix = self.learnt(data)
        self.biases_ = item_biases(matrix)
        left = csr_array(self._unbiased(matrix)[0].T)
        torch.manual_seed(self.seed)
        network = Encoder(left.shape[1], self.hidden)
        training = TrainingSettings(
            epochs=self.epochs, seconds=self.seconds, learning_rate=self.learning_rate, weight_decay=0.0, seed=self.seed
        )
        self.progress_: Progress = train(Rebuilding(network, left, self), training)
        with torch.inference_mode():
            codes = network.eval()(left).numpy()
        codes[np.diff(left.indptr) == 0] = 0  # of which nothing is known
        self.codes_ = np.concatenate([codes, np.ones((len(codes), 1), dtype=np.float32)], axis=1)

    def _unbiased(self, matrix: csr_array) -> tuple[csr_array, Dense]:
        """The ratings without biases `[rows, items]`, and the biases of the rows `[rows]`."""
        left = matrix.data - self.biases_[matrix.indices]
        counts = np.diff(matrix.indptr)
        owner = np.repeat(np.arange(len(counts)), counts)
        own = np.bincount(owner, left, len(counts)) / (counts + DAMPING)
        unbiased = (left - own[owner]).astype(np.float32)
        return csr_array((unbiased, matrix.indices, matrix.indptr), shape=matrix.shape), own

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Predicted ratings `[queries, items]`."""
        left, own = self._unbiased(self.given(queries))
        pieces = np.split(np.arange(left.nnz), left.indptr[1:-1])
        readouts = np.stack([self._readout(left.indices[piece], left.data[piece]) for piece in pieces]) if len(queries) else 0
        return self.in_stars(own[:, None] + self.biases_ + readouts @ self.codes_.T.astype(np.float64))

    def _readout(self, items: NDArray[np.integer[Any]], ratings: NDArray[np.float32]) -> Dense:
        """The ridge regression of ratings `[n]` on the codes of their items, `[hidden + 1]`, by whichever equations are fewer."""
        codes = self.codes_[items].astype(np.float64)
        if len(items) < codes.shape[1]:
            result: Dense = codes.T @ np.linalg.solve(codes @ codes.T + self.regularisation * np.eye(len(items)), ratings)
            return result
        return np.linalg.solve(codes.T @ codes + self.regularisation * np.eye(codes.shape[1]), codes.T @ ratings)

    def state(self) -> dict[str, NDArray[Any]]:
        """Codes `[items, hidden + 1]`, the last a 1, biases of the items, and the scale of the ratings."""
        return {"codes": self.codes_, "biases": self.biases_} | self.scale()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.codes_, self.biases_ = arrays["codes"], arrays["biases"]
        self.take_scale(arrays)


class Encoder(nn.Module):
    """Codes of items, and each user's readout of them."""

    def __init__(self, users: int, hidden: int) -> None:
        super().__init__()
        self.taken, self.bias = SparseLinear(users, hidden), nn.Parameter(torch.zeros(hidden))
        self.readouts, self.levels = nn.Embedding(users, hidden), nn.Parameter(torch.zeros(users))
        nn.init.normal_(self.readouts.weight, std=SCALE)

    def forward(self, rows: csr_array) -> Tensor:
        """Codes `[n, hidden]`, each number between 0 and 1, of ratings `[n, users]`, summed over the root of their number."""
        root = np.sqrt(np.maximum(np.diff(rows.indptr), 1))
        level = csr_array((rows.data / np.repeat(root, np.diff(rows.indptr)), rows.indices, rows.indptr), shape=rows.shape)
        return torch.sigmoid(self.taken(level) + self.bias)


class Rebuilding:
    """The objective: every rating of a batch of items from codes that saw only some of them."""

    def __init__(self, network: Encoder, ratings: csr_array, how: RatingAutoencoder) -> None:
        self.network, self.ratings, self.how = network, ratings, how

    def weights(self) -> dict[str, float]:
        """One task."""
        return {"ratings": 1.0}

    def epoch(self, number: int) -> Sequence[NDArray[np.int64]]:
        """Every rated item once."""
        rated = np.flatnonzero(np.diff(self.ratings.indptr))
        order = np.random.default_rng((self.how.seed, number)).permutation(rated)
        return np.split(order, np.arange(self.how.batch_items, len(order), self.how.batch_items))

    def losses(self, batch: NDArray[np.int64], step: int) -> dict[str, Tensor]:
        """Mean squared error, and what the readouts cost."""
        rows = csr_array(self.ratings[batch])
        shown = np.random.default_rng((self.how.seed, 1, step)).random(rows.nnz) >= self.how.hide
        seen = csr_array((rows.data * shown / (1 - self.how.hide), rows.indices, rows.indptr), shape=rows.shape)
        owner = np.repeat(np.arange(len(batch)), np.diff(rows.indptr))
        user, rating = torch.from_numpy(rows.indices.astype(np.int64)), torch.from_numpy(rows.data)
        readouts = self.network.readouts(user)
        rebuilt = (self.network(seen)[torch.from_numpy(owner)] * readouts).sum(dim=1) + self.network.levels[user]
        return {"ratings": (rebuilt - rating).square().mean() + self.how.price * readouts.square().sum(dim=1).mean()}

    def validate(self) -> dict[str, float]:
        """Nothing: the last weights are kept, when the learning rate has come down."""
        return {}


def item_biases(matrix: csr_array) -> Dense:
    """How much better each item is rated than its users rate, `[items]`; 0 without ratings. Means in turn, held back by a few ratings."""
    counts, columns = np.diff(matrix.indptr), np.bincount(matrix.indices, minlength=matrix.shape[1])
    owner = np.repeat(np.arange(len(counts)), counts)
    users, items = np.zeros(len(counts)), np.zeros(len(columns))
    for _ in range(BIAS_ROUNDS):
        items = np.bincount(matrix.indices, matrix.data - users[owner], len(columns)) / (columns + DAMPING)
        users = np.bincount(owner, matrix.data - items[matrix.indices], len(counts)) / (counts + DAMPING)
    return items
