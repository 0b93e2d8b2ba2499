"""Who had what, as sparse matrices: what collaborative models learn from and what they are asked with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset
from penchant.models.queries import Queries


def interactions(data: Dataset) -> csr_array:
    """The wanted events of a part, `[users, items]`, float32: 1 where there is any, however many."""
    rows = data.positives
    shape = (len(data.log.users), len(data.log.items))
    matrix = csr_array((np.ones(len(rows), dtype=np.float32), (data.log.user[rows], data.log.item[rows])), shape=shape)
    matrix.data[:] = 1
    return matrix


def past(queries: Queries, recency: float = 1.0) -> csr_array:
    """What each query's user has had, `[queries, items]`, float32: how often, an event weighing `recency ** (events since)`.

    A user the log does not know has an empty row. Items of the log are known by their rows; there are as many as its catalogue has.
    """
    query, item = queries.seen()
    weight = np.ones(len(query), dtype=np.float32)
    if recency < 1:
        counts = np.bincount(query, minlength=len(queries))
        weight = (recency ** (np.cumsum(counts)[query] - 1 - np.arange(len(query)))).astype(np.float32)
    return csr_array((weight, (query, item)), shape=(len(queries), len(queries.log.items)))


def sparse_state(name: str, matrix: csr_array) -> dict[str, NDArray[Any]]:
    """A sparse matrix as arrays `name.data`, `name.indices` and `name.indptr`, for a model's `state`."""
    return {f"{name}.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}


def sparse_from(name: str, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> csr_array:
    """The matrix that `sparse_state` wrote."""
    return csr_array(tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr")), shape=shape)
