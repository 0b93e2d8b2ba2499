"""Items like those the user already has: item-based collaborative filtering.

Sarwar et al. 2001; shrinkage as in Bell and Koren 2007.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import interactions, past, sparse_from, sparse_state
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.space import Range

BLOCK = 2048  # items whose similarities are dense at one time


class ItemKNN(Recommender):
    """The sum of the similarities between a candidate and the items of the user's past.

    Args:
        neighbours: Most similar items kept per item.
        shrinkage: Added to the norm, so that similarities from few users count less.
        similarity: Between the columns of the user-item matrix of wanted events.
        recency: Weight of a past event is `recency ** (events since)`; 1 = all alike.
    """

    kind: ClassVar[str] = "item_knn"
    space: ClassVar[Mapping[str, Range]] = {
        "neighbours": Range(low=20, high=1500, log=True),
        "shrinkage": Range(low=0.0, high=50.0),
        "similarity": Range(choices=("cosine", "jaccard")),
        "recency": Range(low=0.6, high=1.0),
    }

    def __init__(
        self,
        neighbours: Annotated[int, Field(ge=1)] = 100,
        shrinkage: Annotated[float, Field(ge=0)] = 10.0,
        similarity: Literal["cosine", "jaccard"] = "cosine",
        recency: Annotated[float, Field(gt=0, le=1)] = 1.0,
    ) -> None:
        self.neighbours, self.shrinkage, self.similarity, self.recency = neighbours, shrinkage, similarity, recency

    def _learn(self, data: Dataset) -> None:
        matrix = interactions(data)
        shape = matrix.shape
        transposed = csr_array(matrix.T)
        sizes = np.asarray(matrix.sum(axis=0)).ravel()
        blocks = [self._neighbours_of(transposed, matrix, sizes, start) for start in range(0, shape[1], BLOCK)]
        values, columns, counts = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        self.similarities_ = csr_array((values, columns, np.concatenate([[0], np.cumsum(counts)])), shape=(shape[1], shape[1]))

    def _neighbours_of(
        self, transposed: csr_array, matrix: csr_array, sizes: NDArray[np.float32], start: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
        """The kept similarities of the items `start` to `start + BLOCK`: values, columns, and how many per item."""
        common = (transposed[start : start + BLOCK] @ matrix).toarray()
        own = sizes[start : start + BLOCK, None]
        norm = np.sqrt(own * sizes) if self.similarity == "cosine" else own + sizes - common
        similarity = common / (norm + self.shrinkage + 1e-12)
        similarity[np.arange(len(similarity)), start + np.arange(len(similarity))] = 0
        if self.neighbours < similarity.shape[1]:
            edge = -np.partition(-similarity, self.neighbours - 1, axis=1)[:, self.neighbours - 1 : self.neighbours]
            similarity[similarity < edge] = 0
        kept = np.nonzero(similarity)
        return similarity[kept].astype(np.float32), kept[1], np.count_nonzero(similarity, axis=1)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Sums of similarities to the items of each history, the older the less, `[queries, items]`; 0 without a history."""
        result: NDArray[np.float32] = (past(queries, self.recency) @ self.similarities_).toarray()
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The similarities."""
        return sparse_state("similarities", self.similarities_)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.similarities_ = sparse_from("similarities", arrays, (len(self.items), len(self.items)))
