"""Candidates of several sources as one table."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from penchant.funnel.candidates import Candidates
from penchant.schema.sections.funnel import FunnelSettings


@dataclass(frozen=True)
class Limit:
    """How many candidates of all sources together are ranked, and what each has for its own.

    Attributes:
        ranked: The most.
        shares: The share of them that each source's best have for their own, 0 to 1, in the order of the sources; together at most 1.
    """

    ranked: int
    shares: Sequence[float]


def limit_of(settings: FunnelSettings, sources: Sequence[str]) -> Limit | None:
    """The limit that a recipe tells for these sources; None where it tells none."""
    return None if settings.ranked is None else Limit(settings.ranked, [settings.shares.get(name, 0.0) for name in sources])


def union(parts: Sequence[Candidates]) -> Candidates:
    """Every item of the parts once, with the score of the first part that holds it; in the order of the parts.

    Sources score each on a scale of its own: the scores of a union order nothing before a ranker has judged it.
    """
    items = np.concatenate([part.items for part in parts])
    first = np.sort(np.unique(items, return_index=True)[1])
    return Candidates(items[first], np.concatenate([part.scores for part in parts])[first])


def limited(parts: Sequence[Candidates], limit: Limit) -> Candidates:
    """As `union`, at most `limit.ranked` items: of each part its share of the best, then whatever stands highest in any.

    Args:
        parts: Each the best first.
        limit: A share for each part.
    """
    found = union(parts)
    if len(found) <= limit.ranked:
        return found
    order = np.argsort(found.items)
    highest, own = np.full(len(found), np.iinfo(np.int64).max), np.zeros(len(found), dtype=bool)
    for part, share in zip(parts, limit.shares, strict=True):
        places = order[np.searchsorted(found.items, part.items, sorter=order)]
        highest[places] = np.minimum(highest[places], np.arange(len(part)))
        own[places[: int(share * limit.ranked + 1e-9)]] = True
    kept = np.lexsort((np.arange(len(found)), highest, ~own))[: limit.ranked]
    return found.take(np.sort(kept))


def with_sources(found: Candidates, parts: Sequence[Candidates]) -> Candidates:
    """The candidates with a bit for each part that holds an item: 1 for the first, 2 for the second, 4 for the third."""
    bits = np.zeros(len(found), dtype=np.int64)
    for place, part in enumerate(parts):
        bits |= np.isin(found.items, part.items).astype(np.int64) << place
    return replace(found, sources=bits)
