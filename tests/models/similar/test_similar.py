"""Items and users alike, asked of fitted models: what was planted is found, what is not known is said."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import pearsonr

from penchant.data.dataset import Dataset
from penchant.models.classic import classic
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.models.saved import read_network
from penchant.models.similar.of_network import Similar
from penchant.schema.errors import NotFittedError, TargetError, UnsupportedError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.training.trainer import fit_network
from tests import small_data
from tests.small_data import film_network

ITEM_COLUMNS = {"item_id": pl.String, "rank": pl.Int64, "other_id": pl.String, "score": pl.Float32}
USER_COLUMNS = {"user_id": pl.String, **dict(list(ITEM_COLUMNS.items())[1:]), "related": pl.Boolean}
SPACES = ("content", "behaviour", "joint")
COLD = {"item_id": "cold", "title": "Alpha 99", "genre": "alpha", "year": 1980}


@cache
def network() -> NetworkRecommender:
    """Films of two tastes, one that nobody has had, and a viewer who has had none; relations between neighbouring numbers; one epoch."""
    folder = Path(tempfile.mkdtemp())
    lines = small_data.FILM_RECIPE.replace("epochs = 8", "epochs = 1")
    relation = (
        '[features.user.circle]\nkind = "graph"\nwidth = 0\ncolumn = "user_id"\nedges = { path = "circle.csv", from = "a", to = "b" }\n'
    )
    pl.DataFrame({"a": ["u0", "u0", "u7"], "b": ["u1", "u2", "nobody"]}).write_csv(folder / "circle.csv")
    recipe = Recipe.parse(lines + relation, folder)
    films = pl.concat([small_data.films(), pl.DataFrame([COLD])], how="diagonal_relaxed")
    viewers = pl.concat([small_data.viewers(), pl.DataFrame({"user_id": ["quiet", "silent"], "colour": ["red", None]})])
    data = Dataset.from_frames(small_data.film_events(), viewers, films, recipe, now=small_data.FILM_NOW)
    return fit_network(recipe, data)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("by", ["cosine", "pearson"])
def test_that_items_and_users_of_a_taste_are_alike(space: Any, by: Any) -> None:
    items = film_network().similar_items(["a4", "b3"], 5, space=space, by=by)
    assert dict(items.schema) == ITEM_COLUMNS
    assert items["item_id"].to_list() == ["a4"] * 5 + ["b3"] * 5
    assert items["rank"].to_list() == [1, 2, 3, 4, 5] * 2
    assert (items["item_id"].str.slice(0, 1) == items["other_id"].str.slice(0, 1)).all()
    users = film_network().similar_users(["u0", "u1"], 5, space=space, by=by)
    assert dict(users.schema) == USER_COLUMNS
    parity = [users[name].str.slice(1).cast(pl.Int64) % 2 for name in ("user_id", "other_id")]
    assert (parity[0] == parity[1]).all()
    for table in (items, users):
        assert (table["score"] <= 1.00001).all()
        assert all(part["score"].is_sorted(descending=True) for _, part in table.group_by(table.columns[0]))
        assert (table[table.columns[0]] != table["other_id"]).all()


def test_that_behaviour_is_pearsons_correlation_of_who_had_what() -> None:
    """More directions than films: nothing is lost."""
    log = film_network().log_
    had = np.zeros((len(log.users), len(log.items)))
    had[log.user[log.history_rows], log.item[log.history_rows]] = 1
    ids = log.items["item_id"].to_list()
    table = film_network().similar_items(["a4"], 30, space="behaviour", by="pearson")
    wanted = {
        name: pearsonr(had[:, ids.index("a4")], had[:, row]).statistic for row, name in enumerate(ids) if name != "a4" and had[:, row].any()
    }
    assert dict(zip(table["other_id"], table["score"], strict=True)) == pytest.approx(wanted, abs=1e-4)


def test_that_joint_is_the_mean_of_both() -> None:
    tables = {space: network().similar_items(["a4"], 31, space=space) for space in SPACES}
    content, behaviour, joint = (dict(zip(table["other_id"], table["score"], strict=True)) for table in tables.values())
    assert "cold" in content
    assert "cold" not in behaviour
    assert joint == pytest.approx({name: (value + behaviour.get(name, 0)) / 2 for name, value in content.items()}, abs=1e-5)
    assert network().similar_items(["a4"], 31).equals(tables["joint"]), "joint is meant when no space is named"


def test_that_what_nobody_had_has_content_and_no_behaviour() -> None:
    near = network().similar_items(["cold"], 8, space="content")
    assert {name[0] for name in near["other_id"]} == {"a"}
    with pytest.raises(TargetError, match=r"item 'cold' must be with events, .* 1 of 2 items without. Ask in space 'content'") as caught:
        network().similar_items(["a4", "cold"], 3, space="behaviour")
    assert not isinstance(caught.value, UnsupportedError)
    assert network().similar_items(["cold", "a4"], 3, space="behaviour", unknown="skip")["item_id"].to_list() == ["a4"] * 3
    with pytest.warns(UserWarning, match="'cold'"):
        assert network().similar_items(["cold"], 3, space="behaviour", unknown="warn").schema == ITEM_COLUMNS
    assert "cold" not in network().similar_items(["b1"], 31, space="behaviour")["other_id"], "nor is it above films that are unlike"


def test_that_something_told_by_its_columns_is_looked_up_by_content() -> None:
    table = network().similar_items([{"genre": "beta", "year": 1981}, "a2", {"item_id": "mine", "genre": "alpha"}], 7, space="content")
    assert table["item_id"].to_list() == [None] * 7 + ["a2"] * 7 + ["mine"] * 7
    assert {name[0] for name in table["other_id"][:7]} == {"b"}
    assert {int(name[1:]) % 2 for name in table["other_id"][:7]} == {1}
    assert network().similar_items([{**COLD, "item_id": "twin"}], 1, space="content")["score"].to_list() == pytest.approx([1], abs=1e-5)
    with pytest.raises(TargetError, match="item told by its columns must be told by features"):
        network().similar_items([{"title": "read by no feature"}], 3, space="content")
    assert network().similar_users([{"colour": "red"}], 3, space="content")["score"].to_list() == pytest.approx([1, 1, 1], abs=1e-5)


def test_that_a_user_without_a_history_is_known_by_the_profile_alone() -> None:
    assert len(network().similar_users(["quiet"], 3, space="content")) == 3
    with pytest.raises(TargetError, match="user 'quiet' must be with events"):
        network().similar_users(["quiet"], 3, space="behaviour")
    with pytest.raises(TargetError, match="user 'silent' must be told by features or with events"):
        network().similar_users(["silent"], 3)
    listed = network().similar_users(["u0"], 62, space="behaviour")["other_id"]
    assert not {"quiet", "silent"} & set(listed)
    assert len(listed) == 59


@pytest.mark.parametrize("space", SPACES)
def test_that_friends_are_marked_alone_or_left_out(space: Any) -> None:
    everybody = network().similar_users(["u0", "u1"], 62, space=space)
    assert set(everybody.filter(user_id="u0", related=True)["other_id"]) == {"u1", "u2"}
    assert everybody.filter(user_id="u1", related=True)["other_id"].to_list() == ["u0"], "a relation counts for both ends"
    for friends in ("only", "none"):
        kept = everybody.filter(related=friends == "only")
        found = network().similar_users(["u0", "u1"], 62, space=space, friends=friends)
        assert found.drop("rank", "score").equals(kept.drop("rank", "score"))
        np.testing.assert_allclose(found["score"], kept["score"], atol=1e-6)
        assert found.filter(user_id="u0")["rank"].to_list() == list(range(1, len(found.filter(user_id="u0")) + 1))
    assert network().similar_users(["u5"], 3, friends="only").is_empty()


def test_that_who_follows_whom_is_a_friend_of_both(tmp_path: Path) -> None:
    model = small_data.copy_of(film_network(), tmp_path)
    ids = model.log_.users["user_id"]
    model.related = {"follow": np.array([[ids.index_of("u3"), ids.index_of("u9")]])}
    model.take_similar(Similar(model))
    assert model.similar_users(["u3", "u9"], 5, friends="only")["other_id"].to_list() == ["u9", "u3"]


def test_that_friends_of_a_recipe_without_relations_are_asked_in_vain() -> None:
    with pytest.raises(UnsupportedError, match="friends 'only' must be asked of a model that knows relations"):
        film_network().similar_users(["u0"], 3, friends="only")
    assert not film_network().similar_users(["u0"], 3)["related"].any()


Ask = Callable[[Recommender], object]


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda model: model.similar_items(["a1"], space="looks"), "space must be 'content', 'behaviour' or 'joint'; found 'looks'"),
        (lambda model: model.similar_users(["u1"], by="euclid"), "by must be 'cosine' or 'pearson'; found 'euclid'"),
        (lambda model: model.similar_users(["u1"], friends="yes"), "friends must be 'any', 'only' or 'none'; found 'yes'"),
        (lambda model: model.similar_items(["a1"], unknown="hm"), "unknown must be 'raise', 'warn' or 'skip'; found 'hm'"),
        (lambda model: model.similar_items(["a1"], 31), r"k must be a whole number from 1 to 30 \(the catalogue\); found 31"),
        (lambda model: model.similar_users(["u1"], 61), r"k must be a whole number from 1 to 60 \(the log\); found 61"),
        (lambda model: model.similar_items(["a1"], 0), "found 0. Ask for at least one item"),
        (lambda model: model.similar_items(["a1"], True), "found True"),
        (lambda model: model.similar_items("a1"), "items must be a list of item ids; found the text 'a1'"),
        (lambda model: model.similar_users({"colour": "red"}), "users must be a list of user ids; found one mapping"),
        (lambda model: model.similar_items(["a1", "a99"]), "item 'a99' must be in the catalogue; found 1 of 2 items"),
        (lambda model: model.similar_users(["stranger"]), "user 'stranger' must be in the log"),
    ],
)
def test_that_a_wrong_question_is_told_what_is_wrong(ask: Ask, says: str) -> None:
    with pytest.raises(TargetError, match=says):
        ask(film_network())


def test_that_unknown_ids_may_be_left_out_and_nobody_may_ask() -> None:
    table = film_network().similar_items(["a99", "a1"], 2, unknown="skip")
    assert table["item_id"].to_list() == ["a1", "a1"]
    assert dict(film_network().similar_items([], 2).schema) == ITEM_COLUMNS
    assert dict(film_network().similar_users([], 2).schema) == USER_COLUMNS
    assert len(film_network().similar_items(["a1"], np.int64(30))) == 29, "as many as there are, without itself"  # type: ignore[arg-type]
    with pytest.raises(NotFittedError):
        NetworkRecommender(small_data.recipe()).similar_items(["a1"])


def test_that_asked_in_company_each_gets_what_it_gets_alone() -> None:
    names = film_network().items["item_id"].to_list()
    together = film_network().similar_items(names, 4)
    alone = pl.concat([film_network().similar_items([name], 4) for name in names])
    assert together.drop("score", "other_id").equals(alone.drop("score", "other_id"))
    np.testing.assert_allclose(together["score"], alone["score"], atol=1e-6)


def test_that_a_bundle_answers_the_same(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    small_data.copy_of(network(), tmp_path / "bundle")
    again = read_network(tmp_path / "bundle", tmp_path / "elsewhere")  # where no table of relations lies
    for space in SPACES:
        assert again.similar_items(["a4"], 31, space=space).equals(network().similar_items(["a4"], 31, space=space))
        asked = {"space": space, "friends": "only"}
        assert again.similar_users(["u0"], 62, **asked).equals(network().similar_users(["u0"], 62, **asked))
    (tmp_path / "bundle" / "similar.safetensors").unlink()
    (tmp_path / "bundle" / "contents.safetensors").unlink()
    older = read_network(tmp_path / "bundle")
    assert older.similar_items(["a4"], 31).equals(network().similar_items(["a4"], 31)), "one written before has it worked out anew"


def test_that_a_recipe_without_features_knows_behaviour_alone() -> None:
    data = small_data.dataset(
        small_data.two_worlds(), small_data.NEXT + "[features]\nitem.item_id = { kind = 'category' }\n[training]\nepochs = 1\n"
    )
    model = fit_network(data.recipe, data)
    near = model.similar_items(["i0"], 5)
    assert near.equals(model.similar_items(["i0"], 5, space="behaviour"))
    assert {int(name[1:]) % 2 for name in near["other_id"]} == {0}
    for space in ("content", "joint"):
        with pytest.raises(UnsupportedError, match=rf"space '{space}' must be told by a feature of items; found ids only. Add one"):
            model.similar_items(["i0"], 5, space=space)


def test_that_behaviour_is_learnt_from_the_training_part_alone() -> None:
    """In the later part, everybody goes over to the other world's items."""
    early = small_data.two_worlds(users=20)
    late = early.with_columns(
        timestamp=pl.col("timestamp") + 1e6, item_id=pl.lit("i") + (11 - pl.col("item_id").str.slice(1).cast(pl.Int64)).cast(pl.String)
    )
    whole = small_data.dataset(
        pl.concat([early, late]), small_data.NEXT + "[training]\nepochs = 1\n[features]\nitem.item_id = { kind = 'category' }\n"
    )
    train, *_ = whole.split_by_time("2022-05-01", "2022-06-01")
    near = fit_network(whole.recipe, train).similar_items(["i0"], 11, space="behaviour").filter(pl.col("score") > 0.01)
    assert {int(name[1:]) % 2 for name in near["other_id"]} == {0}


