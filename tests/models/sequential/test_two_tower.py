"""Two towers: what a wanted item is told from, by hand, and what is learnt of people and things old and new."""

import numpy as np
import polars as pl
import pytest
import torch
from torch.nn import functional as F

from penchant.data.dataset import Dataset
from penchant.models.collaborative.popularity import Popularity
from penchant.models.contract import check_recommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.models.sequential.two_tower import TwoTower, WantedAmongOthers, corrections
from penchant.models.validation import list_quality
from penchant.schema.errors import DataError, RecipeError
from tests.models.collaborative.worlds import told_worlds, world_of
from tests.small_data import FILM_RECIPE, NEXT, NOON, dataset, film_dataset, ring, two_worlds, weather

QUICK = {"width": 16, "batch_events": 256, "learning_rate": 0.02, "dropout": 0.0, "weight_decay": 0.0}


def model(**settings: object) -> TwoTower:
    return TwoTower(**{**QUICK, "epochs": 12, **settings})  # type: ignore[arg-type]  # settings of several types


def hits(fitted: Recommender, part: Dataset) -> float:
    """How often the first item is the one."""
    found, _ = fitted.top(Queries.at_events(part, part.rows), 1, exclude_seen=False)
    return float(np.mean(found[:, 0] == part.log.item[part.rows]))


def objective(data: Dataset, **settings: object) -> WantedAmongOthers:
    """Of a model that has hardly learnt."""
    return WantedAmongOthers(model(**{"epochs": 1, **settings}).fit(data), data)


@pytest.mark.parametrize(
    "settings", [{"layers": 0}, {"temperature": 0.2, "negatives": 3}, {"negatives": 0}, {"in_batch": False, "negatives": 3}]
)
def test_that_it_keeps_the_contract_with_other_settings(settings: dict[str, object]) -> None:
    check_recommender(model(**settings, epochs=2), dataset(two_worlds(users=12)))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"in_batch": False, "negatives": 5, "epochs": 40},
        {"negatives": 5, "epochs": 40},
        {"temperature": 0.1},
        {"precision": "bfloat16"},
    ],
    ids=["all items", "drawn items", "drawn items and the batch's", "cosines", "half precision"],
)
def test_that_it_learns_what_follows_what(settings: dict[str, object]) -> None:
    train, _, test = dataset(ring()).split_last(0, 1)
    assert hits(model(**settings).fit(train), test) > 0.9
    assert hits(Popularity().fit(train), test) < 0.4


@pytest.mark.parametrize("settings", [{"layers": 0}, {"negatives": 0}, {"negatives": 0, "temperature": 0.2}])
def test_that_it_tells_two_worlds_apart(settings: dict[str, object]) -> None:
    data = dataset(two_worlds(events=5))
    table = model(**settings).fit(data).recommend(data.log.users["user_id"].to_list(), 1)
    same = [int(user[1:]) % 2 == int(item[1:]) % 2 for user, item in table.select("user_id", "item_id").rows()]
    assert np.mean(same) > 0.95


def test_that_new_people_are_known_by_their_portrait_and_new_things_by_their_content() -> None:
    data, train = told_worlds()
    fitted = model().fit(train)
    users, new = [f"u{n}" for n in range(30, 41)], [f"i{n}" for n in range(16, 20)]  # none of them in the part
    first = fitted.recommend(users, 1, exclude_seen=False)
    assert world_of(first["user_id"]) == world_of(first["item_id"])
    ranked = data.log.items["item_id"].is_in(new).to_numpy()
    moment = pl.DataFrame({"timestamp": [NOON] * 30})
    rows, _ = fitted.top(Queries.now(data.log, [f"u{n}" for n in range(30)], moment), 2, exclude_seen=False, ranked=ranked)
    items = data.log.items["item_id"]
    assert all(world_of(items.gather(row)) == [user % 2] * 2 for user, row in enumerate(rows))


def test_that_the_moment_decides_where_the_recipe_tells_of_it() -> None:
    data = dataset(weather(), NEXT + '[features]\ncontext.sky = { kind = "category" }\n')
    train, _, test = data.split_last(0, 2)
    assert hits(model(layers=0, batch_events=96).fit(train), test) > 0.95


