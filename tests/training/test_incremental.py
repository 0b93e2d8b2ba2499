"""Taking in new events: indices keep their meaning, what was known is kept, what is new is learnt, at a cost that hangs on what is new."""

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.features.categories import Categories, CategoriesSettings
from penchant.features.category import Category, CategorySettings
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import DataError
from penchant.training.incremental import learnt, update
from penchant.training.warm_start import begin_from
from tests import small_data

NEW = small_data.FILM_START + 50 * small_data.DAY
"""After every event of the log."""


def new_events() -> pl.DataFrame:
    """Somebody new, and a viewer of the log, who both see films that the log's viewers saw, and one of a day that nobody had."""
    like = small_data.film_events().head(1)
    rows = []
    for number, (user, item) in enumerate([(f"newcomer {who}", f"a{film}") for who in range(8) for film in range(6)]):
        told = {"user_id": user, "item_id": item, "timestamp": NEW + 60.0 * number, "rating": 5.0, "daypart": "dawn"}
        rows.append({column: told.get(column, like[column][0]) for column in like.columns})
    return pl.DataFrame(rows)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return small_data.film_dataset(more=new_events())


@pytest.fixture(scope="module")
def updated(data: Dataset) -> NetworkRecommender:
    return update(small_data.film_network(), data, NEW)


def test_a_vocabulary_grows_behind_what_it_holds() -> None:
    known = Category(CategorySettings()).fit(pl.Series(["b", "a", "b"]))
    known.grow(pl.Series(["c", "a", None, "d", "d"]))
    assert known.names() == ["unknown", "missing", "b", "a", "d", "c"]
    assert known.transform(pl.Series(["a", "c", "e", None])).tolist() == [3, 5, 0, 1]


def test_growing_keeps_to_the_limits() -> None:
    rare = Category(CategorySettings(minimum_count=2)).fit(pl.Series(["a", "a"]))
    assert rare.grow(pl.Series(["b", "c", "c"])).names()[2:] == ["a", "c"]
    few = Category(CategorySettings(maximum_values=2)).fit(pl.Series(["a"]))
    assert few.grow(pl.Series(["b", "b", "c"])).names()[2:] == ["a", "b"]
    counted = Category(CategorySettings(minimum_count=5)).fit(pl.Series(["a"]), np.array([9]))
    assert counted.grow(pl.Series(["a", "b", "c"]), np.array([1, 5, 4])).names()[2:] == ["a", "b"]
    hashed = Category(CategorySettings(hash=8)).fit(pl.Series(["a"]))
    assert hashed.grow(pl.Series(["b"])).form.size == 10


def test_a_vocabulary_looked_up_before_it_grew_knows_what_has_come() -> None:
    known = Category(CategorySettings()).fit(pl.Series(["a"]))
    assert known.transform(pl.Series(["b"])).tolist() == [0]
    assert known.grow(pl.Series(["b"])).transform(pl.Series(["b"])).tolist() == [3]


def test_lists_of_values_grow_too() -> None:
    known = Categories(CategoriesSettings(separator=" ")).fit(pl.Series(["x y", "x"]))
    known.grow(pl.Series(["z y", None, "", "z w"]))
    assert known.names()[2:] == ["x", "y", "z", "w"]


def test_tables_keep_their_rows_and_begin_new_ones_as_the_unknown() -> None:
    old, new = torch.nn.Embedding(3, 2), torch.nn.Embedding(5, 2)
    begin_from(new, old)
    assert torch.equal(new.weight[:3], old.weight)
    assert torch.equal(new.weight[3:], old.weight[:1].expand(2, -1))
    one, other = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    begin_from(one, other)
    assert torch.equal(one.weight, other.weight)


def test_what_is_counted_from_the_events_is_not_taken_over() -> None:
    def network(count: float) -> torch.nn.Module:
        retrieval, whole = torch.nn.Module(), torch.nn.Module()
        retrieval.register_buffer("counts", torch.full((2,), count))
        whole.add_module("retrieval", retrieval)
        whole.register_buffer("scale", torch.full((2,), count))
        return whole

    new = network(1.0)
    begin_from(new, network(2.0))
    state = new.state_dict()
    assert state["retrieval.counts"].tolist() == [1, 1]
    assert state["scale"].tolist() == [2, 2]


