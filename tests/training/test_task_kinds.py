"""Every kind of task in one run: what each learns from, what validation and evaluation say, and that a bundle keeps it."""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.models.batch import gather
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.errors import RecipeError
from penchant.studies.evaluate import evaluate
from penchant.tasks.pairwise import Pairwise
from penchant.training.drawn_pairs import DrawnPairs
from penchant.training.objective import NetworkObjective
from penchant.training.trainer import NetworkTrainer
from tests.small_data import NOON, SMALL, copy_of, dataset, weather

TASKS = """
[tasks.stars]
kind = "ordinal"
label = "1 + 2 * outside + late"
[tasks.plays]
kind = "count"
label = "plays"
[tasks.watch]
kind = "duration"
label = "watched"
censored = "cut"
[tasks.first]
kind = "pairwise"
label = "outside"
[tasks.any]
kind = "pairwise"
against = "catalogue"
positive_where = "outside"
negatives = 3
[features]
context.sky = { kind = "category" }
[history]
length = 6
[training]
epochs = 25
watch = "plays.deviance"
patience = 25
batch_events = 256
learning_rate = 0.005
"""


def events() -> pl.DataFrame:
    """The sky decides: under the sun i0 is chosen, stars are 3 or 4, plays about 6, watching lasts about 100 (else 1 or 2, 1, 10)."""
    random = np.random.default_rng(3)
    frame = weather(users=30)
    sun = frame["outside"].to_numpy()
    watched = np.exp(np.where(sun, np.log(100), np.log(10)) + 0.3 * random.normal(size=len(sun)))
    return frame.with_columns(
        late=pl.Series(random.random(len(sun)) < 0.5),
        plays=pl.Series(random.poisson(np.where(sun, 6, 1))),
        watched=pl.Series(np.minimum(watched, 110)),
        cut=pl.Series(watched > 110),
    )


@cache
def parts() -> tuple[Dataset, Dataset, Dataset]:
    return dataset(events(), TASKS + SMALL).split_last(1, 2)


@cache
def fitted() -> NetworkRecommender:
    train, valid, _ = parts()
    return NetworkRecommender(train.recipe, NetworkTrainer(valid)).fit(train)


def objective(data: Dataset) -> NetworkObjective:
    model = NetworkRecommender(data.recipe)
    model.features.fit(data)
    torch.manual_seed(0)
    model.build()
    model.log_, model.recipe_ = data.log, data.recipe
    return NetworkObjective(model, data, None, data.recipe.training)


def test_that_every_task_has_a_loss_and_every_weight_a_gradient() -> None:
    one = objective(parts()[0])
    losses = one.losses(one.epoch(0)[0], 0)
    assert sorted(losses) == ["any", "first", "plays", "stars", "watch"]
    sum(losses.values(), torch.zeros(())).backward()
    without = [name for name, parameter in one.network.named_parameters() if parameter.grad is None]
    assert without == []


def test_that_validation_speaks_of_each_in_its_own_metrics() -> None:
    trainer = fitted().trainer
    assert isinstance(trainer, NetworkTrainer)
    assert trainer.progress is not None
    deviances = [row["plays.deviance"] for row in trainer.progress.curves]
    assert trainer.progress.best_epoch == int(np.argmin(deviances))  # the recipe watches it, and less is better
    beside = ("loss.", "conflict.", "use.")
    told = {name for name in trainer.progress.curves[-1] if not name.startswith(beside)} - {"epoch", "seconds"}
    assert told == {
        "stars.rmse", "stars.mae", "stars.accuracy", "plays.deviance", "plays.mae", "plays.rmse", "watch.concordance", "watch.mae",
        "watch.log_likelihood", "first.grouped_auc", "any.grouped_auc",
    }  # fmt: skip


def test_that_what_was_planted_is_found_by_every_kind() -> None:
    test = parts()[2]
    predicted, sun = fitted().predict(test), test.values("outside") == 1
    assert predicted["stars"][sun].mean() == pytest.approx(3.5, abs=0.3)
    assert predicted["stars"][~sun].mean() == pytest.approx(1.5, abs=0.3)
    assert predicted["plays"][sun].mean() == pytest.approx(6, abs=1.5)
    assert predicted["plays"][~sun].mean() == pytest.approx(1, abs=0.5)
    assert np.median(predicted["watch"][sun]) == pytest.approx(100, rel=0.5)  # though what was seen ends at 110
    assert np.median(predicted["watch"][~sun]) == pytest.approx(10, rel=0.5)
    assert predicted["first"][sun].min() > predicted["first"][~sun].max()


def test_that_a_pairwise_task_against_the_catalogue_ranks_all_of_it() -> None:
    """Only i0 was ever wanted: whatever the sky, it stands before what was never wanted."""
    model = fitted()
    model.recipe = model.recipe.model_copy(update={"serving": model.recipe.serving.model_copy(update={"rank_by": {"any": 1.0}})})
    best = model.recommend(["u0", "u1", "u2"], k=1, context={"sky": "sun"}, exclude_seen=False)
    assert best["item_id"].to_list() == ["i0"] * 3


