"""Behaviour, portraits and contents factorised together: multi-level matrix factorisation.

Collective matrix factorisation (Singh and Gordon, Relational learning via collective matrix factorization, KDD 2008) of who had what, what
is told of users and what is told of items, with the weights of implicit behaviour of Hu, Koren and Volinsky (ICDM 2008). Somebody new is
placed by the mean that a linear Gaussian model expects (as in Agarwal and Chen, Regression-based latent factor models, KDD 2009).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.models.collaborative.als import START_ROUNDS, _batches
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.interactions import interactions, past, past_ratings, ratings, sparse_from, sparse_state
from penchant.models.collaborative.pure_svd import right_singular_vectors
from penchant.models.collaborative.similarity import Values, cosines
from penchant.models.queries import Queries
from penchant.models.vector_recommender import VectorRecommender

Dense = NDArray[np.float32]
LEAST = 1e-6  # share of the mean variance below which a direction counts as empty


@dataclass
class Level:
    """What attributes say of the vectors of one side, users or items.

    The model is `attributes - mean = loadings (vector - centre) + noise`, with vectors spread around their centre.

    Attributes:
        rows: The side's attributes `[n, attributes]`.
        weight: What all attributes of a row count beside one event.
        mean: Of the attributes `[attributes]`.
        loadings: `[attributes, factors]`.
        centre: Mean vector `[factors]`: where somebody of whom nothing is told stands.
        spread: Covariance of the vectors `[factors, factors]`.
        noise: Variance per attribute that the vectors leave unexplained.
    """

    rows: csr_array
    weight: float
    mean: Dense
    loadings: Dense
    centre: Dense
    spread: Dense
    noise: float = 1.0

    @classmethod
    def empty(cls, rows: csr_array, weight: float, factors: int) -> "Level":
        """Of which nothing is known yet: it leaves the vectors alone."""
        width = rows.shape[1]
        zeros = (np.zeros(width, np.float32), np.zeros((width, factors), np.float32), np.zeros(factors, np.float32))
        return cls(rows, weight, *zeros, np.eye(factors, dtype=np.float32))

    def fit(self, vectors: Dense, trained: NDArray[np.bool_], price: float) -> None:
        """Learn from the vectors `[n, factors]` of trained rows; `price` holds the loadings back, per row."""
        own, count = self.rows[np.flatnonzero(trained)], np.float32(max(int(trained.sum()), 1))
        self.centre = vectors[trained].sum(axis=0) / count
        away = vectors[trained] - self.centre
        self.spread = (away.T @ away / count).astype(np.float32)
        self.mean = np.asarray(own.sum(axis=0), dtype=np.float32) / count
        left = self.spread + price * np.eye(len(self.spread), dtype=np.float32)
        together = (own.T @ away - np.outer(self.mean, away.sum(axis=0))) / count
        self.loadings = np.linalg.solve(left, together.T).T.astype(np.float32)
        squares = (own.data.astype(np.float64) ** 2).sum() / count - (self.mean.astype(np.float64) ** 2).sum()
        explained = 2 * (together * self.loadings).sum() - ((self.loadings @ self.spread) * self.loadings).sum()
        self.noise = max(float(squares - explained) / max(len(self.mean), 1), LEAST)

    @property
    def left(self) -> Dense:
        """What the level adds to the left side of every row's equations, `[factors, factors]`."""
        result: Dense = self.weight * (self.loadings.T @ self.loadings)
        return result

    def told(self, rows: NDArray[np.int64]) -> Dense:
        """`loadings^T (attributes - mean)` of some rows `[n, factors]`; 0 for row -1, of which nothing is told."""
        known = self.rows[np.maximum(rows, 0)] @ self.loadings - self.mean @ self.loadings
        known[rows < 0] = 0
        result: Dense = known
        return result

    def right(self, rows: NDArray[np.int64]) -> Dense:
        """What it adds to the right side of these rows' equations, `[n, factors]`."""
        result: Dense = self.weight * self.told(rows) + self.left @ self.centre
        return result

    def guess(self, rows: NDArray[np.int64]) -> Dense:
        """The cold formula: vectors expected of rows by their attributes alone, `[n, factors]`; the centre for row -1."""
        floor = LEAST * max(float(np.trace(self.spread)) / len(self.spread), LEAST)
        before = np.linalg.inv(self.spread.astype(np.float64) + floor * np.eye(len(self.spread)))
        left = self.loadings.T @ self.loadings + self.noise * before
        return (self.centre + np.linalg.solve(left, self.told(rows).T).T).astype(np.float32)

    def state(self, name: str) -> dict[str, NDArray[Any]]:
        """As arrays, for a model's `state`."""
        arrays = {key: getattr(self, key) for key in ("mean", "loadings", "centre", "spread")}
        arrays |= {"noise": np.array([self.noise]), "weight": np.array([self.weight])}
        return {f"{name}.{key}": array for key, array in arrays.items()} | sparse_state(f"{name}.rows", self.rows)

    @classmethod
    def restored(cls, name: str, arrays: Mapping[str, NDArray[Any]], count: int) -> "Level":
        """The inverse of `state`, of `count` rows."""
        dense = {key: arrays[f"{name}.{key}"] for key in ("mean", "loadings", "centre", "spread")}
        rows = sparse_from(f"{name}.rows", arrays, (count, len(dense["mean"])))
        return cls(rows=rows, weight=float(arrays[f"{name}.weight"][0]), noise=float(arrays[f"{name}.noise"][0]), **dense)


