"""Small data sets with a known truth, for the tests of everything that learns."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network, write_network
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network

NOON = 1_650_888_000.0
"""25 April 2022, 12:00 UTC."""
DAY = 86_400.0
NEXT = '[tasks.next]\nkind = "next_item"\n'
SMALL = "[network]\nwidth = 16\ndropout = 0.0\nhistory = { kind = 'transformer', layers = 1 }\n"

# The films: a log with tables, tasks, contexts and a scenario, as a person would have it, small enough to train on in a second.
VIEWERS, FILMS, EVENTS_EACH = 60, 30, 12  # users; films, half of each taste; events per user
FILM_START = 1_600_000_000.0
FILM_NOW = FILM_START + 100 * DAY

FILM_RECIPE = """
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


def recipe(lines: str = NEXT) -> Recipe:
    """A recipe of these lines over a file that is never read."""
    return Recipe.parse('[data.events]\npath = "never-read.csv"\n' + lines)


def dataset(events: dict[str, Any] | pl.DataFrame, lines: str = NEXT, users: Any = None, items: Any = None) -> Dataset:
    """A data set of frames given as columns; the present is a year after noon."""
    frames = [None if table is None else pl.DataFrame(table) for table in (users, items)]
    return Dataset.from_frames(pl.DataFrame(events), *frames, recipe(lines), now=NOON + 365 * DAY)


def log_of(*events: tuple[str, str, float]) -> Log:
    """A packed log of (user, item, time) without further columns."""
    columns = ("user_id", "item_id", "timestamp")
    frame = pl.DataFrame(list(events), schema={"user_id": pl.String, "item_id": pl.String, "timestamp": pl.Float64}, orient="row")
    nobody, nothing = (pl.DataFrame(schema={name: pl.String}) for name in columns[:2])
    return Log.pack(frame, nobody, nothing, [])


def two_worlds(users: int = 40, items: int = 12, events: int = 6, seed: int = 0) -> pl.DataFrame:
    """Even users only ever choose even items, odd users odd ones; no item twice."""
    random = np.random.default_rng(seed)
    rows = [
        (f"u{user}", f"i{2 * place + user % 2}", NOON + user + 60.0 * step)
        for user in range(users)
        for step, place in enumerate(random.permutation(items // 2)[:events])
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


def ring(users: int = 60, items: int = 10, events: int = 12, seed: int = 0) -> pl.DataFrame:
    """Every user goes round the ring i0, i1, ..., i9, i0, ... from a random start."""
    starts = np.random.default_rng(seed).integers(items, size=users)
    rows = [
        (f"u{user}", f"i{(start + step) % items}", NOON + user + 60.0 * step) for user, start in enumerate(starts) for step in range(events)
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")


def weather(users: int = 40, events: int = 12, seed: int = 0) -> pl.DataFrame:
    """The weather of the moment alone decides the item; sun, rain and snow come at random."""
    skies = np.random.default_rng(seed).integers(3, size=(users, events))
    rows = [
        (f"u{user}", f"i{sky}", NOON + user + 60.0 * step, ("sun", "rain", "snow")[sky], sky == 0)
        for user, row in enumerate(skies)
        for step, sky in enumerate(row)
    ]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "sky", "outside"], orient="row")


REASONS = 3
"""Why something may be wanted, in `reasons_dataset`."""


def reasons_dataset(network: str = "", users: int = 150, items: int = 64, events: int = 12, seed: int = 0) -> Dataset:
    """An item is wanted for one of three reasons, which the circumstances name: its kind in that respect is the one the user likes.

    Kinds and likes are drawn from four values each, and the item from all that suit.

    Args:
        network: More lines of the network's section.
        users, items, events, seed: How many there are, events of each user, and where chance comes from.
    """
    random = np.random.default_rng(seed)
    kinds, likes = random.integers(4, size=(items, REASONS)), random.integers(4, size=(users, REASONS))
    rows = []
    for user in range(users):
        for step, why in enumerate(random.integers(REASONS, size=events)):
            item = random.choice(np.flatnonzero(kinds[:, why] == likes[user, why]))
            rows.append((f"u{user}", f"i{item}", NOON + 7.0 * user + 60.0 * step, f"why{why}"))
    told = {"user": ("likes", likes), "item": ("kind", kinds)}
    tables = [
        {f"{owner}_id": [f"{owner[0]}{row}" for row in range(len(drawn))]}
        | {f"{name}{reason}": [f"v{value}" for value in drawn[:, reason]] for reason in range(REASONS)}
        for owner, (name, drawn) in told.items()
    ]
    features = [f'{owner}.{name}{reason} = {{ kind = "category" }}' for owner, (name, _) in told.items() for reason in range(REASONS)]
    lines = [
        NEXT, '[features]\nitem.item_id = { kind = "category" }\ncontext.why = { kind = "category" }', *features,
        '[history]\nlength = 12\ncolumns.why = { kind = "category" }',
        f"[network]\nwidth = 8\ndropout = 0.0\nhistory = {{ kind = 'transformer', layers = 1 }}\n{network}",
        "[training]\nepochs = 40\nbatch_events = 512\nlearning_rate = 0.01\n",
    ]  # fmt: skip
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "why"], orient="row")
    return dataset(frame, "\n".join(lines), *tables)


