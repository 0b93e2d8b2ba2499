"""Networks of any size to serve: made events, a few seconds of training. What they recommend does not matter, what it costs does."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.models.saved import write_network
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network

NOW = 1_700_000_000.0
TASTES, DAYS = 20, 30


@dataclass(frozen=True)
class World:
    """How large.

    Attributes:
        items: In the catalogue.
        users: With a history.
        history: The most events that the network reads of a user.
        events: Of every user; `history` where fewer would leave histories short.
        candidates: Items that are ranked for a request.
        width: Numbers of an item's vector.
    """

    items: int = 100_000
    users: int = 5_000
    history: int = 50
    candidates: int = 200
    width: int = 64

    @property
    def name(self) -> str:
        """Of the folder it is kept in."""
        return f"{self.items}-{self.users}-{self.history}-{self.candidates}-{self.width}"

    @property
    def recipe(self) -> str:
        """Two kinds of item features, a moment, the next item and a click."""
        return f"""
[data]
events = {{ path = "events.parquet" }}
users = {{ path = "users.parquet" }}
items = {{ path = "items.parquet" }}

[features]
item.item_id = {{ kind = "category" }}
item.genre = {{ kind = "category" }}
item.price = {{ kind = "number" }}
user.country = {{ kind = "category" }}
context.device = {{ kind = "category" }}
context.timestamp = {{ kind = "time" }}

[tasks.next]
kind = "next_item"

[tasks.click]
kind = "binary"
label = "clicked"

[history]
length = {self.history}

[network]
width = {self.width}

[training]
seconds = 10
epochs = 1

[serving]
candidates = {self.candidates}
rank_by = {{ click = 1.0 }}
events = {{ click = {{ clicked = 1 }} }}
"""

    def data(self, seed: int = 0) -> Dataset:
        """Users of `TASTES` tastes, who take to items of theirs."""
        random = np.random.default_rng(seed)
        each = self.history + 2
        user = np.repeat(np.arange(self.users), each)
        own = random.random(len(user)) < 0.7
        shelf = random.integers(0, max(1, self.items // TASTES), len(user)) * TASTES
        item = np.where(own, shelf + user % TASTES, random.integers(0, self.items, len(user))) % self.items
        names = [str(number) for number in range(self.items)]
        events = pl.DataFrame({
            "user_id": user.astype(str), "item_id": item.astype(str), "timestamp": NOW - random.random(len(user)) * DAYS * 86_400,
            "clicked": (random.random(len(user)) < np.where(own, 0.6, 0.2)).astype(float),
            "device": random.choice(["phone", "laptop", "television"], len(user)),
        })  # fmt: skip
        items = pl.DataFrame({
            "item_id": names, "genre": [f"genre-{number % TASTES}" for number in range(self.items)],
            "price": random.lognormal(3.0, 1.0, self.items).round(2),
        })  # fmt: skip
        users = pl.DataFrame({"user_id": np.arange(self.users).astype(str), "country": random.choice(["de", "cn", "us"], self.users)})
        return Dataset.from_frames(events, users, items, Recipe.parse(self.recipe, Path()))

    def bundle(self, folder: Path) -> Path:
        """The folder of a trained network, made where it is not there yet."""
        path = folder / self.name
        if not path.is_dir():
            fresh = folder / f".{self.name}"
            fresh.mkdir(parents=True, exist_ok=True)
            data = self.data()
            write_network(fit_network(data.recipe, data), fresh)
            fresh.rename(path)
        return path