class MultiLevelMF(VectorRecommender):
    """Users and items as vectors that explain three matrices at once.

    The loss is `sum over pairs of weight (value - x y)^2 + p sum over users |portrait - A x|^2 + c sum over items |content - B y|^2 +
    r sum of n |vector - centre|^2`. A pair that was had has value 1 and weight 1, every pair of a user and an item with events value 0
    and a further `unobserved_weight`; of ratings only the pairs present count. `n` is a vector's events, the unobserved ones at their
    weight; loadings cost r per row. Vectors and loadings A and B are solved for in turn, each exactly; centres are the means of vectors.
    Portraits and contents are the recipe's `user.*` and `item.*` features, centred.

    Warm: a query's vector solves its equations with its history and its portrait. Cold: without a history the portrait alone gives the
    vector, without either it is the centre; items without events get theirs from the content.

    Args:
        factors: Length of the vectors.
        regularisation: Price of a vector's squared distance from the centre, per event (r).
        unobserved_weight: How much a pair without an event counts beside one with; not used with ratings.
        portrait_weight, content_weight: What all that is told of a user, of an item, counts beside one event (p, c); 0 leaves a level
            out of the vectors, and only new users or items are placed by it.
        recency: What an event weighs in a query's equations, to the power of the events since; 1 = all alike, as in training.
        iterations: Times that everything is solved for.
        values: Wanted events, or the labels of the recipe's regression task, which scores then predict.
        seed: Of the random start.
    """

    kind: ClassVar[str] = "multi_level_mf"

    def __init__(
        self,
        factors: Annotated[int, Field(ge=1)] = 64,
        regularisation: Annotated[float, Field(gt=0)] = 0.01,
        unobserved_weight: Annotated[float, Field(gt=0)] = 0.1,
        portrait_weight: Annotated[float, Field(ge=0)] = 1.0,
        content_weight: Annotated[float, Field(ge=0)] = 1.0,
        recency: Annotated[float, Field(gt=0, le=1)] = 1.0,
        iterations: Annotated[int, Field(ge=1)] = 8,
        values: Values = "events",
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.factors, self.regularisation, self.unobserved_weight = factors, regularisation, unobserved_weight
        self.portrait_weight, self.content_weight, self.iterations = portrait_weight, content_weight, iterations
        self.recency, self.values, self.seed = recency, values, seed

    def _learn(self, data: Dataset) -> None:
        matrix = ratings(data) if self.values == "ratings" else interactions(data)
        self.base = float(matrix.data.mean()) if self.values == "ratings" and matrix.nnz else 0.0
        transposed = csr_array(matrix.T)
        portraits, contents = attributes(data)
        self.portrait_ = Level.empty(portraits, self.portrait_weight, self.factors)
        self.content_ = Level.empty(contents, self.content_weight, self.factors)
        self.users_, self.vectors_ = np.zeros((matrix.shape[0], self.factors), np.float32), self._start(matrix)
        self.warm_ = np.diff(transposed.indptr) > 0
        for _ in range(self.iterations):
            self._solve(matrix, self.vectors_, self.portrait_, self.users_)
            self._solve(transposed, self.users_, self.content_, self.vectors_)
        self.users_ = _with_new(self.users_, np.diff(matrix.indptr) > 0, self.portrait_)
        self.vectors_ = _with_new(self.vectors_, self.warm_, self.content_)

    def _start(self, matrix: csr_array) -> Dense:
        """Item vectors to begin with; those of items without events are 0 throughout."""
        random = np.random.default_rng(self.seed).standard_normal((matrix.shape[1], self.factors), dtype=np.float32)
        start = random * np.float32(0.01 / np.sqrt(self.factors))
        if self.values == "ratings":
            start[:, 0] += 1  # a user's first number begins as how much more than usual the user gives
        else:
            strongest = right_singular_vectors(matrix, self.factors, START_ROUNDS, self.seed)
            start[:, : strongest.shape[1]] += strongest
        start[np.bincount(matrix.indices, minlength=matrix.shape[1]) == 0] = 0
        return start

    def _solve(self, matrix: csr_array, others: Dense, level: Level, vectors: Dense) -> None:
        """Half a round, in place: the vectors of rows with events, then what the level says of them."""
        warm = np.diff(matrix.indptr) > 0
        vectors[warm] = self._solved(matrix, others, np.any(others, axis=1), level, np.arange(len(warm)))[warm]
        level.fit(vectors, warm, self.regularisation)

    def _solved(self, matrix: csr_array, others: Dense, known: NDArray[np.bool_], level: Level, owners: NDArray[np.int64]) -> Dense:
        """The warm formula: best vectors `[rows, factors]` of the matrix's rows, whose attributes are the level's rows `owners`.

        Rows without events stay 0. `others` are the columns' vectors; not to have had a column says something where it is `known`.
        """
        unobserved = 0.0 if self.values == "ratings" else self.unobserved_weight
        vectors, result = torch.from_numpy(others), torch.zeros(matrix.shape[0], self.factors)
        counted = vectors[torch.from_numpy(known)]
        everywhere = unobserved * (counted.T @ counted) + torch.from_numpy(level.left)
        padded = torch.cat([vectors, torch.zeros(1, self.factors)])
        centre, right = torch.from_numpy(level.centre), torch.from_numpy(level.right(owners))
        for rows, lengths, columns in _batches(matrix, self.factors):
            found = padded.index_select(0, columns.view(-1)).view(*columns.shape, self.factors)
            weights, values = self._entries(matrix, rows.numpy(), lengths.numpy(), columns.shape[1])
            price = self.regularisation * (weights.sum(dim=1) + unobserved * len(counted))[:, None]
            left = torch.baddbmm(everywhere, found.transpose(1, 2), found * weights[:, :, None])
            left.diagonal(dim1=1, dim2=2).add_(price)
            wanted = torch.einsum("nl,nlf->nf", weights * values, found)
            told = wanted + right[rows] + price * centre
            result[rows] = torch.cholesky_solve(told[:, :, None], torch.linalg.cholesky(left))[:, :, 0]
        return result.numpy()

    def _entries(self, matrix: csr_array, rows: NDArray[np.int64], lengths: NDArray[np.int64], longest: int) -> tuple[Tensor, Tensor]:
        """Weights and values of the rows' entries, each `[rows, longest]`; the weight is 0 behind a row's end.

        Entries of events are their weights, and their value is 1; those of ratings are values, less the mean, and their weight is 1.
        """
        there = np.arange(longest) < lengths[:, None]
        entries = matrix.data[np.minimum(matrix.indptr[rows, None] + np.arange(longest), matrix.nnz - 1)] * there
        known, held = torch.from_numpy(there).float(), torch.from_numpy(entries.astype(np.float32))
        return (known, held - self.base) if self.values == "ratings" else (held, known)

    def query_vectors(self, queries: Queries) -> Dense:
        """Vectors `[queries, factors]` by history and portrait, by the portrait alone, or the centre."""
        matrix = past_ratings(queries, self.recipe_) if self.values == "ratings" else past(queries, self.recency)
        result = self._solved(matrix, self.vectors_, self.warm_, self.portrait_, queries.user)
        return _with_new(result, np.diff(matrix.indptr) > 0, self.portrait_, queries.user)

    @property
    def item_vectors(self) -> Dense:
        """`[items, factors]`."""
        return self.vectors_

    def user_similarities(self, rows: NDArray[np.int64]) -> Dense:
        """Cosines of some training users' vectors with all users', `[rows, users]`."""
        return cosines(self.users_, rows)

    def state(self) -> dict[str, NDArray[Any]]:
        """Vectors of users and items, which items have events, the mean rating, and both levels."""
        own = {"users": self.users_, "vectors": self.vectors_, "warm": self.warm_, "mean": np.array([self.base])}
        return own | self.portrait_.state("portrait") | self.content_.state("content")

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.users_, self.vectors_, self.warm_ = arrays["users"], arrays["vectors"], arrays["warm"]
        self.base = float(arrays["mean"][0])
        self.portrait_ = Level.restored("portrait", arrays, len(self.users_))
        self.content_ = Level.restored("content", arrays, len(self.vectors_))


def _with_new(vectors: Dense, warm: NDArray[np.bool_], level: Level, owners: NDArray[np.int64] | None = None) -> Dense:
    """The vectors, with those of rows without events guessed from their attributes."""
    cold = np.flatnonzero(~warm)
    if len(cold):
        vectors[cold] = level.guess(cold if owners is None else owners[cold])
    return vectors