# Models that know ids only.


@cache
def fitted(kind: str) -> Recommender:
    return classic(Part(kind=kind)).fit(small_data.film_dataset())


@pytest.mark.parametrize("kind", ["item_knn", "ease", "als", "pure_svd"])
def test_that_a_classic_model_has_its_own_likeness_of_items(kind: str) -> None:
    model = fitted(kind)
    table = model.similar_items(["a4", "b3"], 5)
    if kind in ("item_knn", "ease"):  # so few events teach the others' many directions nothing
        assert (table["item_id"].str.slice(0, 1) == table["other_id"].str.slice(0, 1)).all()
    values = model.item_similarities(np.array([model.items["item_id"].index_of("a4")]))[0]
    best = np.sort(np.delete(values, model.items["item_id"].index_of("a4")))[::-1][:5]
    np.testing.assert_allclose(table["score"][:5], best, atol=1e-5)
    assert table.equals(model.similar_items(["a4", "b3"], 5, space="behaviour"))


def test_that_models_of_products_compare_users_too_and_know_pearson() -> None:
    model = fitted("als")
    for by in ("cosine", "pearson"):
        table = model.similar_users(["u0", "u1"], 5, by=by)
        assert (table["user_id"].str.slice(1).cast(pl.Int64) % 2 == table["other_id"].str.slice(1).cast(pl.Int64) % 2).all()
    vectors = model.item_vectors  # type: ignore[attr-defined]
    rows = {name: row for row, name in enumerate(model.items["item_id"])}
    (other,), (score,) = (model.similar_items(["a4"], 1, by="pearson")[name].to_list() for name in ("other_id", "score"))
    assert score == pytest.approx(pearsonr(vectors[rows["a4"]], vectors[rows[other]]).statistic, abs=1e-5)


@pytest.mark.parametrize(
    ("kind", "ask", "says"),
    [
        ("popularity", lambda model: model.similar_items(["a1"]), "one that holds items against each other; found a Popularity"),
        ("popularity", lambda model: model.similar_users(["u1"]), "one that holds users against each other; found a Popularity"),
        ("item_knn", lambda model: model.similar_users(["u1"]), "found a ItemKNN. Train the network"),
        (
            "item_knn",
            lambda model: model.similar_items(["a1"], space="content"),
            "space 'content' must be asked of a model that reads features",
        ),
        ("als", lambda model: model.similar_items(["a1"], space="joint"), "space 'joint' must be asked of a model that reads features"),
        ("ease", lambda model: model.similar_items(["a1"], by="pearson"), "by 'pearson' must be left to the model; found a EASE"),
        ("als", lambda model: model.similar_items([{"genre": "alpha"}]), "one that reads features; found one that knows ids only"),
    ],
)
def test_that_what_a_model_cannot_say_is_an_error_of_its_own(kind: str, ask: Ask, says: str) -> None:
    with pytest.raises(UnsupportedError, match=says):
        ask(fitted(kind))