def test_that_retrieval_is_the_only_task_whatever_the_recipe_learns() -> None:
    lines = FILM_RECIPE.replace("[scenario]", 'item.fares = { kind = "counters", of = "rating >= 4" }\n[scenario]')
    data = film_dataset(lines.replace("[network]", '[network]\nrepeats = { kind = "counts" }'))
    fitted = model(epochs=1).fit(data)
    assert not fitted.towers_.network.tasks
    assert fitted.towers_.network.repeats.kind == "none", "what is no product of vectors cannot be found by them"
    assert fitted.towers_.network.retrieval is not None
    assert not fitted.features.features["candidate"]
    assert {"item_id", "genre", "year"} == set(fitted.features.features["item"])
    assert data.recipe.tasks.keys() == {"next", "like", "stars"}, "the recipe itself is left alone"


def test_that_ids_can_be_added_to_contents_or_left_out() -> None:
    data = dataset(two_worlds(users=12), NEXT + '[features]\nitem.shape = { kind = "category" }\n', None, shapes())
    told = [model(epochs=1, ids=ids).fit(data).features.features["item"].keys() for ids in (True, False)]
    assert [set(names) for names in told] == [{"item_id", "shape"}, {"shape"}]


def shapes() -> dict[str, list[str]]:
    """Items of two worlds with a shape each."""
    return {"item_id": [f"i{n}" for n in range(12)], "shape": ["round", "square"] * 6}


def counted() -> WantedAmongOthers:
    """Items w, x, y, z wanted 1, 2, 2 and 5 times; one item is drawn per batch, by the square root."""
    names = "zzzzzyyxxw"
    data = dataset({"user_id": [f"u{n}" for n in range(10)], "item_id": list(names), "timestamp": NOON + np.arange(10.0)})
    return objective(data, negatives=1)


def test_that_others_are_corrected_for_how_often_they_are_met_by_hand() -> None:
    task = counted()
    chance = np.sqrt([1, 2, 2, 5]) / np.sqrt([1, 2, 2, 5]).sum()
    np.testing.assert_allclose(task.chance, chance)
    np.testing.assert_allclose(task.share, [0.1, 0.2, 0.2, 0.5])
    wanted = np.array([3, 3, 1])  # z, z, x: three events, in which z is expected 1.5 times and is there twice
    seen = set()
    for seed in range(40):
        rows, expected, alone = (each.numpy() for each in task.others(wanted, np.random.default_rng(seed)))
        (drawn,) = rows[np.isfinite(alone)]
        assert rows.tolist() == sorted({1, 3, drawn})
        times = np.array([(wanted == row).sum() + (drawn == row) for row in rows])
        np.testing.assert_allclose(expected, np.log((3 * task.share[rows] + chance[rows]) / times), rtol=1e-5)
        np.testing.assert_allclose(alone[rows == drawn], np.log(chance[drawn]), rtol=1e-5)
        seen.add(int(drawn))
    assert seen == {0, 1, 2, 3}


@pytest.mark.parametrize("settings", [{}, {"in_batch": False}, {"negatives": 0}])
def test_that_the_corrected_sum_over_others_is_that_over_the_catalogue_on_average(settings: dict[str, object]) -> None:
    task = counted()
    task.model.set_params(**{"negatives": 3, **settings})
    scores = torch.tensor([0.3, -1.0, 0.5, 0.1])
    random, together, drawn = np.random.default_rng(0), [], []
    for _ in range(4000):
        rows, expected, alone = task.others(random.choice(4, 6, p=task.share), random)
        together.append(float((scores[rows] - expected).exp().sum()))
        drawn.append(float((scores[rows] - alone).exp().sum()))
    whole = float(scores.exp().sum())
    assert np.mean(together) == pytest.approx(whole, rel=0.03)
    assert np.mean(drawn) == pytest.approx(whole if task.model.negatives else 0, rel=0.03)


def test_that_a_small_catalogue_is_told_from_whole() -> None:
    task = counted()
    task.model.set_params(negatives=4)
    rows, expected, alone = task.others(np.array([1, 1, 1]), np.random.default_rng(0))
    assert rows.tolist() == [0, 1, 2, 3]
    assert expected.tolist() == alone.tolist() == [0, 0, 0, 0]


