"""Encoders fitted to events: a planted preference is found, kept, resumed, bundled, and refused in words."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from penchant.data.dataset import Dataset
from penchant.features.feature_set import FeatureSet
from penchant.features.text import ENCODERS, Text
from penchant.fitting.loop import Interrupted
from penchant.models.saved import read_network, write_network
from penchant.schema.errors import RecipeError
from penchant.schema.recipe import Recipe
from penchant.storage.bundles import BundleStore
from penchant.training.trainer import NetworkTrainer, fit_network
from penchant.training.tuning.steps import Stand
from penchant.training.tuning.tuning import Tuned, tune
from tests.small_data import NOON
from tests.tiny_encoder import tiny_encoder

RECIPE = """
[data.events]
path = "never-read.csv"
[features]
user.bio = {{ kind = "text", model = "{model}", cache = "{cache}", precision = "float32"{bio} }}
item.item_id = {{ kind = "category" }}
item.plot = {{ kind = "text", model = "{model}", cache = "{cache}", precision = "float32", tuning = {{ {tuning} }} }}
[tasks.next]
kind = "next_item"
[network]
width = 16
[training]
epochs = 1
"""
SHARED = ', tuning = { kind = "shared", item = "plot" }'
LORA = 'kind = "lora", steps = 60, batch = 12, rank = 4, learning_rate = 0.02, matrices = ["query", "value", "dense"]'
FULL = 'kind = "full", steps = 60, batch = 12, learning_rate = 0.005'
PAIRS = 6
"""Pairs of words, a and n, b and o, ...: who wants the films of one wants those of the other, though nothing in the letters says so."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", layers=2, width=16)


def recipe(model: Path, cache: Path, tuning: str = LORA, bio: str = SHARED) -> Recipe:
    return Recipe.parse(RECIPE.format(model=model, cache=cache, tuning=tuning, bio=bio))


def planted(told: Recipe) -> Dataset:
    """Films with one telling letter and two that tell nothing; each user wants the films of one pair of letters, in any order."""
    random = np.random.default_rng(0)
    pairs = [("abcdef"[pair], "nopqrs"[pair]) for pair in range(PAIRS)]
    films = [
        (f"{letter}{copy}", f"{letter} {letter} {random.choice([*'uvwxyz'])}") for pair in pairs for letter in pair for copy in range(3)
    ]
    rows = []
    for user in range(60):
        own = [name for name, _ in films if name[0] in pairs[user % PAIRS]]
        rows += [(f"u{user}", name, NOON + step) for step, name in enumerate(random.permutation(own))]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    users = pl.DataFrame({"user_id": [f"u{user}" for user in range(60)], "bio": [pairs[user % PAIRS][0] for user in range(60)]})
    items = pl.DataFrame(films, schema=["item_id", "plot"], orient="row")
    return Dataset.from_frames(events, users, items, told, now=NOON + 1e6)


def nearness(feature: Any) -> float:
    """How much nearer the words of a pair lie than words of different pairs, as a difference of mean cosines."""
    letters = feature.model.encode([f"{letter} {letter}" for letter in "abcdefnopqrs"])
    cosines = letters[:PAIRS] @ letters[PAIRS:].T
    return float(np.diag(cosines).mean() - cosines[~np.eye(PAIRS, dtype=bool)].mean())


def plot_of(features: FeatureSet) -> Text:
    feature = features.features["item"]["plot"]
    assert isinstance(feature, Text)
    return feature


@pytest.mark.parametrize("tuning", [LORA, FULL], ids=["lora", "full"])
def test_that_a_planted_preference_is_found(model: Path, tmp_path: Path, tuning: str) -> None:
    if "lora" in tuning:
        pytest.importorskip("peft")
    told = recipe(model, tmp_path, tuning)
    features = FeatureSet(told)
    before = nearness(plot_of(features))
    (tuned,) = tune(features, planted(told), seed=0)
    assert nearness(plot_of(features)) > before + 0.3
    assert tuned.curve[-1]["next item"] < tuned.curve[0]["next item"] - 0.3
    assert tuned.curve[-1]["co-preference"] < tuned.curve[0]["co-preference"] - 0.3
    assert (tuned.steps, len(tuned.curve), tuned.seconds > 0) == (60, 10, True)


def brief(model: Path, cache: Path, **more: Any) -> Recipe:
    return recipe(model, cache, FULL.replace("60", "8"), **more)


