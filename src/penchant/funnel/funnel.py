"""Retrieve, filter, rank: the same steps offline and online, with the source and the ranker passed in."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates

Query = TypeVar("Query", contravariant=True)
Asked = TypeVar("Asked")


class Source(Protocol[Query]):
    """Where candidates come from."""

    def __call__(self, query: Query, /) -> Candidates:
        """The whole catalogue, or as much of it as the source knows, with scores."""


class Ranker(Protocol[Query]):
    """Judges candidates with everything that is known."""

    def __call__(self, query: Query, candidates: Candidates, /) -> Candidates:
        """The same items with final scores and task predictions."""


@dataclass(frozen=True)
class Funnel(Generic[Asked]):
    """One source and one ranker.

    Attributes:
        source: Retrieves.
        ranker: Ranks what is left after filtering.
        width: How many candidates are ranked.
    """

    source: Source[Asked]
    ranker: Ranker[Asked]
    width: int

    def run(self, query: Asked, n: int, excluded: NDArray[np.integer]) -> Candidates:
        """The best n items without the excluded rows; fewer when the catalogue has no more."""
        found = exclude(self.source(query), excluded)
        return self.ranker(query, found.best(max(self.width, n))).best(n)


def exclude(candidates: Candidates, rows: NDArray[np.integer]) -> Candidates:
    """The candidates whose item is none of `rows`."""
    if not len(rows):
        return candidates
    return candidates.take(~np.isin(candidates.items, rows))
