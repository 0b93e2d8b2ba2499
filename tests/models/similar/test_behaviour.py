"""Who had what, as vectors: their likeness is that of the columns and rows themselves."""

import numpy as np
import pytest
from scipy.spatial.distance import cosine
from scipy.stats import pearsonr

from penchant.models.similar import behaviour
from penchant.models.similar.behaviour import SHRINKAGE, Behaviour, newest
from penchant.models.similar.neighbours import Neighbours, Vectors
from penchant.models.similar.spaces import By

USERS, ITEMS = 30, 12


def who_had_what() -> np.ndarray:
    """Everybody has something; nobody has item 5."""
    had = np.random.default_rng(3).random((USERS, ITEMS)) < 0.35
    had[:, 5] = False
    had[np.arange(USERS), np.arange(USERS) % 5] = True
    return had


def learnt() -> Behaviour:
    user, item = np.nonzero(who_had_what())
    return Behaviour.learn(np.repeat(user, 2), np.repeat(item, 2), USERS, ITEMS)


def likenesses(vectors: np.ndarray, common: np.ndarray, by: By) -> np.ndarray:
    units = Neighbours(Vectors(np.zeros((len(vectors), 0), dtype=np.float32), vectors), common).units(by)
    return units @ units.T


@pytest.mark.parametrize(
    ("by", "reference"), [("cosine", lambda a, b: 1 - cosine(a, b)), ("pearson", lambda a, b: pearsonr(a, b).statistic)]
)
def test_that_items_are_as_alike_as_their_columns(by: By, reference) -> None:  # type: ignore[no-untyped-def]
    known = [item for item in range(ITEMS) if item != 5]
    found = likenesses(learnt().items, learnt().among_users, by)[np.ix_(known, known)]
    columns = who_had_what().T.astype(float)[known]
    np.testing.assert_allclose(found, [[reference(one, other) for other in columns] for one in columns], atol=2e-5)


@pytest.mark.parametrize(
    ("by", "reference"), [("cosine", lambda a, b: 1 - cosine(a, b)), ("pearson", lambda a, b: pearsonr(a, b).statistic)]
)
def test_that_users_are_as_alike_as_their_rows_in_which_what_many_have_weighs_less(by: By, reference) -> None:  # type: ignore[no-untyped-def]
    had = who_had_what()
    count = had.sum(axis=0)
    rows = had * np.where(count > 0, (count + SHRINKAGE) ** -0.5, 0)
    vectors = learnt().users(*np.nonzero(had), USERS)
    found = likenesses(vectors, learnt().among_items, by)
    np.testing.assert_allclose(found, [[reference(one, other) for other in rows] for one in rows], atol=2e-5)


def test_that_it_is_the_same_found_from_few_users_or_from_few_items() -> None:
    had = who_had_what().T  # more columns than rows, and one row empty
    found = Behaviour.learn(*np.nonzero(had), ITEMS, USERS)
    columns = had.T.astype(float)
    for by, reference in (("cosine", lambda a, b: 1 - cosine(a, b)), ("pearson", lambda a, b: pearsonr(a, b).statistic)):
        wanted = [[reference(one, other) for other in columns] for one in columns]
        np.testing.assert_allclose(likenesses(found.items, found.among_users, by), wanted, atol=2e-5)  # type: ignore[arg-type]


def test_that_what_nobody_had_has_no_vector() -> None:
    assert not learnt().items[5].any()
    assert learnt().items[[4, 6]].any(axis=1).all()
    assert not learnt().users(np.zeros(2, dtype=int), np.array([5, ITEMS + 3]), 2).any(), "nor does it, or a later item, add to a history"


def test_that_few_directions_find_who_never_shared_an_item(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two worlds; within each, an item is had with some of the others only."""
    monkeypatch.setattr(behaviour, "DIRECTIONS", 2)
    pairs = [
        (2 * step + world, 10 * world + item) for world in (0, 1) for step in range(10) for item in (step, (step + 1) % 10, (step + 2) % 10)
    ]
    user, item = np.array(pairs).T
    found = Behaviour.learn(user, item, 20, 20)
    alike = likenesses(found.items, found.among_users, "cosine")
    assert found.items.shape == (20, 2)
    assert alike[0, 5] > 0.9 > 0.1 > abs(alike[0, 15]), "0 and 5 were never had by one user"


def test_that_nothing_is_learnt_of_no_events() -> None:
    nobody = np.zeros(0, dtype=np.int64)
    assert Behaviour.learn(nobody, nobody, 3, 4).items.shape == (4, 0)
    assert Behaviour.learn(nobody, nobody, 3, 4).users(nobody, nobody, 2).shape == (2, 0)


def test_that_it_is_the_same_each_time_and_comes_back_from_its_state() -> None:
    first, second = learnt(), learnt()
    again = Behaviour.restored(first.state())
    for name, array in first.state().items():
        assert np.array_equal(array, second.state()[name])
        assert np.array_equal(array, again.state()[name])


def test_that_the_newest_are_the_last_of_each() -> None:
    owner, place = newest(np.array([0, 3, 3, 8]), 2)
    assert (owner.tolist(), place.tolist()) == ([0, 0, 2, 2], [1, 2, 6, 7])
