"""Bayesian matrix factorisation: its draws against their distributions, its answers by hand, and what it is made for."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.regression import rmse
from penchant.models.collaborative.bayesian_mf import BayesianMF, Noise, Side
from penchant.models.collaborative.biased_mf import BiasedMF
from penchant.models.contract import check_recommender
from penchant.schema.recipe import Recipe
from tests.models.collaborative.worlds import STARS, asking, rated
from tests.real_data import real_data
from tests.small_data import DAY, NOON, dataset

GRAPH = (
    '[features.user.friends]\nkind = "graph"\nwidth = 0\ncolumn = "user_id"\nedges = { path = "friends.csv", from = "one", to = "other" }\n'
)
BRIEF = {"factors": 2, "directions": 4, "burn_in": 20, "draws": 20}


def circles(folder: Path) -> Dataset:
    """Users of two circles who like opposite items; everybody knows some of the circle, and nobody anybody else."""
    random = np.random.default_rng(0)
    pairs = [(f"u{n}", f"u{friend}") for n in range(60) for friend in random.choice(range(n % 2, 60, 2), 6, replace=False)]
    pl.DataFrame(pairs, schema=["one", "other"], orient="row").write_csv(folder / "friends.csv")
    rows = [
        (f"u{u}", f"i{i}", NOON + u + 60.0 * i, 3.0 + (1 if (u + i) % 2 else -1) + 0.1 * random.normal())
        for u in range(60)
        for i in random.permutation(12)[:6]
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    return Dataset.from_frames(frame, recipe=Recipe.parse('[data]\nevents = { path = "x" }\n' + STARS + GRAPH, folder), now=NOON + DAY)


def test_that_vectors_are_drawn_around_what_prior_and_ratings_expect() -> None:
    random = np.random.default_rng(0)
    side = Side(np.array([[1.0]], dtype=np.float32), 1, random)
    side.centre, side.links, side.precision = np.array([1.0, -1.0]), np.array([[0.5, 2.0]]), np.array([[2.0, 0.5], [0.5, 1.0]])
    left, right = np.array([[[3.0, 1.0], [1.0, 4.0]]]), np.array([[2.0, -3.0]])
    drawn = []
    for _ in range(20_000):
        side.draw_vectors(left, right, random)
        drawn.append(side.vectors[0])
    spread = np.linalg.inv([[5.0, 1.5], [1.5, 5.0]])
    expected = spread @ (right[0] + np.array([[2.0, 0.5], [0.5, 1.0]]) @ [1.5, 1.0])
    np.testing.assert_allclose(np.mean(drawn, axis=0), expected, atol=0.02)
    np.testing.assert_allclose(np.cov(np.transpose(drawn)), spread, atol=0.01)


def test_that_the_prior_of_many_vectors_is_what_they_were_made_with() -> None:
    random = np.random.default_rng(0)
    told = 1 + random.standard_normal((5000, 3)).astype(np.float32)
    links, spread = random.standard_normal((3, 2)), np.array([[1.0, 0.6], [0.6, 2.0]])
    side = Side(told, 1, random)
    side.vectors = np.array([2.0, -1.0]) + told @ links + random.multivariate_normal([0, 0], spread, 5000)
    for _ in range(40):
        side.draw_prior(random)
    np.testing.assert_allclose(side.centre, [2, -1], atol=0.1)
    np.testing.assert_allclose(side.links, links, atol=0.1)
    np.testing.assert_allclose(np.linalg.inv(side.precision), spread, atol=0.15)
    assert side.price < 10


def test_that_a_precision_is_a_wishart_draw_around_what_vectors_and_links_spread() -> None:
    random = np.random.default_rng(0)
    side, drawn = Side(np.zeros((3, 1), dtype=np.float32), 1, random), []
    side.vectors = np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 3.0]])
    for _ in range(4000):
        side.links, side.price = np.array([[2.0, 0.0]]), 0.5
        side.draw_prior(random)
        drawn.append(side.precision)
    # identity, around the mean (2, 1), the mean itself at 3/4, links at half
    spread = np.eye(2) + [[2, 0], [0, 6]] + 0.75 * np.array([[4, 2], [2, 1]]) + 0.5 * np.array([[4, 0], [0, 0]])
    np.testing.assert_allclose(np.mean(drawn, axis=0), (2 + 3 + 1) * np.linalg.inv(spread), rtol=0.04, atol=0.01)


def test_that_links_that_say_nothing_are_held_back() -> None:
    random = np.random.default_rng(0)
    side = Side(random.standard_normal((300, 20)).astype(np.float32), 1, random)
    side.vectors = random.standard_normal((300, 2))
    least_squares = np.linalg.lstsq(side.told, side.vectors, rcond=None)[0]
    sizes = []
    for _ in range(200):
        side.draw_prior(random)
        sizes.append((side.links**2).mean())
    assert np.mean(sizes[50:]) < 0.5 * (least_squares**2).mean()


def test_that_noise_is_the_precision_overall_and_of_each_user() -> None:
    random = np.random.default_rng(0)
    deviation = np.repeat([0.5, 2.0], 10)
    matrix = csr_array(deviation[:, None] * random.standard_normal((20, 400)))
    noise, flat = Noise(matrix), (np.zeros((20, 2)), np.zeros((400, 2)))
    drawn = []
    for _ in range(100):
        noise.draw(matrix, *flat, random)
        drawn.append(noise.of_users)
    np.testing.assert_allclose(np.mean(drawn[20:], axis=0), 1 / deviation**2, rtol=0.25)


def test_that_a_user_who_rates_erratically_counts_less() -> None:
    random = np.random.default_rng(1)
    data = rated(noise=0.1)
    ratings = data.log.series("rating").to_numpy().copy()
    erratic = data.log.user < 10
    ratings[erratic] += 2 * random.standard_normal(erratic.sum())
    frame = data.log.take(["user_id", "item_id", "timestamp"], data.rows).with_columns(rating=ratings)
    noise = BayesianMF(**BRIEF).fit(dataset(frame, STARS)).draws_["noise"]
    assert noise[:10].max() < noise[10:-1].min()


def test_that_an_answer_is_the_mean_over_draws_of_what_each_expects() -> None:
    events = {"user_id": ["a"], "item_id": ["x"], "timestamp": [NOON], "rating": [4.0]}
    data = dataset(events, STARS, None, {"item_id": ["x", "y"]})
    model = BayesianMF(factors=1, directions=1, burn_in=0, draws=2).fit(data)
    model.mean_, model.deviation_ = 3.0, 2.0  # a's 4 is half a deviation
    model.basis_ = np.array([[1.0], [0.0]], dtype=np.float32)
    items = np.array([[[0.25, 0.0], [0.5, 1.0]], [[0.0, 1.0], [0.0, 2.0]]])
    links, noise = np.array([[[1.0, 0.0]], [[0.0, 0.0]]]), np.array([3.0, 1.0])
    model.draws_ = {"centre": np.zeros((2, 2)), "links": links, "precision": np.stack([np.eye(2)] * 2), "items": items, "noise": noise}
    # first draw: expected bias 1 from what was rated; (1 + 3) bias = 1 + 3 (.5 - .25), the vector stays 0
    bias = (1 + 3 * 0.25) / 4
    # second: [4, 3; 3, 4] (bias, vector) = (1.5, 1.5)
    both = 1.5 / 7
    expected = [3 + (bias + 0.25 + 2 * both), 3 + (bias + 0.5 + 3 * both)]
    np.testing.assert_allclose(model.scores(asking(data, ["a"]))[0], expected, rtol=1e-6)
    np.testing.assert_allclose(model.scores(asking(data, ["nobody"]))[0], [3.25, 3.5], rtol=1e-6)


def test_that_few_ratings_are_read_better_than_by_one_best_guess() -> None:
    train, _, test = rated(each=8, noise=0.4).split_last(0, 2)
    truth = labels_of(test, "stars")
    one, all_of_them = (model.fit(train).predict(test)["stars"] for model in (BiasedMF(factors=2), BayesianMF(**BRIEF)))
    assert rmse(truth, all_of_them) < rmse(truth, one)


def test_that_somebody_new_is_placed_by_friends_where_these_are_listened_to(tmp_path: Path) -> None:
    data = circles(tmp_path)
    train = data.part(np.flatnonzero(data.log.user % 7 > 0))
    new = [name for row, name in enumerate(data.log.users["user_id"]) if row % 7 == 0]
    asked = asking(train, new)
    asked.before[:] = data.log.offsets[asked.user]  # before their first event
    liked = np.array([[(int(user[1:]) + int(item[1:])) % 2 for item in data.log.items["item_id"]] for user in new], dtype=bool)
    alone, social = (BayesianMF(**BRIEF, social=weight).fit(train).scores(asked) for weight in (0.0, 1.0))
    np.testing.assert_allclose(alone, np.repeat(alone[:1], len(new), axis=0), rtol=1e-6)
    assert social[liked].min() > social[~liked].max()


def test_that_a_new_item_stands_where_its_content_says() -> None:
    rows = [
        (f"u{u:02}", f"i{i:02}", NOON + 60.0 * i + u, 3.0 + (1 if (u + i) % 2 else -1))
        for u in range(30)
        for i in range(40)
        if (u * 7 + i * 3) % 5
    ]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row")
    items = {"item_id": [f"i{i:02}" for i in range(42)], "shape": ["round", "square"] * 21}
    data = dataset(frame, STARS + '[features]\nitem.shape = { kind = "category" }\n', None, items)
    scores = BayesianMF(**BRIEF).fit(data).scores(asking(data, ["u00", "u01"]))
    assert scores[0, 41] - scores[0, 40] > 0.5
    assert scores[1, 40] - scores[1, 41] > 0.5


@pytest.mark.parametrize("social", [0.0, 2.0])
def test_that_it_keeps_the_contract_with_friends(social: float, tmp_path: Path) -> None:
    check_recommender(BayesianMF(**BRIEF, social=social), circles(tmp_path))


@pytest.mark.slow
def test_that_the_first_split_of_movielens_is_predicted_as_well_as_the_best_published_and_not_better_than_can_be() -> None:
    folder, columns = real_data("ml-100k") / "u_splits", ["user_id", "item_id", "rating", "timestamp"]
    parts = [pl.read_csv(folder / f"u1.{part}", separator="\t", has_header=False, new_columns=columns) for part in ("base", "test")]
    data = dataset(pl.concat([part.with_columns(timestamp=pl.lit(NOON + when)) for when, part in enumerate(parts)]), STARS)
    train, test = (data.part(np.flatnonzero(data.log.time == NOON + when)) for when in (0, 1))
    model = BayesianMF(factors=8, directions=60, burn_in=20, draws=15).fit(train)
    assert 0.87 < rmse(labels_of(test, "stars"), model.predict(test)["stars"]) < 0.8967
