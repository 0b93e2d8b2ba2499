"""Items like those the user already has: item-based collaborative filtering (Sarwar et al. 2001)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array, vstack

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import interactions, item_scale, past, past_ratings, ratings, sparse_from, sparse_state
from penchant.models.collaborative.similarity import Kind, Similarity, Values, keep_nearest
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.space import Range

BLOCK = 2048  # items whose similarities are dense at one time


class ItemKNN(Recommender):
    """The sum of the similarities between a candidate and the items of the user's past.

    Args:
        neighbours: Most similar items kept per item.
        shrinkage: Added to the norm, so that similarities from few users count less.
        similarity: Between the columns of the user-item matrix.
        recency: Weight of a past event is `recency ** (events since)`; 1 = all alike. Not with ratings.
        item_scaling: Similarities are divided by the number of either item's users to this power: what everybody has had says little, and
            stands near too many items.
        nearest_of: Whose nearest items are kept: each past item's or each candidate's. By candidate, what everybody has had is not near
            everything.
        values: Wanted events, or the labels of the recipe's regression task: a similarity then weighs as much as the rating.
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
        similarity: Kind = "cosine",
        recency: Annotated[float, Field(gt=0, le=1)] = 1.0,
        item_scaling: Annotated[float, Field(ge=0, le=1)] = 0.0,
        nearest_of: Literal["past", "candidate"] = "past",
        values: Values = "events",
    ) -> None:
        self.neighbours, self.shrinkage, self.similarity, self.recency = neighbours, shrinkage, similarity, recency
        self.item_scaling, self.nearest_of, self.values = item_scaling, nearest_of, values

    def _learn(self, data: Dataset) -> None:
        matrix = ratings(data) if self.values == "ratings" else interactions(data)
        similarity = Similarity(csr_array(matrix.T), self.similarity, self.shrinkage, self.values)
        scale = item_scale(matrix, self.item_scaling)
        nearest = csr_array(vstack([keep_nearest(block / scale, self.neighbours) for block in similarity.within(BLOCK)]))
        nearest.data /= np.repeat(scale, np.diff(nearest.indptr))
        self.similarities_ = nearest if self.nearest_of == "past" else csr_array(nearest.T)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Sums of similarities to the items of each history, the older the less, `[queries, items]`; 0 without a history."""
        weights = past_ratings(queries, self.recipe_) if self.values == "ratings" else past(queries, self.recency)
        result: NDArray[np.float32] = (weights @ self.similarities_).toarray()
        return result

    def item_similarities(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The similarities that were kept, `[rows, items]`."""
        result: NDArray[np.float32] = self.similarities_[rows].toarray()
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The similarities."""
        return sparse_state("similarities", self.similarities_)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.similarities_ = sparse_from("similarities", arrays, (len(self.items), len(self.items)))
