"""A log with two tastes, small enough to train on in a second: red users want alpha films, blue users want beta films.

By day they watch films with even numbers, by night odd ones. On the tab "home" they give 5 stars, on "search" 2. One event of each user
in ten is a mistake: a film of the other taste with 1 star, which no history keeps.
"""

from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network

USERS, FILMS, EVENTS = 60, 30, 12  # users; films, half of each taste; events per user
START = 1_600_000_000.0
NOW = START + 100 * 86_400.0

RECIPE = """
[data]
events = { path = "events.csv" }
users = { path = "users.csv" }
items = { path = "films.csv" }
title = "title"

[features]
user.colour = { kind = "category" }
item.item_id = { kind = "category" }
item.genre = { kind = "category" }
item.year = { kind = "number" }
context.daypart = { kind = "category" }

[scenario]
column = "tab"

[tasks.next]
kind = "next_item"

[tasks.like]
kind = "binary"
label = "rating >= 4"

[tasks.stars]
kind = "regression"
label = "rating"
minimum = 1
maximum = 5

[history]
length = 8
where = "rating >= 2"
columns.rating = { kind = "number" }

[network]
width = 16
dropout = 0.0

[training]
epochs = 8
batch_events = 256
learning_rate = 0.01
watch = "stars.rmse"

[serving]
candidates = 20
events.rating = { rating = "value" }
"""


def events() -> pl.DataFrame:
    """`user_id, item_id, timestamp, rating, tab, daypart`, 12 rows per user in time order."""
    random = np.random.default_rng(7)
    rows = []
    for user in range(USERS):
        red = user % 2 == 0
        for place in range(EVENTS):
            night, home, mistaken = random.random() < 0.5, random.random() < 0.5, place == 5
            number = 2 * int(random.integers(FILMS // 4)) + night
            taste = "a" if red != mistaken else "b"
            time = START + 86_400.0 * place + 60.0 * user
            stars = 1 if mistaken else 5 if home else 2
            rows.append((f"u{user}", f"{taste}{number}", time, stars, "home" if home else "search", "night" if night else "day"))
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating", "tab", "daypart"], orient="row")


def users() -> pl.DataFrame:
    """`user_id, colour`; a third of them, u2 and u5 and so on, have told no colour and can only be known by what they do."""
    colours = [None if user % 3 == 2 else "red" if user % 2 == 0 else "blue" for user in range(USERS)]
    return pl.DataFrame({"user_id": [f"u{user}" for user in range(USERS)], "colour": colours})


def films() -> pl.DataFrame:
    """`item_id, title, genre, year`: a0 … a14 are alpha, b0 … b14 beta."""
    names = [(taste, number) for taste in "ab" for number in range(FILMS // 2)]
    return pl.DataFrame(
        {
            "item_id": [f"{taste}{number}" for taste, number in names],
            "title": [f"{'Alpha' if taste == 'a' else 'Beta'} {number}" for taste, number in names],
            "genre": ["alpha" if taste == "a" else "beta" for taste, _ in names],
            "year": [1980 + number % 2 for _, number in names],
        }
    )


def dataset(recipe: str = RECIPE, more: pl.DataFrame | None = None) -> Dataset:
    """The log, and more events after it."""
    log = events() if more is None else pl.concat([events(), more.cast(events().schema)])
    return Dataset.from_frames(log, users(), films(), Recipe.parse(recipe), now=NOW)


@cache
def trained() -> NetworkRecommender:
    """The network of `RECIPE`, fitted on the whole log; not to be changed."""
    data = dataset()
    return fit_network(data.recipe, data)


def copy_of(recommender: NetworkRecommender, folder: Path) -> NetworkRecommender:
    """The same network, free to be changed."""
    folder.mkdir(parents=True, exist_ok=True)
    write_network(recommender, folder)
    return read_network(folder)


def write_files(folder: Path, recipe: str = RECIPE) -> Path:
    """The tables as CSV files with their recipe; the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("events", events()), ("users", users()), ("films", films())):
        frame.write_csv(folder / f"{name}.csv")
    path = folder / "recipe.toml"
    path.write_text(recipe, encoding="utf8")
    return path
