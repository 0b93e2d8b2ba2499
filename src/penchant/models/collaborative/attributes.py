"""What a recipe's features say of users and of items, as one sparse row of attributes each."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from penchant.data.dataset import Dataset
from penchant.features.feature import Array, Form
from penchant.features.feature_set import FeatureSet, Owner


def attributes(data: Dataset) -> tuple[csr_array, csr_array]:
    """The portraits of the log's users `[users, attributes]` and the contents of its items `[items, attributes]`, float32.

    Features are fitted on the part. A value of a category is a column holding 1, values of a bag share a length of 1, a vector keeps its
    columns; then every feature is scaled so that the part's users (items) have a mean squared length of 1 over all features together.
    What is unknown is 0. An id is no attribute: it says nothing of somebody new.
    """
    features = FeatureSet(data.recipe).fit(data)
    users = _rows_of(features, "user", data, data.log.user[data.rows])
    return users, _rows_of(features, "item", data, data.log.item[data.rows])


def _rows_of(features: FeatureSet, owner: Owner, data: Dataset, present: NDArray[np.integer]) -> csr_array:
    table = data.log.users if owner == "user" else data.log.items
    told = [name for name, part in features.parts[owner].items() if part.reads(name) != (f"{owner}_id",)]
    if not told:
        return csr_array((len(table), 0), dtype=np.float32)
    arrays, forms, trained = features.encode(owner, table), features.forms(owner), np.unique(present)
    blocks = [_scaled(one_block(arrays[name], forms[name]), trained, len(told)) for name in told]
    return csr_array(hstack(blocks, format="csr", dtype=np.float32))


def one_block(array: Array, form: Form) -> csr_array:
    """A feature's array `[n, *]` as rows of numbers `[n, size]`."""
    if form.shape == "vector":
        return csr_array(array.astype(np.float32))
    values = array.reshape(len(array), -1)
    known = values > 0
    length = np.sqrt(np.maximum(known.sum(axis=1, keepdims=True), 1))
    row = np.nonzero(known)[0]
    weight = np.broadcast_to(1 / length, values.shape)[known].astype(np.float32)
    return csr_array((weight, (row, values[known])), shape=(len(values), form.size))


def _scaled(block: csr_array, trained: NDArray[np.integer], features: int) -> csr_array:
    squares = float((block[trained].data.astype(np.float64) ** 2).sum())
    scale = np.sqrt(len(trained) / (squares * features)) if squares else 0.0
    return csr_array(block * np.float32(scale))
