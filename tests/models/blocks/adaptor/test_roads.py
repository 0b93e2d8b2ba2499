"""Which vector takes which road, and a network with each of them from training to its bundle."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from penchant.data.dataset import Dataset
from penchant.features.feature_set import FeatureSet
from penchant.models.blocks.adaptor.experts import Experts
from penchant.models.blocks.adaptor.linear import Linear
from penchant.models.blocks.adaptor.side import Side
from penchant.models.network import Network
from penchant.models.saved import read_network, write_network
from penchant.schema.errors import RecipeError
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network
from tests.tiny_encoder import tiny_encoder

RECIPE = """
[data.events]
path = "never-read.csv"
[features]
user.about = {{ kind = "text", model = "{model}", cache = "{cache}", template = "{{age}} years, {{bio}}" }}
item.item_id = {{ kind = "category" }}
item.year = {{ kind = "number" }}
item.plot = {{ kind = "text", model = "{model}", cache = "{cache}", layers = [1, 2, 3], whitening = "full" }}
[tasks.next]
kind = "next_item"
[network]
width = 16
item = {{ kind = "content_and_id", bound = 1.0 }}
{network}
[training]
epochs = 1
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("roads")
    tiny_encoder(place / "tiny")
    return place


def recipe(folder: Path, network: str = "") -> Recipe:
    return Recipe.parse(RECIPE.format(model=folder / "tiny", cache=folder, network=network))


def data(told: Recipe) -> Dataset:
    random = np.random.default_rng(0)
    letters = list("abcdefgh")
    events = {"user_id": [f"u{n % 15}" for n in range(150)], "item_id": [f"i{n}" for n in random.integers(12, size=150)]}
    users = {
        "user_id": [f"u{n}" for n in range(15)],
        "age": [*range(14), None],
        "bio": [" ".join(random.choice(letters, 3)) for _ in range(15)],
    }
    items = {
        "item_id": [f"i{n}" for n in range(12)],
        "year": [*range(1990, 2002)],
        "plot": [" ".join(random.choice(letters, 4)) for _ in range(12)],
    }
    frames: list[Any] = [pl.DataFrame(events | {"timestamp": 1e9 + np.arange(150.0)}), pl.DataFrame(users), pl.DataFrame(items)]
    return Dataset.from_frames(*frames, told, now=1.1e9)


def built(folder: Path, network: str) -> Network:
    told = recipe(folder, network)
    return Network(told, FeatureSet(told).fit(data(told)))


def test_that_texts_take_the_network_s_adaptor_and_other_vectors_a_line(folder: Path) -> None:
    network = built(folder, 'adaptor = { kind = "experts", experts = 3 }')
    tables = network.item.content.tables
    assert isinstance(tables["feature_plot"], Experts)
    assert isinstance(tables["feature_year"], Linear)
    assert isinstance(network.profile.tables["feature_about"], Experts)


def test_that_a_feature_may_have_an_adaptor_of_its_own(folder: Path) -> None:
    network = built(folder, 'adaptors = { "item.plot" = { kind = "side", size = 8 }, "user.about" = { kind = "experts" } }')
    assert isinstance(network.item.content.tables["feature_plot"], Side)
    assert isinstance(network.profile.tables["feature_about"], Experts)


@pytest.mark.parametrize(
    ("network", "told"),
    [
        ('adaptors = { "item.plott" = { kind = "side" } }', "Did you mean 'item.plot'"),
        ('adaptors = { "item.item_id" = { kind = "side" } }', "must be a feature that is a vector"),
        ('adaptor = { kind = "side" }', "must be told several states of an encoder; found 1"),
        ('adaptor = { kind = "sidewards" }', "network.adaptor, kind must be a known kind"),
    ],
)
def test_that_an_adaptor_that_cannot_be_is_refused(folder: Path, network: str, told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        built(folder, network)


@pytest.mark.parametrize("plot", ["linear", "experts", "side"])
def test_that_a_network_with_each_learns_and_answers_the_same_from_its_bundle(folder: Path, plot: str, tmp_path: Path) -> None:
    told = recipe(folder, f'adaptors = {{ "item.plot" = {{ kind = "{plot}" }} }}')
    model = fit_network(told, data(told))
    assert all(torch.isfinite(weight).all() for weight in model.network.parameters())
    write_network(model, tmp_path)
    read = read_network(tmp_path)
    asked = (["u0", "u14", "stranger"], 5)
    assert model.recommend(*asked).equals(read.recommend(*asked))
    new = {"item_id": "new", "year": 1995, "plot": "a b c"}
    one, other = (each.items_of(each.features.encode_one("item", new)).vectors for each in (model, read))
    torch.testing.assert_close(one, other)
