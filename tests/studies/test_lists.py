"""Lists of tied items: the value is what random orders give on average, also where ties go on beyond the list."""

import numpy as np
import pytest

from penchant.data.dataset import Dataset
from penchant.models.collaborative.item_knn import ItemKNN
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.studies.lists import Asked, measure, measure_lists
from tests.small_data import dataset, two_worlds


class Same(Recommender):
    """Scores that the test gives, the same for everybody."""

    def __init__(self, row: tuple[float, ...], noise: float = 0.0, seed: int = 0) -> None:
        self.row, self.noise, self.seed = row, noise, seed

    def _learn(self, data: Dataset) -> None:
        """Nothing."""

    def scores(self, queries: Queries) -> np.ndarray:
        noise = self.noise * np.random.default_rng(self.seed).random((len(queries), len(self.row)))
        return (np.tile(self.row, (len(queries), 1)) + noise).astype(np.float32)


def parts() -> tuple[Dataset, Dataset]:
    train, _, test = dataset(two_worlds(users=300, items=24, events=8)).split_last(1, 2)
    return train, test


def test_that_tied_lists_are_worth_what_random_orders_of_the_ties_give_on_average() -> None:
    train, test = parts()
    tied = tuple([1.0] * 4 + [0.0] * 20)
    expected = measure_lists({"m": Same(tied).fit(train)}, test, (3, 10)).values["m"]
    drawn = [measure_lists({"m": Same(tied, 1e-3, seed).fit(train)}, test, (3, 10)).values["m"] for seed in range(60)]
    for metric, value in expected.items():
        means = [each[metric].mean() for each in drawn]
        assert value.mean() == pytest.approx(np.mean(means), abs=4 * np.std(means) / np.sqrt(60)), metric
    assert expected["hit_rate@3"].std() < drawn[0]["hit_rate@3"].std(), "a chance per user in place of a throw"


def test_that_a_user_without_a_past_is_shown_every_item_with_the_same_chance() -> None:
    """Everything is tied at 0, so that a list of 5 holds the one wanted item with a chance of 5 in as many as there are."""
    data = dataset(two_worlds(users=12, items=24, events=1))
    train, test = data.part(data.rows[:4]), data.part(data.rows[4:])
    values = measure_lists({"knn": ItemKNN().fit(train)}, test, (5,)).values["knn"]
    assert values["hit_rate@5"].tolist() == pytest.approx([5 / len(data.log.items)] * 8)
    assert values["recall@5"].tolist() == pytest.approx(values["hit_rate@5"].tolist())


def test_that_only_the_items_named_are_ranked() -> None:
    train, test = parts()
    ranked = np.array([int(name[1:]) % 2 == 0 for name in train.log.items["item_id"]])
    asked = Asked.at_first_wanted(test, ranked)
    lists = measure({"m": Same(tuple(np.arange(24.0))).fit(train), "tied": Same((0.0,) * 24).fit(train)}, asked, (20,), {})
    for rows in lists.found.values():
        assert ranked[rows[rows >= 0]].all()
    assert (lists.values["m"]["recall@20"] == lists.values["tied"]["recall@20"]).all(), "all that are ranked fit into the list"
    narrow = measure({"tied": Same((0.0,) * 24).fit(train)}, asked, (5,), {}).values["tied"]["recall@5"]
    even = ranked[test.log.item[asked.queries.before]]
    assert narrow[even].tolist() == pytest.approx([5 / 6] * even.sum()), (
        "of 12 ranked items the user has had 6; 5 of the other 6 are listed"
    )
    assert not narrow[~even].any()
