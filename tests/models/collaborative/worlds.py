"""Two worlds whose people and things say where they belong."""

import numpy as np
import polars as pl

from penchant.data.dataset import Dataset
from penchant.models.queries import Queries
from tests.small_data import DAY, NEXT, NOON, dataset, two_worlds

LINES = NEXT + '[features]\nuser.colour = { kind = "category" }\nitem.shape = { kind = "category" }\nitem.item_id = { kind = "category" }\n'


def told_worlds(lines: str = LINES, items: int = 20) -> tuple[Dataset, Dataset]:
    """All events of two worlds, and the part without the last 10 users and the last 4 items.

    Even users are red and want round items, odd ones blue and want square items; user u41 has told no colour. A title tells the world too.
    """
    events = two_worlds(users=40, items=items, events=8)
    events = pl.concat([events, pl.DataFrame({"user_id": ["u40", "u41"], "item_id": ["i0", "i1"], "timestamp": [NOON, NOON]})])
    users = {"user_id": [f"u{user}" for user in range(42)], "colour": [*(["red", "blue"] * 20), "red", None]}
    titles = ["the round ball", "a square box"] * (items // 2)
    told = {"item_id": [f"i{item}" for item in range(items)], "shape": ["round", "square"] * (items // 2), "title": titles}
    data = dataset(events, lines, users, told)
    user, item = (data.log.series(name).str.slice(1).cast(pl.Int64).to_numpy() for name in ("user_id", "item_id"))
    return data, data.part(((user < 30) & (item < items - 4)).nonzero()[0])


def world_of(names: pl.Series) -> list[int]:
    """0 or 1 by the number in an id."""
    return [int(name[1:]) % 2 for name in names]


STARS = '[tasks.stars]\nkind = "regression"\nlabel = "rating"\n'


def rated(users: int = 60, items: int = 25, each: int = 20, noise: float = 0.0, lines: str = STARS) -> Dataset:
    """Every user rates some items one a minute: 3.5, the item's bias, taste times kind, and noise where there is any."""
    random = np.random.default_rng(0)
    taste, kind, bias = random.normal(size=users), random.normal(size=items), random.normal(size=items)
    rows = [
        (f"u{u:02}", f"i{i:02}", NOON + 60.0 * n, 3.5 + 0.5 * bias[i] + 0.6 * taste[u] * kind[i] + noise * random.normal())
        for u in range(users)
        for n, i in enumerate(random.permutation(items)[:each])
    ]
    return dataset(pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "rating"], orient="row"), lines)


def asking(data: Dataset, users: list[str]) -> Queries:
    """These users, after all that the log holds."""
    return Queries.now(data.log, users, pl.DataFrame({"timestamp": [NOON + 365 * DAY] * len(users)}))
