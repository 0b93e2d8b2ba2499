"""A classic model that proposes items for the network to rank."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.models.queries import Queries
from penchant.models.recommender import Recommender, without

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class CandidateSource:
    """A fitted classic model beside the network's retrieval.

    Attributes:
        model: Scores the catalogue.
        candidates: The most it proposes for one query.
    """

    model: Recommender
    candidates: int

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """The model's scores `[queries, items]`, -inf at each query's bottom: a model that scores all items alike proposes none."""
        scores = self.model.scores(queries)
        scores[scores == scores.min(axis=1, keepdims=True)] = -np.inf
        return scores

    def best(self, queries: Queries, exclude_seen: bool, ranked: NDArray[np.bool_] | None, ordered: bool = False) -> Rows:
        """The rows of the best items of each query, in row order, `[queries, candidates]`; -1 where fewer are left.

        Of items that are tied for the last place those of lower rows are taken, as `funnel.candidates` does. `ordered`: the best first.
        """
        scores = torch.from_numpy(without(self.scores(queries), queries, exclude_seen, ranked))
        count = min(self.candidates, scores.shape[1])
        edge = scores.topk(count, dim=1).values[:, -1:]
        over, tied = scores > edge, (scores == edge) & edge.isfinite()
        chosen = over | (tied & (tied.cumsum(dim=1) <= count - over.sum(dim=1, keepdim=True)))
        query, item = chosen.numpy().nonzero()
        rows = np.full((len(queries), count), -1, dtype=np.int64)
        if ordered:
            best = np.lexsort((item, -scores[query, item].numpy(), query))
            query, item = query[best], item[best]
        rows[query, np.arange(len(query)) - np.searchsorted(query, query)] = item
        return rows


def each_once(parts: Sequence[NDArray[np.integer[Any]]]) -> Rows:
    """Rows `[queries, n]` of several lists side by side `[queries, sum of n]`; -1 for a row that a list further left holds.

    >>> each_once([np.array([[3, 1]]), np.array([[1, 2, -1]])]).tolist()
    [[3, 1, -1, 2, -1]]
    """
    rows = np.concatenate(parts, axis=1).astype(np.int64)
    order = np.argsort(rows, axis=1, kind="stable")
    ordered = np.take_along_axis(rows, order, axis=1)
    ordered[:, 1:][ordered[:, 1:] == ordered[:, :-1]] = -1
    np.put_along_axis(rows, order, ordered, axis=1)
    return rows