def test_that_an_evaluation_has_every_kinds_measures_beside_the_item_mean() -> None:
    train, _, test = parts()
    evaluation = evaluate(fitted(), test, train=train, bootstrap=Bootstrap(draws=20))
    measures = {task: list(evaluation.tables["penchant"][task]["all"]) for task in evaluation.tasks}
    assert measures == {
        "stars": ["rmse", "mae", "accuracy"],
        "plays": ["deviance", "mae", "rmse"],
        "watch": ["concordance", "mae"],
        "first": ["grouped_auc"],
        "any": ["grouped_auc"],
    }
    assert all("item mean" in evaluation.measured(task) for task in measures)


def test_that_a_bundle_keeps_what_every_kind_learnt(tmp_path: Path) -> None:
    again = copy_of(fitted(), tmp_path)
    expected, found = fitted().predict(parts()[2]), again.predict(parts()[2])
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_that_drawn_items_are_of_the_training_part_and_not_the_users_own_wanted_ones() -> None:
    """a wants p and q, b wants r; s is chosen by nobody who wants it, t lies outside the part."""
    frame = {
        "user_id": list("aaabbb"),
        "item_id": list("pqsrst"),
        "timestamp": NOON + np.arange(6.0),
        "liked": [1, 1, 0, 1, 0, 1],
    }
    lines = '[tasks.like]\nkind = "pairwise"\nlabel = "liked"\nagainst = "catalogue"\nnegatives = 50\n' + SMALL
    whole = dataset(frame, lines)
    one = objective(whole.part(np.arange(5)))
    read = gather(one.data.log, one.encoded, one.windows, np.arange(len(one.windows)))
    (rows,) = one.pairs.draw(np.random.default_rng(0), read).values()
    assert rows.shape == (*read.rows.shape, 50)
    assert sorted(set(rows.flatten().tolist())) == [0, 1, 2, 3]  # p, q, r, s
    outputs = torch.zeros(read.rows.shape)
    own = {0: [0, 1], 1: [2]}
    drawn = torch.zeros(rows.shape)
    for batch, user in enumerate(one.data.log.user[read.rows[:, 0]].tolist()):
        drawn[batch] = torch.where(torch.isin(rows[batch], torch.tensor(own[user])), 99.0, 0.0)  # would cost 99 if it counted
    assert one.pairs.loss("like", outputs, drawn, read, rows)["like"].item() == pytest.approx(np.log(2))


def test_that_nothing_is_drawn_where_no_task_asks_for_it() -> None:
    one = objective(dataset(weather(users=4), '[tasks.outside]\nkind = "binary"\nlabel = "outside"\n' + SMALL))
    read = gather(one.data.log, one.encoded, one.windows, np.arange(1))
    state = np.random.default_rng(0)
    assert one.pairs.draw(state, read) == {}
    assert state.random() == np.random.default_rng(0).random()  # no number was taken


def test_that_rows_read_one_by_one_have_nothing_shown_beside_them() -> None:
    lines = '[tasks.outside]\nkind = "pairwise"\nlabel = "outside"\n[network]\nhistory = { kind = "none" }\n'
    with pytest.raises(RecipeError, match="task 'outside', against must be 'catalogue' where no history is read; found 'shown'"):
        objective(dataset(weather(users=4), lines))
    losses = objective(dataset(weather(users=4), lines.replace("label =", 'against = "catalogue"\nlabel ='))).losses(np.arange(9), 0)
    assert sorted(losses) == ["outside"]


def test_that_drawn_items_are_counted_as_of_the_target() -> None:
    """p was chosen twice and q once before the last event; both are told so, whatever they are drawn for."""
    frame = {"user_id": list("aaaa"), "item_id": list("ppqq"), "timestamp": NOON + np.arange(4.0), "liked": [1, 1, 1, 1]}
    lines = (
        '[features]\nitem.item_id = { kind = "category" }\nitem.seen = { kind = "counters", windows = ["all"] }\n'
        '[tasks.like]\nkind = "pairwise"\nagainst = "catalogue"\nnegatives = 2\n' + SMALL
    )
    one = objective(dataset(frame, lines))
    read = gather(one.data.log, one.encoded, one.windows, np.arange(len(one.windows)))
    pairs = DrawnPairs(one.recommender, one.data, one.labels)
    assert isinstance(pairs.tasks["like"], Pairwise)
    rows = torch.tensor([0, 1]).expand(*read.rows.shape, 2)
    counted = pairs.standing(read, rows)["seen"]
    last = int(np.argwhere(read.rows == 3)[0][1])
    np.testing.assert_array_equal(counted[0, last, 1], one.encoded.candidate["seen"][3])  # q, which that event chose
    assert not torch.equal(counted[0, last, 0], counted[0, last, 1])


def test_that_a_task_with_a_share_learns_from_the_same_part_of_its_rows_every_time() -> None:
    data = parts()[0]
    shared = {
        name: part.model_copy(update={"share": 0.5} if name in ("stars", "plays") else {}) for name, part in data.recipe.tasks.items()
    }
    fewer = Dataset(data.recipe.model_copy(update={"tasks": shared}), data.log, data.rows)
    whole, half, again = objective(data), objective(fewer), objective(fewer)
    assert np.array_equal(half.known["stars"], again.known["stars"])
    assert 0.4 < half.known["stars"].sum() / whole.known["stars"].sum() < 0.6
    assert not (half.known["stars"] & ~whole.known["stars"]).any()
    both = whole.known["stars"] & whole.known["plays"]
    assert np.array_equal(half.known["stars"][both], half.known["plays"][both])
    assert np.array_equal(half.known["watch"], whole.known["watch"])
