"""The films of `small_data` with words in place of genres and colours, read by a language model made for the purpose."""

from pathlib import Path

import polars as pl
from tests import small_data
from tests.tiny_encoder import tiny_encoder

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network

TEXT = 'kind = "text", model = "model", cache = "kept", precision = "float32"'
RECIPE = (
    small_data.FILM_RECIPE.replace('user.colour = { kind = "category" }', f"user.bio = {{ {TEXT} }}")
    .replace('item.genre = { kind = "category" }', f"item.words = {{ {TEXT} }}")
    .replace('item.year = { kind = "number" }\n', "")
    .replace('context.daypart = { kind = "category" }', f"context.search = {{ {TEXT} }}")
    .replace("[serving]\n", "[serving]\ndeadline_ms = 4000\n")
)
SAID = {"red": "c c d", "blue": "g h"}
"""What viewers of a taste tell of themselves."""


def films_with_words() -> pl.DataFrame:
    """Alpha films are of a and b, beta films of e and f."""
    words = pl.when(pl.col("genre") == "alpha").then(pl.lit("a b a")).otherwise(pl.lit("e f f"))
    return small_data.films().select("item_id", "title", words=words)


def dataset(folder: Path) -> Dataset:
    """Users, items and events with words; the model beside the recipe."""
    tiny_encoder(folder / "model", layers=1)
    recipe = Recipe.parse(RECIPE).model_copy(update={"directory": folder})
    events = small_data.film_events().with_columns(search=pl.lit("a h"))
    viewers = small_data.viewers().select("user_id", bio=pl.col("colour").replace_strict(SAID, default=None))
    return Dataset.from_frames(events, viewers, films_with_words(), recipe, now=small_data.FILM_NOW)


def network_with_words(folder: Path) -> NetworkRecommender:
    """A network fitted on them, as read from its bundle in `folder / "bundle"`."""
    data = dataset(folder)
    bundle = folder / "bundle"
    bundle.mkdir()
    write_network(fit_network(data.recipe, data), bundle)
    return read_network(bundle, folder)
