"""Retrieve, filter, rank: the same steps offline and online, with the source and the ranker passed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates

Query = TypeVar("Query", contravariant=True)
Asked = TypeVar("Asked")


class Source(Protocol[Query]):
    """Where candidates come from."""

    def __call__(self, query: Query, /) -> list[Candidates]:
        """For each request of the query the whole catalogue, or as much of it as the source knows, with scores."""


class Ranker(Protocol[Query]):
    """Judges candidates with everything that is known."""

    def __call__(self, query: Query, candidates: list[Candidates], /) -> list[Candidates]:
        """The same items of each request with final scores and task predictions."""


@dataclass(frozen=True)
class Funnel(Generic[Asked]):
    """One source and one ranker; a query holds one request or several that are answered together.

    Attributes:
        source: Retrieves.
        ranker: Ranks what is left after filtering.
        width: How many candidates of a request are ranked.
    """

    source: Source[Asked]
    ranker: Ranker[Asked]
    width: int

    def run(self, query: Asked, wanted: Sequence[int], excluded: Sequence[NDArray[np.integer]]) -> list[Candidates]:
        """For each request the best `wanted` items without its excluded rows; fewer when the catalogue has no more."""
        found = [exclude(candidates, rows) for candidates, rows in zip(self.source(query), excluded, strict=True)]
        ranked = self.ranker(query, [candidates.best(max(self.width, n)) for candidates, n in zip(found, wanted, strict=True)])
        return [candidates.best(n) for candidates, n in zip(ranked, wanted, strict=True)]


def exclude(candidates: Candidates, rows: NDArray[np.integer]) -> Candidates:
    """The candidates whose item is none of `rows`."""
    if not len(rows):
        return candidates
    return candidates.take(~np.isin(candidates.items, rows))
