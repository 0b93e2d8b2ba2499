"""What models of ratings share: what they learn from, and predictions as of each event's own time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import past_ratings, rating_task, ratings
from penchant.models.queries import Queries
from penchant.models.recommender import BLOCK, Recommender
from penchant.schema.errors import DataError


class RatingModel(Recommender):
    """A model whose scores are predicted ratings: the labels of the recipe's first regression task.

    Attributes:
        mean_, deviation_: Of the training ratings; the deviation is 1 where all are alike.
        bounds_: The least and the greatest of them `[2]`; predictions stay within, scores need not.
    """

    mean_: float
    deviation_: float
    bounds_: NDArray[np.float32]

    def learnt(self, data: Dataset) -> csr_array:
        """The part's ratings in deviations from their mean, `[users, items]`, float32; the mean itself is a 0 that is present.

        Raises:
            RecipeError: when the recipe has no regression task.
            DataError: when nothing is rated.
        """
        matrix = ratings(data)
        if not matrix.nnz:
            raise DataError("the training part", must="at least one rating", came="none", do="Check the label of the regression task.")
        self.mean_, self.deviation_ = float(matrix.data.mean()), float(matrix.data.std()) or 1.0
        self.bounds_ = np.array([matrix.data.min(), matrix.data.max()], dtype=np.float32)
        return self._standard(matrix)

    def given(self, queries: Queries) -> csr_array:
        """What each query's user thought of the items of the past, in the same unit, `[queries, items]`."""
        return self._standard(past_ratings(queries, self.recipe_))

    def _standard(self, matrix: csr_array) -> csr_array:
        matrix.data = ((matrix.data - self.mean_) / self.deviation_).astype(np.float32)
        return matrix

    def in_stars(self, standard: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Deviations from the mean as ratings."""
        return (self.mean_ + self.deviation_ * standard).astype(np.float32)

    def predict(self, data: Dataset) -> dict[str, NDArray[np.float32]]:
        """The rating expected of each event from what its user had rated before that moment, `{task: [rows]}`, within the bounds."""
        queries = Queries.at_events(data, data.rows)
        _, firsts, place = np.unique(queries.before, return_index=True, return_inverse=True)  # one question per user and moment
        item, result = data.log.item[data.rows], np.empty(len(data), dtype=np.float32)
        for start in range(0, len(firsts), BLOCK):
            scores = self.scores(queries.take(firsts[start : start + BLOCK]))
            mine = (place >= start) & (place < start + BLOCK)
            result[mine] = scores[place[mine] - start, item[mine]]
        return {rating_task(self.recipe_): result.clip(*self.bounds_)}

    def scale(self) -> dict[str, NDArray[Any]]:
        """Mean, deviation and bounds, as part of a `state`."""
        return {"scale": np.array([self.mean_, self.deviation_]), "bounds": self.bounds_}

    def take_scale(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take them from a `state`."""
        self.mean_, self.deviation_ = (float(each) for each in arrays["scale"])
        self.bounds_ = arrays["bounds"]
