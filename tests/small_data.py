"""Small data sets with a known truth, for the tests of everything that learns."""

from typing import Any

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.schema.recipe import Recipe

NOON = 1_650_888_000.0
"""25 April 2022, 12:00 UTC."""
DAY = 86_400.0
NEXT = '[tasks.next]\nkind = "next_item"\n'
SMALL = "[network]\nwidth = 16\ndropout = 0.0\nhistory = { kind = 'transformer', layers = 1 }\n"


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
