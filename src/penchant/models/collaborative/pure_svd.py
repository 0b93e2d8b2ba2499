"""Singular vectors of who had what (Cremonesi, Koren and Turrin, Performance of recommender algorithms on top-n tasks, RecSys 2010).

Items scaled by how often they were had as in Nikolakopoulos et al., EigenRec (Knowledge and Information Systems 2019).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import divided, had, interactions, item_scale
from penchant.models.queries import Queries
from penchant.models.vector_recommender import VectorRecommender

SPARE = 10  # directions beyond those kept, which make the kept ones exact


class PureSVD(VectorRecommender):
    """The history, seen through the strongest directions of the user-item matrix, missing entries as 0.

    Users are folded in: a history's scores are `history V V^T`, for a training user the same as the user's row of the decomposition.

    Args:
        factors: Directions kept; no more than there are users or items.
        item_scaling: An item's column is divided by the number of its events to this power before the decomposition and multiplied
            after it, so that what everybody has had takes fewer directions; 0 = PureSVD.
        rounds: Power iterations; more separate directions of nearly the same strength better.
        seed: Of the random start.
    """

    kind: ClassVar[str] = "pure_svd"

    def __init__(
        self,
        factors: Annotated[int, Field(ge=1)] = 50,
        item_scaling: Annotated[float, Field(ge=0, le=1)] = 0.0,
        rounds: Annotated[int, Field(ge=1)] = 6,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.factors, self.item_scaling, self.rounds, self.seed = factors, item_scaling, rounds, seed

    def _learn(self, data: Dataset) -> None:
        matrix = interactions(data)
        scale = item_scale(matrix, self.item_scaling)
        directions = right_singular_vectors(divided(matrix, scale), self.factors, self.rounds, self.seed)
        self.into_, self.out_of_ = directions / scale[:, None], directions * scale[:, None]

    @property
    def item_vectors(self) -> NDArray[np.float32]:
        """What items are read from, `[items, factors]`."""
        return self.out_of_

    def query_vectors(self, queries: Queries) -> NDArray[np.float32]:
        """Histories projected on the kept directions, `[queries, factors]`; 0 without a history."""
        result: NDArray[np.float32] = had(queries) @ self.into_
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The directions that histories are projected on, and those that items are read from, each `[items, factors]`."""
        return {"into": self.into_, "out_of": self.out_of_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.into_, self.out_of_ = arrays["into"], arrays["out_of"]


def right_singular_vectors(matrix: csr_array, count: int, rounds: int, seed: int) -> NDArray[np.float32]:
    """The right singular vectors of the largest singular values, `[columns, count]`, strongest first.

    A random subspace, turned towards the strongest directions in every round (Halko, Martinsson and Tropp 2011, algorithm 4.4).
    """
    transposed = csr_array(matrix.T)
    start = np.random.default_rng(seed).standard_normal((matrix.shape[1], min(count + SPARE, *matrix.shape)), dtype=np.float32)
    basis = np.linalg.qr(start).Q
    for _ in range(rounds):
        basis = np.linalg.qr(transposed @ (matrix @ basis)).Q
    turn = np.linalg.svd(matrix @ basis, full_matrices=False).Vh
    return np.ascontiguousarray((basis @ turn.T)[:, :count])
