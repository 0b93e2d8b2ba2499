"""Relations of users learnt beside what they do: planted friends are found, known ones are not recommended, real ones are foretold."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.relations import judge, vectors_of
from penchant.schema.errors import RecipeError, TargetError
from penchant.schema.recipe import Recipe
from penchant.studies.evaluate import evaluate
from penchant.training.objective import NetworkObjective
from penchant.training.trainer import NetworkTrainer, fit_network
from tests.real_data import real_data
from tests.small_data import NEXT, NOON, SMALL, copy_of, dataset, recipe, two_worlds

FRIEND = '[tasks.friend]\nkind = "relation"\nedges = { path = "friends.csv", from = "a", to = "b" }\npairs = 32\nnegatives = 16\n'
LINES = NEXT + FRIEND + "[history]\nlength = 6\n[training]\nepochs = 20\nbatch_events = 128\nlearning_rate = 0.01\n" + SMALL


@cache
def parts() -> tuple[Dataset, Dataset, Dataset]:
    """Users of one world know each other, a third of the possible pairs; those of different worlds never do."""
    folder = Path(mkdtemp())
    random = np.random.default_rng(0)
    pairs = [(f"u{a}", f"u{b}") for a in range(40) for b in range(a + 2, 40, 2) if random.random() < 1 / 3]
    pl.DataFrame(pairs, schema=["a", "b"], orient="row").write_csv(folder / "friends.csv")
    data = dataset(two_worlds(), LINES)
    told = data.recipe.model_copy(update={"directory": folder})
    return Dataset(told, data.log, data.rows).split_last(1, 1)


@cache
def fitted() -> NetworkRecommender:
    train, valid, _ = parts()
    return NetworkRecommender(train.recipe, NetworkTrainer(valid)).fit(train)


def test_that_friends_are_learnt_beside_the_next_item() -> None:
    trainer = fitted().trainer
    assert isinstance(trainer, NetworkTrainer)
    assert trainer.progress is not None
    row = trainer.progress.curves[-1]
    assert {"loss.next", "loss.friend", "next.ndcg@10", "friend.auc", "friend.recall@10"} <= row.keys()
    assert row["friend.auc"] > 0.9
    assert row["friend.recall@10"] > 0.5  # about thirteen of the user's own world are left, ten of which are listed


def test_that_scores_tell_the_worlds_apart_and_nobody_fails() -> None:
    same, other = fitted().relation_scores(["u0", "u1"], ["u2", "u3"]), fitted().relation_scores(["u0", "u1"], ["u3", "u2"])
    assert (same > other).all()
    assert np.isfinite(fitted().relation_scores(["nobody", "u0"], ["u0", "nobody"])).all()
    with pytest.raises(TargetError, match=r"the other users must be one per user \(1\); found 2"):
        fitted().relation_scores(["u0"], ["u1", "u2"])
    with pytest.raises(TargetError, match="task 'next' must be a relation task"):
        fitted().relation_scores(["u0"], ["u1"], task="next")


def test_that_new_friends_are_of_ones_own_world_and_neither_known_nor_oneself() -> None:
    model = fitted()
    found = model.recommend_users(["u0", "u1"], k=5)
    assert found["user_id"].to_list() == ["u0"] * 5 + ["u1"] * 5
    assert found["rank"].to_list() == [1, 2, 3, 4, 5] * 2
    ids = model.log_.users["user_id"].to_list()
    known = {frozenset((ids[a], ids[b])) for a, b in model.related["friend"].tolist()}
    for user, other in found.select("user_id", "other_id").rows():
        assert other != user
        assert frozenset((user, other)) not in known
        assert int(other[1:]) % 2 == int(user[1:]) % 2
    everybody = model.recommend_users(["u0"], k=1000)
    assert len(everybody) == 40 - 1 - sum("u0" in pair for pair in known)


def test_that_a_bundle_keeps_what_is_known_of_relations(tmp_path: Path) -> None:
    again = copy_of(fitted(), tmp_path)
    assert again.recommend_users(["u3"], k=5).equals(fitted().recommend_users(["u3"], k=5))


def test_that_a_recipe_without_relations_says_so() -> None:
    data = dataset(two_worlds(users=6), NEXT + "[training]\nepochs = 1\n" + SMALL)
    model = fit_network(data.recipe, data)
    with pytest.raises(TargetError, match="relations of users must be a task of the recipe"):
        model.recommend_users(["u0"])
    with pytest.raises(RecipeError, match="must be given a task that judges items; found relation tasks alone"):
        recipe(FRIEND)
    with pytest.raises(RecipeError, match=r"free of relation tasks in serving.rank_by; found 'friend'"):
        recipe(NEXT + FRIEND + "[serving]\nrank_by = { friend = 1.0 }\n")


def test_that_training_and_answers_make_the_same_vector_of_a_user() -> None:
    """Where the training part is the whole log, a user's window in training is what is gathered for an answer."""
    train = parts()[0]
    whole = train.part(np.arange(len(train.log)))
    model = NetworkRecommender(whole.recipe)
    model.features.fit(whole)
    torch.manual_seed(0)
    model.build()
    model.log_, model.recipe_ = whole.log, whole.recipe
    one = NetworkObjective(model, whole, None, whole.recipe.training)
    model.refresh()
    with torch.inference_mode():
        ours = one.relations._vectors(np.array([0, 7, 39]), one._items)
    torch.testing.assert_close(ours, vectors_of(model, one.relations.users[[0, 7, 39]]))


