"""Items like those the user already has: item-based collaborative filtering.

Sarwar et al. 2001; shrinkage as in Bell and Koren 2007.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender

BLOCK = 2048  # items whose similarities are dense at one time


class ItemKNN(Recommender):
    """The sum of the similarities between a candidate and the items of the user's past.

    Args:
        neighbours: Most similar items kept per item.
        shrinkage: Added to the norm, so that similarities from few users count less.
        similarity: Between the columns of the user-item matrix of wanted events.
        recency: Weight of a past event is `recency ** (events since)`; 1 = all alike.
    """

    def __init__(
        self, neighbours: int = 100, shrinkage: float = 10.0, similarity: Literal["cosine", "jaccard"] = "cosine", recency: float = 1.0
    ) -> None:
        self.neighbours, self.shrinkage, self.similarity, self.recency = neighbours, shrinkage, similarity, recency

    def _learn(self, data: Dataset) -> None:
        rows = data.positives
        shape = (len(data.log.users), len(data.log.items))
        matrix = csr_array((np.ones(len(rows), dtype=np.float32), (data.log.user[rows], data.log.item[rows])), shape=shape)
        matrix.data[:] = 1  # repeated events count once
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
        query, item = queries.seen()
        weight = np.ones(len(query), dtype=np.float32)
        if self.recency < 1:
            counts = np.bincount(query, minlength=len(queries))
            weight = (self.recency ** (np.cumsum(counts)[query] - 1 - np.arange(len(query)))).astype(np.float32)
        past = csr_array((weight, (query, item)), shape=(len(queries), len(self.items)))
        result: NDArray[np.float32] = (past @ self.similarities_).toarray()
        return result
