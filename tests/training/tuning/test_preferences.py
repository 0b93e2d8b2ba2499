"""Who wanted what: training events alone, in their order."""

import numpy as np
import pytest

from penchant.data.dataset import Dataset
from penchant.schema.errors import DataError
from penchant.training.tuning.preferences import Preferences
from tests.small_data import NOON, dataset

# a wants x, then y and z at one moment, then x again, w; b wants y, then x; c wants z alone
EVENTS = {
    "user_id": [*"aaaaa", *"bb", "c"],
    "item_id": [*"xyzxw", *"yx", "z"],
    "timestamp": [NOON + step for step in (0, 1, 1, 2, 3, 0, 1, 0)],
}


def data() -> Dataset:
    return dataset(EVENTS)


def preferences(part: Dataset, without: str = "") -> Preferences:
    return Preferences(part, np.array([item not in without for item in part.log.items["item_id"]]))


def drawn(told: Preferences, part: Dataset, length: int = 3) -> set[tuple[str, str, str]]:
    user, past, item = told.moments(np.random.default_rng(0), 400, length)
    names, users = [*part.log.items["item_id"], "-"], part.log.users["user_id"]
    return {(users[u], "".join(names[place] for place in before), names[i]) for u, before, i in zip(user.tolist(), past, item, strict=True)}


def test_that_a_moment_has_the_latest_wanted_items_before_it_newest_first_and_none_of_its_own_time() -> None:
    part = data()
    assert drawn(preferences(part), part) == {("a", "x--", "y"), ("a", "x--", "z"), ("a", "zyx", "x"), ("a", "xzy", "w"), ("b", "y--", "x")}


def test_that_items_without_a_text_are_in_no_moment_and_no_pair() -> None:
    part = data()
    told = preferences(part, without="y")
    assert drawn(told, part) == {("a", "x--", "z"), ("a", "zx-", "x"), ("a", "xzx", "w")}
    _, one, other = told.pairs(np.random.default_rng(0), 200)
    assert part.log.items["item_id"].to_list().index("y") not in {*one, *other}


def test_that_only_events_of_the_part_count() -> None:
    """Of the whole log, a's last event and b's second are somebody else's to predict."""
    part = data()
    train = part.part(np.array([0, 1, 2, 3, 5, 7]))
    told = preferences(train)
    assert all(item != "w" and user != "b" for user, _, item in drawn(told, train))
    users, items = np.array([0, 1]), np.arange(4)  # w, x, y, z
    assert told.wanted(users, items).tolist() == [[False, True, True, True], [False, False, True, False]]


def test_that_pairs_are_two_different_items_of_one_user_each_as_likely() -> None:
    part = data()
    told = preferences(part)
    user, one, other = told.pairs(np.random.default_rng(0), 6000)
    names = part.log.items["item_id"]
    found, counts = np.unique([f"{u}{names[a]}{names[b]}" for u, a, b in np.stack([user, one, other], axis=1).tolist()], return_counts=True)
    assert len(found) == 4 * 3 + 2  # of a's four items, and of b's two
    assert {name[0] for name in found} == {"0", "1"}
    assert all(name[1] != name[2] for name in found)
    assert counts[:12].max() < 1.3 * counts[:12].min()


def test_that_shares_are_logarithms_of_how_often_an_item_is_wanted() -> None:
    told = preferences(data())
    np.testing.assert_allclose(np.exp(told.times_wanted), np.array([1, 3, 2, 2]) / 8)  # w, x, y, z
    np.testing.assert_allclose(np.exp(told.times_had), np.array([1, 2, 2, 2]) / 7, rtol=1e-6)


def test_that_events_without_a_second_item_are_refused() -> None:
    with pytest.raises(DataError, match="two wanted items of one user"):
        preferences(dataset({"user_id": ["a", "b"], "item_id": ["x", "x"], "timestamp": [NOON, NOON]}))
