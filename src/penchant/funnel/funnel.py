"""Retrieve, filter, rank: the same steps offline and online, with the source and the ranker passed in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.funnel.union import Limit, limited, union, with_sources

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
class Proposer(Generic[Asked]):
    """A source beside retrieval, and how many of its best are ranked."""

    source: Source[Asked]
    width: int
    name: str = ""


@dataclass(frozen=True)
class Funnel(Generic[Asked]):
    """Sources and one ranker; a query holds one request or several that are answered together.

    Attributes:
        source: Retrieves.
        ranker: Ranks what is left after filtering.
        width: How many candidates of retrieval are ranked. None: only proposals are, and everything that the source knows for a
            request with fewer of them than wanted.
        proposers: Whose candidates are ranked too.
    """

    source: Source[Asked]
    ranker: Ranker[Asked]
    width: int | None
    proposers: Sequence[Proposer[Asked]] = ()

    @property
    def names(self) -> list[str]:
        """Of the sources, in the order of the bits of `Candidates.sources`."""
        return [*(["retrieval"] if self.width is not None else []), *(each.name for each in self.proposers)]

    def run(
        self,
        query: Asked,
        wanted: Sequence[int],
        excluded: Sequence[NDArray[np.integer]],
        limits: Sequence[Limit | None] | None = None,
        explained: bool = False,
    ) -> list[Candidates]:
        """For each request the best `wanted` items without its excluded rows; fewer when the catalogue has no more.

        Args:
            query: The requests.
            wanted, excluded: Of each.
            limits: How many candidates of each are ranked and whose; all that are proposed when absent. Never fewer than wanted.
            explained: Whether candidates tell their sources; none where the whole catalogue was ranked for want of proposals.
        """
        parts = [self._best(each.source, query, [each.width] * len(wanted), excluded) for each in self.proposers]
        if self.width is not None:
            parts.insert(0, self._best(self.source, query, [max(self.width, n) for n in wanted], excluded))
        each_request = list(zip(*parts, strict=True))
        if limits is None:
            found = [union(each) for each in each_request]
        else:
            told = zip(each_request, limits, wanted, strict=True)
            found = [
                union(each) if limit is None else limited(each, replace(limit, ranked=max(limit.ranked, n))) for each, limit, n in told
            ]
        if explained:
            found = [with_sources(one, each) for one, each in zip(found, each_request, strict=True)]
        if self.width is None and any(len(candidates) < n for candidates, n in zip(found, wanted, strict=True)):
            everything = [exclude(each, rows) for each, rows in zip(self.source(query), excluded, strict=True)]
            found = [few if len(few) >= n else every for few, every, n in zip(found, everything, wanted, strict=True)]
        ranked = self.ranker(query, found)
        return [candidates.best(n) for candidates, n in zip(ranked, wanted, strict=True)]

    def _best(
        self, source: Source[Asked], query: Asked, widths: Sequence[int], excluded: Sequence[NDArray[np.integer]]
    ) -> list[Candidates]:
        asked = zip(source(query), excluded, widths, strict=True)
        return [exclude(candidates, rows).best(width) for candidates, rows, width in asked]


def exclude(candidates: Candidates, rows: NDArray[np.integer]) -> Candidates:
    """The candidates whose item is none of `rows`."""
    if not len(rows):
        return candidates
    barred = np.zeros(max(int(candidates.items.max(initial=-1)), int(rows.max())) + 1, dtype=bool)
    barred[rows] = True
    return candidates.take(~barred[candidates.items])
