"""How alike two users or two items are by who had what, or by who thought what of it.

Cosine, adjusted cosine and Pearson as in Sarwar et al., Item-based collaborative filtering recommendation algorithms (WWW 2001);
shrinkage added to the norm as in Ferrari Dacrema et al., Are we really making much progress? (RecSys 2019); the asymmetric norm as in
Aiolli, Efficient top-n recommendation for very large scale binary rated datasets (RecSys 2013).
"""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from penchant.models.collaborative.interactions import products_of_columns

Kind = Literal["cosine", "adjusted_cosine", "pearson", "jaccard"]
Values = Literal["events", "ratings"]
Dense = NDArray[np.float32]

CELLS = 64_000_000  # products of all pairs are held at one time up to this many: 256 MB


def cosines(vectors: Dense, rows: NDArray[np.integer[Any]]) -> Dense:
    """Cosines of some rows with all rows, `[rows, vectors]`; 0 for a vector without length."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Dense = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    result: Dense = unit[rows] @ unit.T
    return result


class Similarity:
    """How alike any vectors are to the rows of one matrix.

    Pearson takes each vector's own mean off, adjusted cosine the mean of each column (when items are compared: the user's).
    Where the values are events, what is absent is a 0 and every column counts. Where they are ratings, what is absent is unknown:
    means are over what is present, and the sums of both centred kinds run over the columns present in both vectors.

    Args:
        known: `[known, columns]`, what others are compared with.
        kind: Which similarity; jaccard looks only at what is present.
        shrinkage: Added to the norm, so that vectors with little in common count less.
        values: What the matrix holds.
        asymmetry: Of a cosine's norm, the exponent of the known vector's squared length, the other having what is left of 1; 0.5 = the
            cosine, more = long vectors are less alike to others than others are to them.
    """

    def __init__(self, known: csr_array, kind: Kind, shrinkage: float, values: Values = "events", asymmetry: float = 0.5) -> None:
        self.kind, self.shrinkage, self.explicit, self.asymmetry = kind, shrinkage, values == "ratings", asymmetry
        self.column_means = _means(known, axis=0, present=self.explicit)
        self.known = self._vectors(known)
        self.transposed = csr_array(self.known.T)

    def to(self, vectors: csr_array) -> Dense:
        """Similarities of vectors `[asked, columns]` to every row of the matrix, `[asked, known]`; 0 where a norm is 0."""
        asked = self._vectors(vectors)
        return self._of(asked, _product(asked, self.transposed))

    def within(self, size: int) -> Iterator[Dense]:
        """Similarities of the matrix's own rows to every row, `size` of them at a time `[size, known]`; 0 to themselves."""
        rows = self.known.shape[0]
        products = products_of_columns(self.known) if rows**2 <= CELLS else None
        for start in range(0, rows, size):
            asked = self.known[start : start + size]
            similarity = self._of(asked, _product(asked, self.transposed) if products is None else products[start : start + size])
            similarity[np.arange(len(similarity)), start + np.arange(len(similarity))] = 0
            yield similarity

    def _of(self, asked: csr_array, product: Dense) -> Dense:
        norm = self._norm(asked, product)
        if self.kind in ("adjusted_cosine", "pearson") and not self.explicit:
            product = self._centred(asked, product)
        result: Dense = np.divide(product, norm + self.shrinkage, out=np.zeros_like(product), where=norm > 0)
        return result

    def _vectors(self, vectors: csr_array) -> csr_array:
        """The vectors as they are multiplied: presence for jaccard, ratings without the mean for the centred kinds."""
        changed = vectors.copy()
        if self.kind == "jaccard":
            changed.data[:] = 1
        if self.kind == "pearson" and self.explicit:
            changed.data -= np.repeat(_means(vectors, axis=1, present=True), np.diff(vectors.indptr))
        if self.kind == "adjusted_cosine" and self.explicit:
            changed.data -= self.column_means[vectors.indices]
        return changed

    def _norm(self, asked: csr_array, product: Dense) -> Dense:
        if self.kind == "jaccard":
            union: Dense = _squares(asked)[:, None] + _squares(self.known) - product
            return union
        if self.kind == "cosine":
            lengths: Dense = np.outer(_squares(asked) ** (1 - self.asymmetry), _squares(self.known) ** self.asymmetry)
            return lengths
        if self.explicit:
            of_asked = _product(_squared(asked), _present(self.transposed))
            common: Dense = np.sqrt(of_asked * _product(_present(asked), _squared(self.transposed)))
            return common
        return _roots(self._centred_squares(asked), self._centred_squares(self.known))

    def _centred(self, asked: csr_array, product: Dense) -> Dense:
        """Products of vectors without their means, from the products of the vectors: so they stay sparse."""
        columns = asked.shape[1]
        if self.kind == "pearson":
            by_row: Dense = product - columns * np.outer(_means(asked, 1, False), _means(self.known, 1, False))
            return by_row
        means = self.column_means
        by_column: Dense = product - (asked @ means)[:, None] - self.known @ means + np.float32(means @ means)
        return by_column

    def _centred_squares(self, vectors: csr_array) -> Dense:
        if self.kind == "pearson":
            squares = _squares(vectors) - vectors.shape[1] * _means(vectors, 1, False) ** 2
        else:
            squares = _squares(vectors) - 2 * (vectors @ self.column_means) + self.column_means @ self.column_means
        positive: Dense = np.maximum(squares, 0)
        return positive


def keep_nearest(similarity: Dense, neighbours: int) -> csr_array:
    """The `neighbours` highest positive similarities of each row; all of those tied with the last of them."""
    if neighbours < similarity.shape[1]:
        edge = np.partition(similarity, -neighbours, axis=1)[:, -neighbours, None]
        similarity = np.where(similarity >= edge, similarity, 0)
    return csr_array(np.maximum(similarity, 0))


def _roots(one: Dense, other: Dense) -> Dense:
    """Products of two vectors' lengths, from their squares."""
    roots: Dense = np.sqrt(np.outer(one, other))
    return roots


def _product(one: csr_array, other: csr_array) -> Dense:
    result: Dense = (one @ other).toarray()
    return result


def _means(matrix: csr_array, axis: int, present: bool) -> Dense:
    """Of each column (axis 0) or row (axis 1): over what is present, or over everything; 0 where there is nothing."""
    total = np.asarray(matrix.sum(axis=axis), dtype=np.float32).ravel()
    count = _present(matrix).sum(axis=axis) if present else np.full(len(total), matrix.shape[axis])
    result: Dense = (total / np.maximum(count, 1)).astype(np.float32)
    return result


def _squares(matrix: csr_array) -> Dense:
    result: Dense = np.asarray(_squared(matrix).sum(axis=1), dtype=np.float32).ravel()
    return result


def _squared(matrix: csr_array) -> csr_array:
    return csr_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)


def _present(matrix: csr_array) -> csr_array:
    ones: Any = np.ones_like(matrix.data)
    return csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape)
