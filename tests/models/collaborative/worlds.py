"""Two worlds whose people and things say where they belong."""

import polars as pl

from penchant.data.dataset import Dataset
from tests.small_data import NEXT, NOON, dataset, two_worlds

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
