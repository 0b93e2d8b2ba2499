"""The best items of a large catalogue by the products of some: an inverted file, which reads only the lists nearest to a query.

Jégou, Douze and Schmid, Product quantization for nearest neighbor search (IEEE TPAMI 2011, section 4), with vectors kept as they are
(Douze et al., The Faiss library, 2024) but for one number more, which makes all of a length, so that the nearest lists hold the largest
products: Bachrach et al., Speeding up the Xbox recommender system using a Euclidean transformation for inner-product spaces (RecSys 2014).
"""

from math import isqrt

import faiss
import numpy as np

from penchant.funnel.exact import Exact, Floats, Mask, Rows

ENOUGH = 0.98  # recall@MEASURED that searching must have
MEASURED = 100
LISTS = 2  # times the root of the number of items
PER_LIST = 64  # vectors that a list's centre is learnt from
ROUNDS = 10  # of k-means


class Near:
    """Items in lists; a query reads the few lists whose centres it agrees with most.

    How few, is measured as the index is built: the exact best of some queries are looked for, and a quarter more lists are read until
    `ENOUGH` of them are found.

    Args:
        vectors: Of the items `[items, width]`, at least one.
        tried: Queries like those to come `[m, width]`, at least one.

    Attributes:
        probes: Lists read for a query.
        recall: The share of the tried queries' exact best 100 that reading so many finds.
    """

    def __init__(self, vectors: Floats, tried: Floats) -> None:
        self.exact, width = Exact(vectors), vectors.shape[1] + 1
        lists = LISTS * isqrt(len(vectors))
        self.faiss = faiss.IndexIVFFlat(faiss.IndexFlatIP(width), width, min(lists, len(vectors)), faiss.METRIC_INNER_PRODUCT)
        self.faiss.cp.niter, self.faiss.cp.max_points_per_centroid, self.faiss.cp.min_points_per_centroid = ROUNDS, PER_LIST, 1
        longer = of_one_length(self.exact.vectors.numpy())
        self.faiss.train(longer)
        self.faiss.add(longer)
        self.probes, self.recall = self._chosen(np.ascontiguousarray(tried, dtype=np.float32))

    def __len__(self) -> int:
        return len(self.exact)

    def _chosen(self, tried: Floats) -> tuple[int, float]:
        wanted, _ = self.exact.search(tried, min(MEASURED, len(self)))
        probes = 1
        while True:
            found, _ = self._read(tried, wanted.shape[1], probes)
            recall = float(np.mean([np.isin(own, listed).mean() for own, listed in zip(wanted, found, strict=True)]))
            if recall >= ENOUGH or probes >= self.faiss.nlist:
                return probes, recall
            probes = min(probes + 1 + probes // 4, self.faiss.nlist)

    def _read(self, queries: Floats, k: int, probes: int) -> tuple[Rows, Floats]:
        """The k items with the largest products in the lists read, best first; -1 where they hold fewer."""
        asked = np.pad(queries, ((0, 0), (0, 1)))  # the number more counts nothing
        reading = faiss.SearchParametersIVF()
        reading.nprobe = probes
        scores, rows = self.faiss.search(asked, k, params=reading)
        return rows, scores

    def search(self, queries: Floats, k: int, excluded: tuple[Rows, Rows] | None = None, ranked: Mask | None = None) -> tuple[Rows, Floats]:
        """The k items found with the largest products, as `Exact.search` gives them.

        For a query so many more are fetched as it excludes; where they are not found, twice as many lists are read, in the end all.
        With `ranked` the search is exact.
        """
        if ranked is not None:
            return self.exact.search(queries, k, excluded, ranked)
        asked = np.ascontiguousarray(queries, dtype=np.float32)
        rows, scores = np.full((len(asked), k), -1, dtype=np.int64), np.full((len(asked), k), -np.inf, dtype=np.float32)
        query, item = excluded if excluded is not None else (rows[:0, 0], rows[:0, 0])
        barred = np.unique(query * len(self) + item)
        needed = min(k, len(self)) + np.bincount(barred // len(self), minlength=len(asked))
        fetched = np.minimum(2 ** np.ceil(np.log2(needed)).astype(np.int64), len(self))  # few sizes, so that many are searched together
        for size in np.unique(fetched).tolist():
            self._fill(asked, np.flatnonzero(fetched == size), size, barred, rows, scores)
        return rows, scores

    def _fill(self, asked: Floats, left: Rows, size: int, barred: Rows, rows: Rows, scores: Floats) -> None:
        """Answer the queries `left` from `size` items each, in place."""
        probes, k = self.probes, min(rows.shape[1], len(self))
        while len(left):
            found, products = self._read(asked[left], size, probes)
            products[(found < 0) | _among(left[:, None] * len(self) + found, barred)] = -np.inf
            order = np.lexsort((found, -products), axis=1)[:, :k]
            best = np.take_along_axis(products, order, axis=1)
            done = np.isfinite(best[:, -1]) | (probes >= self.faiss.nlist)
            rows[left[done], :k] = np.where(np.isfinite(best), np.take_along_axis(found, order, axis=1), -1)[done]
            scores[left[done], :k] = best[done]
            left, probes = left[~done], min(2 * probes, self.faiss.nlist)


def _among(keys: Rows, barred: Rows) -> Mask:
    """Which keys are among the barred ones, which are in order."""
    if not len(barred):
        return np.zeros(keys.shape, dtype=bool)
    place = np.minimum(np.searchsorted(barred, keys), len(barred) - 1)
    same: Mask = barred[place] == keys
    return same


def of_one_length(vectors: Floats) -> Floats:
    """The vectors with a last number each that makes it as long as the longest, `[n, width + 1]`."""
    squares = np.einsum("nw,nw->n", vectors, vectors)
    more: Floats = np.sqrt(np.maximum(squares.max() - squares, 0))
    return np.column_stack([vectors, more]).astype(np.float32, copy=False)
