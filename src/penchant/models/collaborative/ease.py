"""A linear model of items by all other items, in closed form (Steck, Embarrassingly shallow autoencoders for sparse data, WWW 2019).

Dropout in closed form as in Steck, Autoencoders that don't overfit towards the identity (NeurIPS 2020).
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.collaborative.interactions import had, interactions, products_of_columns
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.errors import DataError

BYTES_PER_PAIR = 3 * 8  # while it is fitted: the products, their factors and the inverse, in double precision


class EASE(Recommender):
    """The least squares reconstruction of a user's items, each from the user's others.

    Its weights are dense, items x items: 50 MB in float32 for 3,700 items, and `24 * items ** 2` bytes while it is fitted.

    Args:
        regularisation: Squared weights' price (lambda), in events; more for sparser data.
        dropout: Share of a history's items that are left out at random, in expectation over all ways to do so; holds back weights from
            items that many users have had. 0 = EASE as published first.
        user_scaling: Each user's squared error is divided by the number of the user's items to this power, so that those who had
            nearly everything do not decide alone. Needs less regularisation.
    """

    kind: ClassVar[str] = "ease"

    def __init__(
        self,
        regularisation: Annotated[float, Field(gt=0)] = 500.0,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        user_scaling: Annotated[float, Field(ge=0, le=2)] = 0.0,
    ) -> None:
        self.regularisation, self.dropout, self.user_scaling = regularisation, dropout, user_scaling

    def _learn(self, data: Dataset) -> None:
        matrix = interactions(data)
        _check_room(matrix.shape[1])
        counts = np.diff(matrix.indptr)
        matrix.data = (np.repeat(counts, counts) ** (-self.user_scaling / 2)).astype(np.float32)  # its square weighs the error
        products = torch.from_numpy(products_of_columns(csr_array(matrix.T))).double()
        products.diagonal().mul_(1 / (1 - self.dropout)).add_(self.regularisation)
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(products))
        weights = inverse / -inverse.diagonal()
        weights.fill_diagonal_(0)
        self.weights_: NDArray[np.float32] = weights.float().contiguous().numpy()  # rows in one piece: histories are sums of rows

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """Sums of the weights from each history's items, `[queries, items]`; 0 without a history."""
        result: NDArray[np.float32] = had(queries) @ self.weights_
        return result

    def item_similarities(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """The weights from these items to all, `[rows, items]`."""
        result: NDArray[np.float32] = self.weights_[rows]
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The weights."""
        return {"weights": self.weights_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.weights_ = arrays["weights"]


def _check_room(items: int) -> None:
    """Refuse a catalogue whose square does not fit into the machine's memory.

    Raises:
        DataError: saying how many items would fit.
    """
    memory = memory_bytes()
    if items**2 * BYTES_PER_PAIR > memory:
        raise DataError(
            "the catalogue of an EASE model",
            must=f"at most {int((memory / BYTES_PER_PAIR) ** 0.5):,} items (items x items x {BYTES_PER_PAIR} bytes in memory)",
            came=f"{items:,} items",
            do="Use kind = 'item_knn' or 'als', which stay sparse, or leave out rare items.",
        )


def memory_bytes() -> int:
    """The machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
