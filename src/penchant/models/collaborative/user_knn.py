"""What users with a like past have had: user-based collaborative filtering (Resnick et al., GroupLens, CSCW 1994)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import (
    divided,
    had,
    interactions,
    item_scale,
    past_ratings,
    ratings,
    sparse_from,
    sparse_state,
)
from penchant.models.collaborative.similarity import Kind, Similarity, Values, keep_nearest
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender

CELLS = 8_000_000  # similarities of queries to training users that are dense at one time: 32 MB


class UserKNN(Recommender):
    """The sum, over the users most alike, of their similarity for every item they have had.

    Every query's own history is compared with all users of the training part, so that new users are served as known ones are.

    Args:
        neighbours: Most similar users who count.
        shrinkage: Added to the norm, so that similarities from few items count less.
        similarity: Between the rows of the user-item matrix.
        item_scaling: An item's column is divided by the number of its users to this power: what everybody has had says little of how
            alike two users are, and wins with more votes only.
        vote_scaling: The same for the votes alone, where they are to be scaled otherwise.
        asymmetry: Of the cosine's norm, how much is the neighbour's length and not the user's own (Aiolli, RecSys 2013): 0.5 = the cosine;
            above, active neighbours count less.
        locality: Similarities are raised to this power before they are summed: above 1 the nearest decide (ibid.).
        values: Wanted events, or the labels of the recipe's regression task: a similarity then weighs as much as the rating.
    """

    kind: ClassVar[str] = "user_knn"

    def __init__(
        self,
        neighbours: Annotated[int, Field(ge=1)] = 100,
        shrinkage: Annotated[float, Field(ge=0)] = 10.0,
        similarity: Kind = "cosine",
        item_scaling: Annotated[float, Field(ge=0, le=1)] = 0.0,
        vote_scaling: Annotated[float, Field(ge=0, le=1)] | None = None,
        asymmetry: Annotated[float, Field(ge=0, le=1)] = 0.5,
        locality: Annotated[float, Field(gt=0)] = 1.0,
        values: Values = "events",
    ) -> None:
        self.neighbours, self.shrinkage, self.similarity = neighbours, shrinkage, similarity
        self.item_scaling, self.vote_scaling = item_scaling, vote_scaling
        self.asymmetry, self.locality, self.values = asymmetry, locality, values

    def _learn(self, data: Dataset) -> None:
        self._keep(ratings(data) if self.values == "ratings" else interactions(data))

    def _keep(self, matrix: csr_array) -> None:
        self.matrix_, self._scale = matrix, item_scale(matrix, self.item_scaling)
        self._scaled = divided(matrix, self._scale)
        votes = self.item_scaling if self.vote_scaling is None else self.vote_scaling
        self._votes = divided(matrix, item_scale(matrix, votes))
        self._similarity = Similarity(self._scaled, self.similarity, self.shrinkage, self.values, self.asymmetry)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Sums of the similarities of neighbours who had the item, `[queries, items]`; 0 without a history."""
        asked = divided(past_ratings(queries, self.recipe_) if self.values == "ratings" else had(queries), self._scale)
        size = max(CELLS // self.matrix_.shape[0], 1)
        starts = range(0, len(queries), size)
        blocks = [self._of_histories(asked[start : start + size], queries.user[start : start + size]) for start in starts]
        return np.concatenate(blocks) if blocks else np.zeros(asked.shape, dtype=np.float32)

    def _of_histories(self, asked: csr_array, user: NDArray[np.int64]) -> NDArray[np.float32]:
        alike = self._similarity.to(asked)
        known = np.flatnonzero(user >= 0)
        alike[known, user[known]] = 0  # nobody is their own neighbour
        nearest = keep_nearest(alike, self.neighbours)
        nearest.data **= self.locality
        result: NDArray[np.float32] = (nearest @ self._votes).toarray()
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The matrix that histories are compared with."""
        return sparse_state("matrix", self.matrix_)

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self._keep(sparse_from("matrix", arrays, (len(self.log_.users), len(self.items))))