def test_networks_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueError, match="must have more rows"):
        begin_from(torch.nn.Embedding(2, 2), torch.nn.Embedding(3, 2))
    with pytest.raises(ValueError, match="different recipes"):
        begin_from(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, bias=False))


def test_indices_keep_their_meaning(updated: NetworkRecommender) -> None:
    earlier = small_data.film_network().features
    for owner, features in earlier.features.items():
        for name, feature in features.items():
            if isinstance(feature, Category | Categories):
                grown = updated.features.features[owner][name]
                assert isinstance(grown, Category | Categories)
                assert grown.names()[: len(feature.names())] == feature.names()
    context = updated.features.features["context"]["daypart"]
    assert isinstance(context, Category)
    assert context.names()[-1] == "dawn"
    before = earlier.features["context"]["daypart"]
    assert isinstance(before, Category)
    assert "dawn" not in before.names()


def test_the_recipe_stays_as_it_is(updated: NetworkRecommender, data: Dataset) -> None:
    assert updated.recipe == updated.recipe_ == data.recipe


def test_the_earlier_network_stays_as_it_is(data: Dataset) -> None:
    earlier = small_data.film_network()
    before = {name: tensor.clone() for name, tensor in earlier.network.state_dict().items()}
    update(earlier, data, NEW)
    assert all(torch.equal(tensor, before[name]) for name, tensor in earlier.network.state_dict().items())


def _answers(model: NetworkRecommender, users: list[str]) -> list[list[str]]:
    listed = model.recommend(users, k=5, exclude_seen=False, context={"timestamp": NEW, "daypart": "day"}, scenario="home")
    return [part["item_id"].to_list() for part in listed.partition_by("user_id", maintain_order=True)]


def test_with_a_rate_of_nothing_nothing_changes(data: Dataset) -> None:
    """Whoever is as before is answered as before, whatever rows have come."""
    still = data.recipe.model_copy(
        update={"training": data.recipe.training.model_copy(update={"weight_decay": 0.0, "learning_rate": 1e-30})}
    )
    earlier = small_data.film_network()
    held = Dataset.from_frames(
        pl.concat([small_data.film_events(), new_events().cast(small_data.film_events().schema)]),
        small_data.viewers(), small_data.films(), still, now=NEW + 1e6,
    )  # fmt: skip
    rate = earlier.recipe.training.learning_rate
    factor = earlier.recipe.training.incremental.model_copy(update={"learning_rate": 1e-30 / rate})
    same = NetworkRecommender(
        earlier.recipe.model_copy(update={"training": earlier.recipe.training.model_copy(update={"incremental": factor})})
    )
    same.features, same.network, same.calibration = earlier.features, earlier.network, earlier.calibration
    found = update(same, held, NEW)
    assert _answers(found, ["u0", "u1", "u7"]) == _answers(earlier, ["u0", "u1", "u7"])


def test_what_is_new_is_learnt(updated: NetworkRecommender) -> None:
    """The row of a daypart that nobody had had began as that of the unknown, zero."""
    before, after = (
        {name: tensor for name, tensor in model.network.state_dict().items() if "feature_daypart" in name}
        for model in (small_data.film_network(), updated)
    )
    assert before
    for name, table in after.items():
        fresh = table[len(before[name]) :]
        assert len(fresh) == 1
        assert fresh.abs().max() > 0
        assert not torch.equal(table[: len(before[name])], before[name])  # the others have learnt too


def test_all_that_is_new_and_as_much_of_the_old_is_learnt(data: Dataset) -> None:
    new = int((data.log.time >= NEW).sum())
    rows = learnt(data, NEW, 1.0, 0)
    assert len(rows) == 2 * new
    assert (np.diff(rows) > 0).all()
    assert int((data.log.time[rows] >= NEW).sum()) == new
    assert len(learnt(data, NEW, 0.0, 0)) == new
    assert len(learnt(data, NEW, 100.0, 0)) == len(data.log)
    assert learnt(data, NEW, 1.0, 0).tolist() == rows.tolist()
    assert learnt(data, NEW, 1.0, 1).tolist() != rows.tolist()


def test_a_log_without_anything_new_is_refused(data: Dataset) -> None:
    with pytest.raises(DataError, match="Wait for events"):
        update(small_data.film_network(), data, NEW + 1e9)
