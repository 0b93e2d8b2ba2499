"""Ratings as mean, biases and a product of vectors, by alternating least squares.

Koren, Bell and Volinsky, Matrix factorization techniques for recommender systems (IEEE Computer 2009), equation 5, with the
regularisation by number of ratings of Zhou et al., Large-scale parallel collaborative filtering for the Netflix prize (AAIM 2008).
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.rating_model import RatingModel
from penchant.models.queries import Queries
from penchant.schema.space import Range

Vectors = NDArray[np.float64]

START = 0.1  # deviation of the random vectors at the start
ROWS = 16_384  # whose equations are held at one time
DAMPING = 5.0  # ratings by which everything is held back before the first


class BiasedMF(RatingModel):
    """`mean + user bias + item bias + p q`.

    The loss is `sum over ratings (rating - prediction)^2 + r sum of (n + 5) (bias^2 + |vector|^2)`, ratings in deviations from their
    mean and `n` a user's or an item's ratings.
    A user's bias and vector solve their equations with the history at hand, so that somebody training did not know is served alike;
    without a history both are 0. An item without ratings has neither, and is expected to be rated as the user rates.

    Args:
        factors: Length of p and q.
        regularisation: Price of squared biases and lengths, per rating (r).
        iterations: Times that users and items are solved for.
        seed: Of the random start.
    """

    kind: ClassVar[str] = "biased_mf"
    space: ClassVar[Mapping[str, Range]] = {
        "factors": Range(low=4, high=64, log=True),
        "regularisation": Range(low=0.02, high=0.5, log=True),
    }

    def __init__(
        self,
        factors: Annotated[int, Field(ge=1)] = 16,
        regularisation: Annotated[float, Field(gt=0)] = 0.1,
        iterations: Annotated[int, Field(ge=1)] = 15,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.factors, self.regularisation, self.iterations, self.seed = factors, regularisation, iterations, seed

    def _learn(self, data: Dataset) -> None:
        matrix = self.learnt(data)
        transposed = csr_array(matrix.T)
        items = START * np.random.default_rng(self.seed).standard_normal((matrix.shape[1], 1 + self.factors))
        items[:, 0] = 0
        for _ in range(self.iterations):
            items = self._solved(transposed, self._solved(matrix, items))
        self.items_ = items.astype(np.float32)

    def _solved(self, matrix: csr_array, others: Vectors) -> Vectors:
        """The best bias and vector of each row `[rows, 1 + factors]`, given those of the columns."""
        result = np.empty((matrix.shape[0], others.shape[1]))
        for start in range(0, len(result), ROWS):
            part = slice(start, start + ROWS)
            left, right = equations(matrix[part], others)
            price = self.regularisation * (left[:, 0, 0] + DAMPING)
            result[part] = np.linalg.solve(left + price[:, None, None] * np.eye(left.shape[1]), right[:, :, None])[:, :, 0]
        return result

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Predicted ratings `[queries, items]`."""
        items = self.items_.astype(np.float64)
        return self.in_stars(products(self._solved(self.given(queries), items), items))

    def state(self) -> dict[str, NDArray[Any]]:
        """Biases and vectors of the items `[items, 1 + factors]`, and the scale of the ratings."""
        return {"items": self.items_} | self.scale()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.items_ = arrays["items"]
        self.take_scale(arrays)


def equations(matrix: csr_array, others: Vectors, weights: Vectors | None = None) -> tuple[Vectors, Vectors]:
    """What the ratings of each row ask of its bias and vector: `left @ (bias, vector) = right`.

    Args:
        matrix: Ratings as deviations `[rows, columns]`; one that is 0 is still present.
        others: Bias and vector of each column `[columns, width]`.
        weights: How much each column's ratings count `[columns]`; 1 when absent.

    Returns:
        `[rows, width, width]` and `[rows, width]`; 0 for a row without ratings.
    """
    width = others.shape[1]
    design = np.concatenate([np.ones((len(others), 1)), others[:, 1:]], axis=1)
    weighed = design if weights is None else design * weights[:, None]
    pairs = (weighed[:, :, None] * design[:, None, :]).reshape(len(design), -1)
    left = _like(matrix, np.ones(matrix.nnz)) @ pairs
    right = _like(matrix, matrix.data - others[matrix.indices, 0]) @ weighed
    return left.reshape(-1, width, width), right


def products(rows: Vectors, columns: Vectors) -> Vectors:
    """What biases and vectors `[rows, width]` and `[columns, width]` say of every pair `[rows, columns]`."""
    result: Vectors = rows[:, :1] + columns[:, 0] + rows[:, 1:] @ columns[:, 1:].T
    return result


def _like(matrix: csr_array, data: NDArray[Any]) -> csr_array:
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)
