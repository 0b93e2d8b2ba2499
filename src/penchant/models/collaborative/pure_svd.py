"""Singular vectors of who had what (Cremonesi, Koren and Turrin, Performance of recommender algorithms on top-n tasks, RecSys 2010)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import had, interactions
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender

SPARE = 10  # directions beyond those kept, which make the kept ones exact


class PureSVD(Recommender):
    """The history, seen through the strongest directions of the user-item matrix, missing entries as 0.

    Users are folded in: a history's scores are `history V V^T`, for a training user the same as the user's row of the decomposition.

    Args:
        factors: Directions kept; no more than there are users or items.
        rounds: Power iterations; more separate directions of nearly the same strength better.
        seed: Of the random start.
    """

    kind: ClassVar[str] = "pure_svd"

    def __init__(
        self, factors: Annotated[int, Field(ge=1)] = 50, rounds: Annotated[int, Field(ge=1)] = 6, seed: Annotated[int, Field(ge=0)] = 0
    ) -> None:
        self.factors, self.rounds, self.seed = factors, rounds, seed

    def _learn(self, data: Dataset) -> None:
        self.directions_ = right_singular_vectors(interactions(data), self.factors, self.rounds, self.seed)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Histories projected on the kept directions, `[queries, items]`; 0 without a history."""
        result: NDArray[np.float32] = (had(queries) @ self.directions_) @ self.directions_.T
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The directions, `[items, factors]`."""
        return {"directions": self.directions_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.directions_ = arrays["directions"]


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
