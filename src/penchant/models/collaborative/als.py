"""Implicit matrix factorisation by alternating least squares.

Hu, Koren and Volinsky, Collaborative filtering for implicit feedback datasets (ICDM 2008), with the weights and the regularisation by
frequency of Rendle et al., Revisiting the performance of iALS on item recommendation benchmarks (RecSys 2022).
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from torch import Tensor

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import had, interactions
from penchant.models.collaborative.pure_svd import right_singular_vectors
from penchant.models.queries import Queries
from penchant.models.vector_recommender import VectorRecommender

CELLS = 500_000  # numbers of factor vectors gathered at one time: 2 MB, near the processor
START_ROUNDS = 3


class ALS(VectorRecommender):
    """Users and items as vectors whose products are near 1 for what a user has had and near 0 elsewhere.

    The loss is `sum over had (1 - x y)^2 + w sum over all (x y)^2 + r sum of n^p |vector|^2`, with `n` the vector's events plus `w`
    times the other side's size. Each half step is solved exactly; so is the vector of every query's history, known in training or not.

    Args:
        factors: Length of the vectors.
        regularisation: Price of a vector's squared length (r).
        unobserved_weight: How much a pair without an event counts beside one with (w).
        frequency_power: Vectors with more events are held back more (p); 0 = all alike, 1 = as if per event.
        iterations: Times that users and items are solved for; few, because the start is near: the strongest singular vectors.
        seed: Of the random start.
    """

    kind: ClassVar[str] = "als"

    def __init__(
        self,
        factors: Annotated[int, Field(ge=1)] = 64,
        regularisation: Annotated[float, Field(gt=0)] = 0.01,
        unobserved_weight: Annotated[float, Field(gt=0)] = 0.3,
        frequency_power: Annotated[float, Field(ge=0, le=2)] = 1.0,
        iterations: Annotated[int, Field(ge=1)] = 2,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.factors, self.regularisation, self.unobserved_weight = factors, regularisation, unobserved_weight
        self.frequency_power, self.iterations, self.seed = frequency_power, iterations, seed

    def _learn(self, data: Dataset) -> None:
        matrix = interactions(data)
        transposed = csr_array(matrix.T)
        random = np.random.default_rng(self.seed).standard_normal((matrix.shape[1], self.factors), dtype=np.float32)
        start = random * np.float32(0.01 / np.sqrt(self.factors))
        strongest = right_singular_vectors(matrix, self.factors, START_ROUNDS, self.seed)
        start[:, : strongest.shape[1]] += strongest
        vectors = torch.from_numpy(start)
        for _ in range(self.iterations):
            vectors = self._solved(transposed, self._solved(matrix, vectors))
        self.vectors_: NDArray[np.float32] = vectors.numpy()

    def _solved(self, matrix: csr_array, others: Tensor) -> Tensor:
        """The best vector of each row of the matrix, `[rows, factors]`, given those of its columns; 0 for an empty row."""
        result = torch.zeros(matrix.shape[0], self.factors)
        everywhere = self.unobserved_weight * (others.T @ others)
        padded = torch.cat([others, torch.zeros(1, self.factors)])
        for rows, lengths, columns in _batches(matrix, self.factors):
            found = padded.index_select(0, columns.view(-1)).view(*columns.shape, self.factors)
            left = torch.baddbmm(everywhere, found.transpose(1, 2), found)
            events = lengths + self.unobserved_weight * matrix.shape[1]
            left.diagonal(dim1=1, dim2=2).add_((self.regularisation * events**self.frequency_power)[:, None])
            result[rows] = torch.cholesky_solve(found.sum(dim=1)[:, :, None], torch.linalg.cholesky(left))[:, :, 0]
        return result

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """`[items, factors]`."""
        return self.vectors_

    def query_vectors(self, queries: Queries) -> NDArray[np.float32]:
        """Each history's best vector, `[queries, factors]`; 0 without a history."""
        result: NDArray[np.float32] = self._solved(had(queries), torch.from_numpy(self.vectors_)).numpy()
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The items' vectors, `[items, factors]`."""
        return {"vectors": self.vectors_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.vectors_ = arrays["vectors"]


def _batches(matrix: csr_array, factors: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Rows that are not empty, those of like length together: rows `[n]`, lengths `[n]`, columns `[n, longest]`.

    What pads the columns is the number of columns.
    """
    lengths = np.diff(matrix.indptr)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    end = len(order)
    while end:
        longest = int(lengths[order[end - 1]])
        start = max(end - max(CELLS // (longest * factors), 1), 0)
        rows = order[start:end]
        places = np.arange(longest)
        held = places < lengths[rows, None]
        columns = np.where(held, matrix.indices[np.where(held, matrix.indptr[rows, None] + places, 0)], matrix.shape[1])
        yield torch.from_numpy(rows), torch.from_numpy(lengths[rows]), torch.from_numpy(columns.astype(np.int64))
        end = start
