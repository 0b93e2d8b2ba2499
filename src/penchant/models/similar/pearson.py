"""Vectors whose cosines are Pearson's correlations."""

import numpy as np

from penchant.models.similar.spaces import Floats


def without_mean(vectors: Floats) -> Floats:
    """Vectors `[n, width]` less the mean of their own numbers."""
    return vectors - vectors.mean(axis=1, keepdims=True) if vectors.shape[1] else vectors


def without_common(vectors: Floats, common: Floats) -> Floats:
    """Vectors `[n, directions]` whose products are those of the columns (or rows) they stand for with their means taken off.

    Of a product `x · z`, the means take away `(c · x)(c · z)`, `c` being `common`, of length 1 at most; each vector is shortened along `c`
    by as much as leaves that.
    """
    square = min(float(common @ common), 1.0)
    if not square:
        return vectors
    shortened = (1 - np.sqrt(1 - square)) / square
    along: Floats = np.outer(vectors @ common, common).astype(np.float32)
    return vectors - np.float32(shortened) * along