def film_events() -> pl.DataFrame:
    """A log of two tastes: red viewers want alpha films, blue viewers want beta films.

    By day they watch films with even numbers, by night odd ones. On the tab "home" they give 5 stars, on "search" 2.
    One event of each viewer is a mistake: a film of the other taste with 1 star, which no history keeps.

    Columns `user_id, item_id, timestamp, rating, tab, daypart`, 12 rows per viewer in time order.
    """
    random = np.random.default_rng(7)
    rows = []
    for user in range(VIEWERS):
        red = user % 2 == 0
        for place in range(EVENTS_EACH):
            night, home, mistaken = random.random() < 0.5, random.random() < 0.5, place == 5
            number = 2 * int(random.integers(FILMS // 4)) + night
            taste = "a" if red != mistaken else "b"
            time = FILM_START + DAY * place + 60.0 * user
            stars = 1 if mistaken else 5 if home else 2
            rows.append((f"u{user}", f"{taste}{number}", time, stars, "home" if home else "search", "night" if night else "day"))
    return pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating", "tab", "daypart"], orient="row")


def viewers() -> pl.DataFrame:
    """`user_id, colour`; a third of them, u2 and u5 and so on, have told no colour and can only be known by what they do."""
    colours = [None if user % 3 == 2 else "red" if user % 2 == 0 else "blue" for user in range(VIEWERS)]
    return pl.DataFrame({"user_id": [f"u{user}" for user in range(VIEWERS)], "colour": colours})


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


def film_dataset(recipe: str = FILM_RECIPE, more: pl.DataFrame | None = None) -> Dataset:
    """The log, and more events after it."""
    log = film_events() if more is None else pl.concat([film_events(), more.cast(film_events().schema)])
    return Dataset.from_frames(log, viewers(), films(), Recipe.parse(recipe), now=FILM_NOW)


@cache
def film_network() -> NetworkRecommender:
    """The network of `FILM_RECIPE`, fitted on the whole log; not to be changed."""
    data = film_dataset()
    return fit_network(data.recipe, data)


def copy_of(recommender: NetworkRecommender, folder: Path) -> NetworkRecommender:
    """The same network, free to be changed."""
    folder.mkdir(parents=True, exist_ok=True)
    write_network(recommender, folder)
    return read_network(folder)


def write_film_files(folder: Path, recipe: str = FILM_RECIPE) -> Path:
    """The tables as CSV files with their recipe; the recipe's path."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in (("events", film_events()), ("users", viewers()), ("films", films())):
        frame.write_csv(folder / f"{name}.csv")
    path = folder / "recipe.toml"
    path.write_text(recipe, encoding="utf8")
    return path
