"""Limits of candidates: every source keeps its share, and the rest is whose stands highest."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from penchant.funnel.candidates import Candidates
from penchant.funnel.union import Limit, limited, union, with_sources

LISTS = st.lists(st.lists(st.integers(0, 15), max_size=10, unique=True), min_size=1, max_size=3)


def parts_of(lists: list[list[int]]) -> list[Candidates]:
    return [Candidates(np.array(own, dtype=np.int64), -np.arange(len(own), dtype=np.float32)) for own in lists]


def test_by_hand() -> None:
    parts = parts_of([[1, 2, 3, 4, 5, 6], [7, 2, 8, 9]])
    assert limited(parts, Limit(4, [0, 0])).items.tolist() == [1, 2, 3, 7], "the highest of each in turn"
    assert limited(parts, Limit(4, [0, 0.75])).items.tolist() == [1, 2, 7, 8], "three places of the second source"
    assert limited(parts, Limit(4, [1, 0])).items.tolist() == [1, 2, 3, 4]
    assert limited(parts, Limit(99, [1, 0])).items.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert with_sources(union(parts), parts).sources.tolist() == [1, 3, 1, 1, 1, 1, 2, 2, 2]  # type: ignore[union-attr]


@given(LISTS, st.integers(1, 12), st.lists(st.integers(0, 4), min_size=3, max_size=3))
def test_that_every_source_keeps_its_share_of_so_many(lists: list[list[int]], ranked: int, weights: list[int]) -> None:
    parts = parts_of(lists)
    shares = [weight / max(sum(weights), 1) for weight in weights][: len(parts)]
    found = limited(parts, Limit(ranked, shares)).items.tolist()
    everything = union(parts).items.tolist()
    assert len(found) == len(set(found)) == min(ranked, len(everything))
    assert found == [item for item in everything if item in found], "in the order of the sources"
    for own, share in zip(lists, shares, strict=True):
        assert set(own[: int(share * ranked + 1e-9)]) <= set(found)
