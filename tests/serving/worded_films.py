"""The films of `small_data` with words in place of genres and colours, read by a language model made for the purpose."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from tests import small_data
from tests.tiny_encoder import tiny_encoder

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network


@dataclass(frozen=True)
class Words:
    """What films are about, and what reads it.

    Attributes:
        model: As a recipe names it; "model" is one made for the purpose, whose words are letters.
        alpha, beta: What the films of either taste are about.
    """

    model: str = "model"
    alpha: str = "a b a"
    beta: str = "e f f"

    @property
    def recipe(self) -> str:
        """That of the films, with texts of items, users and circumstances."""
        text = f'kind = "text", model = "{self.model}", cache = "kept", precision = "float32"'
        return (
            small_data.FILM_RECIPE.replace('user.colour = { kind = "category" }', f"user.bio = {{ {text} }}")
            .replace('item.genre = { kind = "category" }', f"item.words = {{ {text} }}")
            .replace('item.year = { kind = "number" }\n', "")
            .replace('context.daypart = { kind = "category" }', f"context.search = {{ {text} }}")
            .replace("[serving]\n", "[serving]\ndeadline_ms = 4000\n")
        )


LETTERS = Words()
SAID = {"red": "c c d", "blue": "g h"}
"""What viewers of a taste tell of themselves."""


def films_with_words(words: Words = LETTERS) -> pl.DataFrame:
    """Every film, told by the words of its taste."""
    told = pl.when(pl.col("genre") == "alpha").then(pl.lit(words.alpha)).otherwise(pl.lit(words.beta))
    return small_data.films().select("item_id", "title", words=told)


def dataset(folder: Path, words: Words = LETTERS) -> Dataset:
    """Users, items and events with words; the model beside the recipe."""
    if words.model == LETTERS.model:
        tiny_encoder(folder / words.model, layers=1)
    recipe = Recipe.parse(words.recipe).model_copy(update={"directory": folder})
    events = small_data.film_events().with_columns(search=pl.lit("a h"))
    viewers = small_data.viewers().select("user_id", bio=pl.col("colour").replace_strict(SAID, default=None))
    return Dataset.from_frames(events, viewers, films_with_words(words), recipe, now=small_data.FILM_NOW)


def network_with_words(folder: Path, words: Words = LETTERS) -> NetworkRecommender:
    """A network fitted on them, as read from its bundle in `folder / "bundle"`."""
    data = dataset(folder, words)
    bundle = folder / "bundle"
    bundle.mkdir()
    write_network(fit_network(data.recipe, data), bundle)
    return read_network(bundle, folder)
