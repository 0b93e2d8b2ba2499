"""Who had what and thought how of it, as sparse matrices: what collaborative models learn from and what they are asked with."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset, labels_of
from penchant.models.queries import Queries
from penchant.schema.errors import RecipeError
from penchant.schema.recipe import Recipe

PRODUCTS_AT_ONCE = 256  # rows


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


def had(queries: Queries) -> csr_array:
    """What each query's user has had, `[queries, items]`, float32: 1 where there is any event, however many."""
    matrix = past(queries)
    matrix.data[:] = 1
    return matrix


def ratings(data: Dataset) -> csr_array:
    """What users thought of items in a part, `[users, items]`, float32: the mean of a pair's labels of the regression task.

    Pairs without a label are absent; a mean of 0 is present.

    Raises:
        RecipeError: when the recipe has no regression task.
    """
    return _mean_labels(data, data.log.user[data.rows], len(data.log.users))


def past_ratings(queries: Queries, recipe: Recipe) -> csr_array:
    """What each query's user thought of the items of the past, `[queries, items]`, as `ratings` has it."""
    query, rows = queries.known()
    return _mean_labels(Dataset(recipe, queries.log, rows), query, len(queries))


def _mean_labels(data: Dataset, owner: NDArray[np.integer[Any]], owners: int) -> csr_array:
    label = labels_of(data, rating_task(data.recipe))
    known = ~np.isnan(label)
    pairs, shape = (owner[known], data.log.item[data.rows[known]]), (owners, len(data.log.items))
    total = csr_array((label[known], pairs), shape=shape)
    count = csr_array((np.ones_like(total.data, shape=known.sum()), pairs), shape=shape)
    total.data /= count.data  # both hold the same pairs in the same order
    return total


def item_scale(matrix: csr_array, power: float) -> NDArray[np.float32]:
    """Each item's number of users to a power, `[items]`; 1 for an item without any."""
    scale: NDArray[np.float32] = (np.maximum(np.bincount(matrix.indices, minlength=matrix.shape[1]), 1) ** power).astype(np.float32)
    return scale


def divided(matrix: csr_array, scale: NDArray[np.float32]) -> csr_array:
    """The matrix with each column divided by its scale."""
    return csr_array((matrix.data / scale[matrix.indices], matrix.indices, matrix.indptr), shape=matrix.shape)


def products_of_columns(transposed: csr_array) -> NDArray[np.float32]:
    """`transposed @ transposed.T`, dense `[rows, rows]`: of events, how many had both. Half is worked out, the rest is its mirror image."""
    rows = transposed.shape[0]
    result = np.empty((rows, rows), dtype=np.float32)
    matrix = csr_array(transposed.T)
    for start in range(0, rows, PRODUCTS_AT_ONCE):
        part = slice(start, start + PRODUCTS_AT_ONCE)
        result[part, start:] = (transposed[part] @ matrix[:, start:]).toarray()
        result[start:, part] = result[part, start:].T
    return result


def rating_task(recipe: Recipe) -> str:
    """The name of the regression task whose label counts as the rating: the first.

    Raises:
        RecipeError: when there is none.
    """
    found = [name for name, task in recipe.tasks.items() if task.kind == "regression" and task.label is not None]
    if not found:
        do = 'Add one, for example kind = "regression", label = "rating", or use a model of events (values = "events" where it has both).'
        raise RecipeError("the recipe of a model of ratings", must="one with a regression task", came="none", do=do)
    return found[0]


def sparse_state(name: str, matrix: csr_array) -> dict[str, NDArray[Any]]:
    """A sparse matrix as arrays `name.data`, `name.indices` and `name.indptr`, for a model's `state`."""
    return {f"{name}.{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}


def sparse_from(name: str, arrays: Mapping[str, NDArray[Any]], shape: tuple[int, int]) -> csr_array:
    """The matrix that `sparse_state` wrote."""
    return csr_array(tuple(arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr")), shape=shape)
