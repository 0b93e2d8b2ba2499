"""One side of an interaction as a vector: what it was together with, and what is told of it."""

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional as F

from penchant.models.blocks.dropout import Dropout
from penchant.models.blocks.embedding import SCALE
from penchant.models.blocks.feed_forward import start_at_zero


class SparseLinear(nn.Module):
    """Sparse rows times a learnt matrix `[columns, width]`: the first layer over one-hot or interaction rows, never made dense."""

    def __init__(self, columns: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(max(columns, 1), width) * SCALE)

    def forward(self, rows: csr_array) -> Tensor:
        """`[n, width]`; an empty row is 0."""
        return product(rows, self.weight)


def product(rows: csr_array, weight: Tensor) -> Tensor:
    """Sparse rows `[n, columns]` times a matrix `[columns, width]`."""
    if not rows.nnz:
        return weight.new_zeros(rows.shape[0], weight.shape[1])
    index, ends = (torch.from_numpy(array.astype(np.int64)) for array in (rows.indices, rows.indptr))
    values = torch.from_numpy(rows.data.astype(np.float32))
    return F.embedding_bag(index, weight, ends[:-1], mode="sum", per_sample_weights=values)


class Tower(nn.Module):
    """A user's (item's) row of the interaction matrix, brought to length 1, and its attributes, through layers.

    Args:
        columns: Of the interaction rows.
        attributes: Columns of the attributes; 0 leaves them out.
        layers: Widths, the first that of the sum of both embeddings; between them a ReLU, none behind the last.
        dropout: Share of the first layer's units left out in training.
        scaling: Interaction rows are divided by their length to this power: 1 = all of one length, 0 = as they are.
        direct: Whether the interaction row also goes to the output by one matrix, past the layers, which then start at 0.
    """

    def __init__(
        self, columns: int, attributes: int, layers: tuple[int, ...], dropout: float, *, scaling: float = 1.0, direct: bool = False
    ) -> None:
        super().__init__()
        self.scaling = scaling
        self.had = SparseLinear(columns, layers[0])
        self.told = SparseLinear(attributes, layers[0]) if attributes else None
        self.bias = nn.Parameter(torch.zeros(layers[0]))
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList([nn.Linear(before, after) for before, after in pairwise(layers)])
        self.direct = SparseLinear(columns, layers[-1]) if direct else None
        if direct:
            start_at_zero(self.layers[-1])

    def forward(self, rows: csr_array, attributes: csr_array) -> Tensor:
        """Vectors `[n, layers[-1]]` of interaction rows `[n, columns]` and attribute rows `[n, attributes]`."""
        rows = scaled_rows(rows, self.scaling)
        vectors = self.had(rows) + self.bias
        if self.told is not None:
            vectors = vectors + self.told(attributes)
        vectors = self.dropout(vectors)
        for layer in self.layers:
            vectors = layer(torch.relu(vectors))
        result: Tensor = vectors if self.direct is None else vectors + self.direct(rows)
        return result


def scaled_rows(rows: csr_array, power: float = 1.0) -> csr_array:
    """Rows divided by their length to a power, so that with 1 their length is 1; an empty row stays empty."""
    squares = np.add.reduceat(np.append(rows.data.astype(np.float64) ** 2, 0.0), rows.indptr[:-1]) if rows.shape[0] else np.zeros(0)
    length = np.sqrt(np.where(np.diff(rows.indptr) > 0, squares, 1))
    scaled = rows.data / np.repeat(length**power, np.diff(rows.indptr))
    return csr_array((scaled.astype(np.float32), rows.indices, rows.indptr), shape=rows.shape)


def rows_or_none(matrix: csr_array, rows: NDArray[np.int64]) -> csr_array:
    """Some rows of a matrix; an empty one for row -1."""
    found = matrix[np.maximum(rows, 0)]
    return csr_array(found * (rows >= 0)[:, None].astype(np.float32)) if (rows < 0).any() else found