def test_that_nothing_after_the_training_part_makes_a_users_vector() -> None:
    train, _, _ = parts()
    model = NetworkRecommender(train.recipe)
    model.features.fit(train)
    model.build()
    model.log_, model.recipe_ = train.log, train.recipe
    relations = NetworkObjective(model, train, None, train.recipe.training).relations
    assert (relations.windows.start + relations.windows.length <= train.log.history_offsets[relations.users + 1] - 2).all()
    assert relations.windows.rows.tolist() == [int(train.rows[train.log.user[train.rows] == user].max()) for user in relations.users]


def test_that_a_relation_is_no_negative_of_itself_and_held_out_ones_are_never_learnt_from() -> None:
    model = fitted()
    task = model.network.relation_tasks["friend"]
    relations = task.relations(model.log_.users["user_id"], model.recipe.directory, model.recipe.split.seed)
    held = {frozenset(pair) for pair in relations.held_out.tolist()}
    assert held
    assert not held & {frozenset(pair) for pair in model.related["friend"].tolist()}


def test_that_an_evaluation_tells_of_held_out_relations() -> None:
    train, _, test = parts()
    evaluation = evaluate(fitted(), test, train=train, bootstrap=Bootstrap(draws=20))
    told = evaluation.tables["penchant"]["friend"]["all"]
    assert list(told) == ["auc", "recall@10"]
    assert told["auc"].low > 0.8
    assert told["auc"].n > told["recall@10"].n > 0


@pytest.mark.slow
def test_that_real_friends_are_foretold_from_what_they_watched(tmp_path: Path) -> None:
    """Douban: 3,000 people, their ratings and friendships; nothing but films rated tells who is whose friend."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(real_data("douban") / "training_test_dataset.mat") as file:
        ratings, friends = np.asarray(file["M"]).T, np.asarray(file["W_users"])
    user, item = np.nonzero(ratings)
    events = pl.DataFrame({"user_id": user, "item_id": item, "timestamp": NOON + np.arange(len(user))}).cast(
        {"user_id": pl.String, "item_id": pl.String}
    )
    one, other = np.nonzero(np.triu(friends, 1))
    pl.DataFrame({"a": one, "b": other}).write_csv(tmp_path / "friends.csv")
    lines = NEXT + FRIEND + "[history]\nlength = 30\n[training]\nepochs = 2\nbatch_events = 8192\nlearning_rate = 0.005\n" + SMALL
    told = Recipe.parse('[data.events]\npath = "never-read.csv"\n' + lines, tmp_path)
    data = Dataset.from_frames(events, None, None, told, now=NOON + 1e7)
    model = fit_network(told, data)
    task = model.network.relation_tasks["friend"]
    metrics = judge(model, task, task.relations(data.log.users["user_id"], tmp_path, told.split.seed)).metrics
    print(metrics)
    assert metrics["auc"] > 0.6