def test_that_ones_own_wishes_count_against_each_other_only_as_they_are_drawn() -> None:
    owner, wanted, others = torch.tensor([0, 0, 1]), torch.tensor([5, 2, 9]), torch.tensor([2, 4, 5])
    inf = float("inf")
    found = corrections(owner, wanted, others, torch.tensor([0.5, 1.0, 1.5]), torch.tensor([3.0, inf, inf]))
    assert found.tolist() == [[3.0, 1.0, inf], [inf, 1.0, inf], [0.5, 1.0, 1.5]]


@pytest.mark.parametrize("temperature", [None, 0.5])
def test_that_the_loss_over_a_whole_catalogue_is_the_softmax_of_the_scores(temperature: float | None) -> None:
    data = dataset(two_worlds(users=12))
    task = objective(data, temperature=temperature)
    task.network.eval()
    task.model.settle()
    expected = F.cross_entropy(
        torch.from_numpy(task.model.scores(Queries.at_events(data, data.rows))), torch.from_numpy(data.log.item[data.rows]).long()
    )
    (batch,) = task.epoch(0)
    assert task.losses(batch, 0)["next"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_that_scores_at_a_temperature_are_cosines() -> None:
    data = dataset(two_worlds(users=12))
    fitted = model(temperature=0.5).fit(data)
    np.testing.assert_allclose(np.linalg.norm(fitted.item_vectors, axis=1), 2**0.5, rtol=1e-5)
    assert np.abs(fitted.scores(Queries.at_events(data, data.rows))).max() <= 2.0001


def test_that_every_event_is_asked_for_once_an_epoch_in_another_order_each_time() -> None:
    data = dataset(two_worlds(users=12))
    task = objective(data.split_last(0, 1)[0], batch_events=32)
    windows = [np.concatenate(task.epoch(number)) for number in (0, 0, 1)]
    assert sorted(windows[0]) == list(range(len(task.windows)))
    assert sorted(task.windows.rows) == data.split_last(0, 1)[0].rows.tolist()
    assert np.array_equal(windows[0], windows[1])
    assert not np.array_equal(windows[0], windows[2])


def test_that_events_after_the_part_teach_nothing_and_the_seed_decides_the_rest() -> None:
    events = ring(users=20)
    last = pl.col("timestamp") == pl.col("timestamp").max().over("user_id")
    other = dataset(events.with_columns(item_id=pl.when(last).then(pl.lit("i3")).otherwise("item_id")))
    parts = [each.split_last(0, 1)[0] for each in (dataset(events), other)]
    one, two, third = (
        model(epochs=2, negatives=4, seed=seed).fit(part).state()["vectors"]
        for part, seed in zip([*parts, parts[0]], (0, 0, 1), strict=True)
    )
    assert np.array_equal(one, two)
    assert not np.allclose(one, third)


def test_that_training_stops_when_validation_grows_no_better_and_keeps_the_best_weights() -> None:
    train, valid, _ = dataset(two_worlds(events=6)).split_last(2, 1)
    fitted = model(epochs=40, patience=2).fit(train, valid)
    curve = [row["ndcg@10"] for row in fitted.progress_.curves]
    assert fitted.progress_.finished == "patience"
    assert len(curve) == int(np.argmax(curve)) + 3 < 40
    assert list_quality(fitted, valid) == pytest.approx(max(curve))
    assert WantedAmongOthers(fitted, train).validate()["ndcg@10"] == pytest.approx(max(curve))


def test_that_wrong_settings_and_a_part_without_wanted_events_are_refused() -> None:
    data = dataset(two_worlds(users=12))
    with pytest.raises(RecipeError, match="key 'negatives' must be at least 1 without in_batch; found 0"):
        TwoTower(in_batch=False, negatives=0).fit(data)
    with pytest.raises(RecipeError, match="model 'two_tower', key 'temperature' must be greater than 0"):
        TwoTower(temperature=0.0).fit(data)
    with pytest.raises(DataError, match="at least one wanted event"):
        TwoTower().fit(data.part(np.zeros(0, dtype=np.int64)))
