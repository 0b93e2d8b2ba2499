"""Retrieve, filter, rank: what each step is given and what comes out."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.funnel.funnel import Funnel, Proposer, exclude

NONE = np.zeros(0, dtype=np.int64)


@dataclass
class Reversed:
    """Ranks items by the opposite of what retrieval said, and remembers what it was given."""

    given: list[list[int]] = field(default_factory=list)

    def __call__(self, query: str, candidates: list[Candidates]) -> list[Candidates]:
        self.given += [one.items.tolist() for one in candidates]
        return [Candidates(one.items, -one.scores, {"query": np.full(len(one), len(query), dtype=np.float32)}) for one in candidates]


def ten(query: str) -> list[Candidates]:
    """Items 0 to 9, once for each word; the higher, the better."""
    return [Candidates(np.arange(10), np.arange(10, dtype=np.float32)) for _ in query.split()]


def run(ranker: Reversed, width: int, n: int, excluded: NDArray[np.int64] = NONE) -> Candidates:
    """What comes of one request."""
    (best,) = Funnel(ten, ranker, width).run("abc", [n], [excluded])
    return best


@pytest.fixture
def ranker() -> Reversed:
    return Reversed()


def test_that_only_the_best_retrieved_are_ranked(ranker: Reversed) -> None:
    best = run(ranker, 4, 2)
    assert ranker.given == [[9, 8, 7, 6]]
    assert best.items.tolist() == [6, 7]
    assert best.tasks["query"].tolist() == [3, 3]


def test_that_excluded_items_neither_come_nor_take_anothers_place(ranker: Reversed) -> None:
    best = run(ranker, 4, 10, np.array([9, 7]))
    assert ranker.given == [[8, 6, 5, 4, 3, 2, 1, 0]]
    assert best.items.tolist() == [0, 1, 2, 3, 4, 5, 6, 8]


def test_that_at_least_as_many_are_ranked_as_asked_for(ranker: Reversed) -> None:
    assert len(run(ranker, 2, 5)) == 5


def test_that_nothing_left_is_an_empty_list(ranker: Reversed) -> None:
    assert len(run(ranker, 4, 3, np.arange(10))) == 0


def test_that_requests_together_keep_their_own_wishes(ranker: Reversed) -> None:
    many, few = Funnel(ten, ranker, 3).run("two words", [4, 1], [NONE, np.array([9])])
    assert ranker.given == [[9, 8, 7, 6], [8, 7, 6]]
    assert (many.items.tolist(), few.items.tolist()) == ([6, 7, 8, 9], [6])


def test_that_excluding_nothing_changes_nothing() -> None:
    (candidates,) = ten("abc")
    assert exclude(candidates, NONE) is candidates
    assert exclude(candidates, np.array([99])).items.tolist() == list(range(10))


def low(query: str) -> list[Candidates]:
    """Items 0, 1 and 2 of the ten; the lower, the better."""
    return [Candidates(np.arange(3), -np.arange(3, dtype=np.float32)) for _ in query.split()]


def with_proposals(width: int | None, n: int, excluded: NDArray[np.int64] = NONE, proposed: int = 2) -> tuple[list[int], list[list[int]]]:
    """What comes of one request, and what was ranked for it."""
    ranker = Reversed()
    (best,) = Funnel(ten, ranker, width, [Proposer(low, proposed)]).run("abc", [n], [excluded])
    return best.items.tolist(), ranker.given


def test_that_proposals_are_ranked_beside_what_retrieval_found_each_item_once() -> None:
    assert with_proposals(3, 2)[1] == [[9, 8, 7, 0, 1]]
    assert with_proposals(9, 2)[1] == [[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]]
    assert with_proposals(1, 3)[1] == [[9, 8, 7, 0, 1]], "retrieval gives as many as are wanted"


def test_that_what_is_excluded_is_proposed_by_nobody_and_gives_way_to_the_next() -> None:
    assert with_proposals(1, 1, np.array([9, 0]))[1] == [[8, 1, 2]]


def test_that_where_nothing_retrieves_only_proposals_are_ranked() -> None:
    assert with_proposals(None, 1)[1] == [[0, 1]]
    assert with_proposals(None, 2, np.array([0]))[1] == [[1, 2]]


def test_that_everything_is_ranked_for_a_request_with_too_few_proposals() -> None:
    assert with_proposals(None, 3)[1] == [list(range(10))]
    ranker = Reversed()
    found = Funnel(ten, ranker, None, [Proposer(low, 2)]).run("abc def", [2, 3], [NONE, np.array([4])])
    assert ranker.given == [[0, 1], [0, 1, 2, 3, 5, 6, 7, 8, 9]]
    assert [each.items.tolist() for each in found] == [[1, 0], [0, 1, 2]]