def weights(tuned: Tuned, cache: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(cache / ENCODERS / tuned.encoder / "model.safetensors")


def test_that_what_was_fitted_before_is_read_again_and_other_settings_are_not_it(model: Path, tmp_path: Path) -> None:
    told = brief(model, tmp_path)
    (first,) = tune(FeatureSet(told), planted(told), seed=0)
    (again,) = tune(FeatureSet(told), planted(told), seed=0)
    (other,) = tune(FeatureSet(told), planted(told), seed=1)
    assert (first.reused, again.reused, other.reused) == (False, True, False)
    assert again.encoder == first.encoder != other.encoder
    assert again.seconds == first.seconds  # what it cost is still told


def test_that_an_interrupted_run_goes_on_to_the_same_weights(model: Path, tmp_path: Path) -> None:
    whole = brief(model, tmp_path / "whole")
    (unbroken,) = tune(FeatureSet(whole), planted(whole), seed=0)
    told, seen = brief(model, tmp_path / "broken"), []

    def stops(stand: Stand) -> None:
        if stand.steps == 5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        tune(FeatureSet(told), planted(told), seed=0, report=stops)
    (resumed,) = tune(FeatureSet(told), planted(told), seed=0, report=lambda stand: seen.append(stand.steps))
    assert seen == [6, 7, 8]
    assert resumed.encoder == unbroken.encoder  # named by its weights
    assert not [*(tmp_path / "broken" / ENCODERS).glob("*.safetensors")]


def test_that_the_time_ends_it_too(model: Path, tmp_path: Path) -> None:
    told = recipe(model, tmp_path, 'kind = "full", steps = 100000, minutes = 0.005, batch = 4')
    (tuned,) = tune(FeatureSet(told), planted(told), seed=0)
    assert tuned.steps < 1000
    assert tuned.seconds >= 0.3


def test_that_only_training_events_are_looked_at(model: Path, tmp_path: Path) -> None:
    """The same training part of two logs that differ in what comes after: the same encoder."""
    told = brief(model, tmp_path)
    data = planted(told)
    train = data.part(np.flatnonzero(data.log.time < NOON + 4))
    (first,) = tune(FeatureSet(told), train, seed=0)
    shuffled = data.log.item.copy()
    after = np.flatnonzero(data.log.time >= NOON + 4)
    shuffled[after] = shuffled[after][::-1]
    from dataclasses import replace

    (again,) = tune(FeatureSet(told), replace(train, log=replace(data.log, item=shuffled)), seed=0)
    assert again.encoder == first.encoder


def test_that_the_tuned_encoder_is_part_of_the_bundle_and_serves_new_texts(model: Path, tmp_path: Path) -> None:
    told = brief(model, tmp_path / "cache")
    data = planted(told)
    fitted = fit_network(told, data)
    assert isinstance(fitted.trainer, NetworkTrainer)
    assert fitted.trainer.progress is not None
    rows = fitted.trainer.progress.curves
    assert [row["epoch"] for row in rows] == [*range(-7, 2)]
    assert rows[0]["loss.encoder of plot, next item"] > 0
    store = BundleStore(tmp_path / "bundles")
    bundle = store.open(store.create(lambda folder: write_network(fitted, folder)))  # nothing in it but JSON, Parquet and safetensors
    (tmp_path / "cache").rename(tmp_path / "gone")
    read = read_network(bundle.path)
    new = pl.Series(["a n u", "never seen z"])
    plot, bio = (read.features.features[owner][name] for owner, name in (("item", "plot"), ("user", "bio")))  # type: ignore[index]  # owners
    assert np.array_equal(plot.transform(new), plot_of(fitted.features).transform(new))
    assert isinstance(bio, Text)
    assert bio.tuned == plot_of(read.features).tuned == bundle.path / ENCODERS / fitted.trainer.tuned[0].encoder
    assert fitted.recommend(["u0", "stranger"], 5).equals(read.recommend(["u0", "stranger"], 5))


def test_that_an_encoder_that_was_tuned_has_vectors_of_its_own_in_the_cache(model: Path, tmp_path: Path) -> None:
    told = brief(model, tmp_path)
    features = FeatureSet(told)
    bare = plot_of(features).model.encode(["a n u"])
    tune(features, planted(told), seed=0)
    assert not np.allclose(plot_of(features).model.encode(["a n u"]), bare, atol=1e-4)


def test_that_lora_moves_nothing_but_the_named_matrices(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    from safetensors.numpy import load_file

    told = recipe(model, tmp_path, 'kind = "lora", steps = 3')
    (tuned,) = tune(FeatureSet(told), planted(told), seed=0)
    before, after = load_file(model / "model.safetensors"), weights(tuned, tmp_path)
    moved = {name for name in before if not np.array_equal(before[name], after[name])}
    assert before.keys() == after.keys()
    assert {name.split(".")[-2] for name in moved} == {"query", "value"}
    assert len(moved) == 2 * 2  # in each of two layers


@pytest.mark.parametrize(
    ("tuning", "bio", "told"),
    [
        ('kind = "lorra"', "", "features, item.plot, tuning, kind must be a known kind; found 'lorra'. Did you mean 'lora'"),
        ('kind = "lora", ranks = 3', "", "features, item.plot, tuning, key 'ranks' must be a known key.*'rank'"),
        ('kind = "full", next_item = 0, co_preference = 0', "", "given a contrast with a weight above 0"),
        ('kind = "lora", matrices = ["q_lin"]', "", "names of the encoder's own layers; found q_lin in an encoder with .*query"),
        ('kind = "full", steps = 1', ', tuning = { kind = "full" }', "features, user.bio, tuning must be of an item's text, or shared"),
        ('kind = "full", steps = 1', ', tuning = { kind = "shared", item = "plott" }', "found 'plott'. Did you mean 'plot'"),
    ],
)
def test_that_what_cannot_be_tuned_is_refused_in_words(model: Path, tmp_path: Path, tuning: str, bio: str, told: str) -> None:
    if "matrices" in tuning:
        pytest.importorskip("peft")
    wrong = recipe(model, tmp_path, tuning, bio)
    with pytest.raises(RecipeError, match=told):
        tune(FeatureSet(wrong), planted(wrong), seed=0)


def test_that_peft_is_asked_for_where_it_is_not_there(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    told = recipe(model, tmp_path)
    with pytest.raises(RecipeError, match=r"tuning of kind 'lora' must be installed.*pip install 'penchant\[tuning\]'"):
        tune(FeatureSet(told), planted(told), seed=0)


def test_that_a_recipe_without_tuning_tunes_nothing(model: Path, tmp_path: Path) -> None:
    text = RECIPE.replace(", tuning = {{ {tuning} }}", "").format(model=model, cache=tmp_path, bio="")
    told = Recipe.parse(text)
    assert tune(FeatureSet(told), planted(told), seed=0) == []
    assert not (tmp_path / ENCODERS).exists()
