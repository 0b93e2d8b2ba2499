"""A corpus of planted defects: a clean export as a shop might give it, and defects put into it one by one, with what must be found.

Films are bought, watched and rated. Everything comes from one seed; the clean export has no error and no warning.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import polars as pl

from penchant.data.dataset import Tables
from penchant.schema.recipe import Recipe

DAY = 86_400.0
START = 1_648_771_200.0
"""1 April 2022, 00:00 UTC."""
DAYS = 60
NOW = START + 75 * DAY
USERS, ITEMS, EVENTS = 150, 200, 5000
JUDGED_FROM = START + 54 * DAY

RECIPE = """
[data]
events = { path = "events.csv" }
users = { path = "users.csv" }
items = { path = "items.csv" }
title = "title"
[features]
user.age = { kind = "number" }
user.land = { kind = "category" }
item.genre = { kind = "category" }
item.price = { kind = "number" }
item.plays = { kind = "number" }
item.tags = { kind = "categories" }
context.device = { kind = "category" }
context.minutes = { kind = "number" }
[tasks.stars]
kind = "regression"
label = "stars"
minimum = 1
maximum = 5
[tasks.bought]
kind = "binary"
label = "bought"
[split]
column = "day"
valid_from = "48"
test_from = "54"
"""


def recipe(rules: str = "") -> Recipe:
    """The export's recipe, with cleaning rules as a defect names them (`data.clean.ids = "strip"`), one a line."""
    raw = tomllib.loads(RECIPE)
    raw["data"]["clean"] = tomllib.loads(rules)["data"]["clean"] if rules else {}
    return Recipe.model_validate(raw)


@cache
def clean_export() -> Tables:
    """Events in the order of time, users and items; every user has a country of its kind, every item a price."""
    random = np.random.default_rng(20220401)
    popular = 1 / np.arange(1, ITEMS + 1) ** 0.6
    time = np.sort(np.floor(START + DAY * (np.arange(EVENTS) * DAYS // EVENTS) + random.uniform(6 * 3600, 23 * 3600, EVENTS)))
    users = random.integers(USERS, size=EVENTS)
    items = random.choice(ITEMS, size=EVENTS, p=popular / popular.sum())
    stars = np.clip(np.rint(random.normal(3.6, 1.1, EVENTS)), 1, 5)
    events = pl.DataFrame({
        "user_id": [f"u{user:03}" for user in users],
        "item_id": [f"film-{item:03}" for item in items],
        "timestamp": time,
        "day": ((time - START) // DAY).astype(np.int64),
        "stars": stars,
        "bought": (random.random(EVENTS) < 0.2).astype(np.int64),
        "minutes": np.round(random.lognormal(4.2, 0.5, EVENTS), 1),
        "device": random.choice(["phone", "tablet", "television"], size=EVENTS, p=[0.5, 0.2, 0.3]),
    }).unique(["user_id", "item_id", "timestamp"], keep="first", maintain_order=True)  # fmt: skip
    assert events.height == EVENTS
    return Tables(events, _users(random), _items(random))


def _users(random: np.random.Generator) -> pl.DataFrame:
    return pl.DataFrame({
        "user_id": [f"u{user:03}" for user in range(USERS)],
        "age": random.integers(16, 80, USERS),
        "land": random.choice(["France", "Ghana", "Japan", "Peru"], size=USERS),
        "born": [f"{year}-0{1 + year % 9}-1{year % 10}" for year in random.integers(1942, 2006, USERS)],
    })  # fmt: skip


def _items(random: np.random.Generator) -> pl.DataFrame:
    words = ["silver", "river", "night", "garden", "winter", "letter", "harbour", "orchard", "signal", "mirror"]
    return pl.DataFrame({
        "item_id": [f"film-{item:03}" for item in range(ITEMS)],
        "title": [f"The {words[item % 10]} of the {words[item // 10 % 10]} {item}" for item in range(ITEMS)],
        "genre": random.choice(["drama", "comedy", "thriller", "documentary"], size=ITEMS),
        "price": [f"{price:.2f}" for price in random.uniform(2, 15, ITEMS)],
        "plays": random.integers(1000, 9000, ITEMS),
        "tags": [list(random.choice(words, size=2, replace=False)) for _ in range(ITEMS)],
    }).with_columns(pl.col("price").cast(pl.Float64))  # fmt: skip


@dataclass(frozen=True)
class Planted:
    """One defect.

    Attributes:
        name: What was done.
        plant: Does it to the clean export.
        code, table, column, count: The finding that must come of it.
        first: Its first row, from 1; None where it is about a column.
        also: Codes of other errors and warnings that it truly brings with it.
    """

    name: str
    plant: Callable[[Tables], Tables]
    code: str
    table: str
    column: str | None
    count: int
    first: int | None
    also: frozenset[str] = frozenset()


def _with(tables: Tables, table: str, frame: pl.DataFrame) -> Tables:
    frames = {"events": tables.events, "users": tables.users, "items": tables.items} | {table: frame}
    return Tables(**frames)


def cells(table: str, column: str, rows: range, value: object, tables: Tables) -> Tables:
    """Other values in these rows (from 0) of a column: a value, or an expression over the row."""
    frame = getattr(tables, table)
    text = isinstance(value, str) and frame.schema[column] != pl.String
    old = pl.col(column).cast(pl.String) if text else pl.col(column)
    new = value if isinstance(value, pl.Expr) else pl.lit(value)
    return _with(
        tables, table, frame.with_columns(pl.when(pl.int_range(pl.len()).is_in(list(rows))).then(new).otherwise(old).alias(column))
    )


def rows_again(table: str, rows: range, tables: Tables, **other: pl.Expr) -> Tables:
    """These rows once more at the end, with other values in some columns."""
    frame = getattr(tables, table)
    again = frame[list(rows)].with_columns(**other).select(frame.columns)
    return _with(tables, table, pl.concat([frame, again], how="vertical_relaxed"))


def more_events(times: np.ndarray, users: list[str], items: list[str], tables: Tables) -> Tables:
    """Further events in the order of time, like the first in everything else."""
    like = tables.events.head(1).drop("user_id", "item_id", "timestamp", "day")
    added = pl.DataFrame({"user_id": users, "item_id": items, "timestamp": times}).with_columns(
        day=((pl.col("timestamp") - START) // DAY).cast(pl.Int64)
    )
    every = [pl.lit(like[name][0]).cast(like.schema[name]).alias(name) for name in like.columns]
    both = pl.concat([tables.events, added.with_columns(every).select(tables.events.columns)])
    return _with(tables, "events", both.sort("timestamp", maintain_order=True))


def fast_bot(tables: Tables) -> Tables:
    times = START + 20 * DAY + 7 * 3600 + np.arange(1100) * 3.0
    return more_events(times, ["u005"] * 1100, [f"film-{place % ITEMS:03}" for place in range(1100)], tables)


def sleepless_bot(tables: Tables) -> Tables:
    times = START + 20 * DAY + np.arange(50) * 2 * 3600.0
    return more_events(times, ["crawler"] * 50, [f"film-{place:03}" for place in range(50)], with_user("crawler", tables))


def one_item_bot(tables: Tables) -> Tables:
    times = START + 10 * DAY + np.arange(240) * 10 * 60.0
    times += 50_000 * (np.arange(240) // 40)  # it sleeps
    return more_events(times, ["fan"] * 240, ["film-042"] * 240, with_user("fan", tables))


def with_user(user: str, tables: Tables) -> Tables:
    assert tables.users is not None
    return _with(tables, "users", pl.concat([tables.users, tables.users.tail(1).with_columns(user_id=pl.lit(user))]))


def of_user(user: str) -> int:
    """How many events a user has."""
    return int((clean_export().events["user_id"] == user).sum())


def without_days(days: range, tables: Tables) -> Tables:
    return _with(tables, "events", tables.events.filter(~pl.col("day").is_in(list(days))))


def future_plays(tables: Tables) -> Tables:
    """Plays counted over the whole log, the events to be judged on among them."""
    assert tables.items is not None
    counts = tables.events.group_by("item_id").agg(pl.len().alias("plays"))
    items = tables.items.drop("plays").join(counts, on="item_id", how="left", maintain_order="left")
    return _with(tables, "items", items.with_columns(pl.col("plays").fill_null(0)).select(tables.items.columns))


def zeros_lost(tables: Tables) -> Tables:
    whole = cells("events", "item_id", range(510, 513), "0042", tables)
    return cells("events", "item_id", range(500, 504), "42", whole)


def drifted(tables: Tables) -> Tables:
    late = pl.int_range(pl.len()) >= EVENTS * 3 // 4
    device = pl.when(late & (pl.int_range(pl.len()) % 2 == 0)).then(pl.lit("spectacles")).otherwise("device").alias("device")
    return _with(tables, "events", tables.events.with_columns(device))


PLANTED: tuple[Planted, ...] = (
    Planted("events without a user", partial(cells, "events", "user_id", range(10, 22), None), "missing_id", "events", "user_id", 12, 11),
    Planted("events without an item", partial(cells, "events", "item_id", range(30, 37), ""), "missing_id", "events", "item_id", 7, 31),
    Planted("events without a time", partial(cells, "events", "timestamp", range(50, 55), None),
            "missing_time", "events", "timestamp", 5, 51),
    Planted("times that are infinite", partial(cells, "events", "timestamp", range(70, 73), float("inf")),
            "impossible_time", "events", "timestamp", 3, 71),
    Planted("times of 1975", partial(cells, "events", "timestamp", range(90, 94), 1.6e8), "early_time", "events", "timestamp", 4, 91),
    Planted("times of next year", partial(cells, "events", "timestamp", range(110, 116), NOW + 300 * DAY),
            "future_time", "events", "timestamp", 6, 111),
    Planted("milliseconds among seconds", partial(cells, "events", "timestamp", range(130, 150), pl.col("timestamp") * 1000),
            "other_time_unit", "events", "timestamp", 20, 131),
    Planted("times of 1970", partial(cells, "events", "timestamp", range(160, 169), 0.0), "stand_in_time", "events", "timestamp", 9, 161),
    Planted("events in another order", lambda tables: _with(tables, "events", tables.events[[*range(200), 201, 200, *range(202, EVENTS)]]),
            "out_of_order", "events", "timestamp", 1, 202),
    Planted("events exported twice", partial(rows_again, "events", range(300, 325)), "duplicate_event", "events", None, 25, EVENTS + 1),
    Planted("events bought and not bought", partial(rows_again, "events", range(300, 308), bought=1 - pl.col("bought")),
            "label_conflict", "events", None, 16, 301, frozenset({"duplicate_event"})),
    Planted("users in capitals", partial(cells, "events", "user_id", range(330, 345), pl.col("user_id").str.to_uppercase()),
            "lookalike_id", "events", "user_id", 15, 331, frozenset({"unknown_reference"})),
    Planted("items with a space", partial(cells, "events", "item_id", range(350, 358), pl.col("item_id") + " "),
            "lookalike_id", "events", "item_id", 8, 351, frozenset({"unknown_reference"})),
    Planted("items in wide letters", partial(cells, "events", "item_id", range(360, 366), pl.col("item_id").str.replace("f", "ｆ")),
            "lookalike_id", "events", "item_id", 6, 361, frozenset({"unknown_reference"})),
    Planted("users as words for nobody", partial(cells, "events", "user_id", range(370, 377), "NULL"),
            "placeholder_id", "events", "user_id", 7, 371, frozenset({"unknown_reference"})),
    Planted("a session in place of a user", partial(cells, "events", "user_id", range(380, 382), "s" * 300),
            "long_id", "events", "user_id", 2, 381, frozenset({"unknown_reference"})),
    Planted("users that are not in the table", partial(cells, "events", "user_id", range(390, 395), "stranger"),
            "unknown_reference", "events", "user_id", 5, 391),
    Planted("items that are not in the table", partial(cells, "events", "item_id", range(400, 411), "film-new"),
            "unknown_reference", "events", "item_id", 11, 401),
    Planted("stars beyond five", partial(cells, "events", "stars", range(420, 429), 50.0), "out_of_limits", "events", "stars", 9, 421),
    Planted("minutes that are no number", partial(cells, "events", "minutes", range(430, 434), float("nan")),
            "not_finite", "events", "minutes", 4, 431),
    Planted("minutes of a year", partial(cells, "events", "minutes", range(440, 442), 1e12), "outlier", "events", "minutes", 2, 441),
    Planted("minutes that become milliseconds", partial(cells, "events", "minutes", range(4000, EVENTS), pl.col("minutes") * 60_000),
            "unit_change", "events", "minutes", 1000, 4001, frozenset({"drift"})),
    Planted("bought twice counts as two", partial(cells, "events", "bought", range(450, 453), 2),
            "label_not_binary", "events", None, 3, 451),
    Planted("nobody ever buys", partial(cells, "events", "bought", range(EVENTS), 0), "label_of_one_class", "events", None, EVENTS, None),
    Planted("a device that comes at the end", drifted, "drift", "events", "device", EVENTS // 4, None),
    Planted("a crawler in a hurry", fast_bot, "bot", "events", "user_id", 1100 + of_user("u005"), None),
    Planted("a crawler without sleep", sleepless_bot, "sleepless_user", "events", "user_id", 50, None),
    Planted("a user with one film", one_item_bot, "one_item_user", "events", "user_id", 240, None),
    Planted("days that were not exported", partial(without_days, range(30, 33)), "empty_day", "events", "timestamp", 3, None),
    Planted("events to learn from after the test began", partial(cells, "events", "day", range(EVENTS - 40, EVENTS), 3),
            "training_after_test", "events", "timestamp", 40, EVENTS - 39),
    Planted("events on both sides of the split", partial(rows_again, "events", range(EVENTS - 60, EVENTS - 55), day=pl.lit(3).cast(int)),
            "shared_event", "events", None, 5, EVENTS - 59, frozenset({"duplicate_event", "training_after_test"})),
    Planted("users aged 199", partial(cells, "users", "age", range(5, 8), 199), "impossible_value", "users", "age", 3, 6),
    Planted("born in 1900", partial(cells, "users", "born", range(40, 45), "1900-01-01"), "stand_in_date", "users", "born", 5, 41),
    Planted("a country in two spellings", partial(cells, "users", "land", range(60, 63), "france "),
            "lookalike_value", "users", "land", 3, 61),
    Planted("a country that nobody told", partial(cells, "users", "land", range(70, 74), "N/A"), "stand_in_value", "users", "land", 4, 71),
    Planted("ages mostly missing", partial(cells, "users", "age", range(40, 140), None), "missing_value", "users", "age", 100, 41),
    Planted("a user twice", partial(rows_again, "users", range(3)), "duplicate_id", "users", "user_id", 3, USERS + 1),
    Planted("an item with two prices", partial(rows_again, "items", range(2), price=pl.col("price") + 1),
            "conflicting_id", "items", "item_id", 2, ITEMS + 1),
    Planted("a price below zero", partial(cells, "items", "price", range(20, 23), -1.0), "impossible_value", "items", "price", 3, 21),
    Planted("a price in words", partial(cells, "items", "price", range(30, 34), "2,99 EUR"), "mixed_type", "items", "price", 4, 31),
    Planted("a title read as Latin-1", partial(cells, "items", "title", range(50, 52), "CafÃ© noir"),
            "broken_text", "items", "title", 2, 51),
    Planted("tags with holes", partial(cells, "items", "tags", range(60, 63), pl.concat_list(pl.lit("river"), pl.lit(None).cast(str))),
            "list_with_holes", "items", "tags", 3, 61),
    Planted("one genre for all", partial(cells, "items", "genre", range(2 * ITEMS), "film"), "constant_column", "items", "genre", ITEMS, 1),
    Planted("a genre of its own for each", partial(cells, "items", "genre", range(ITEMS), "g-" + pl.col("item_id")),
            "near_unique_column", "items", "genre", ITEMS, 1),
    Planted("plays counted over the whole log", future_plays, "future_aggregate", "items", "plays", ITEMS, None),
    Planted("an item without its zeros", zeros_lost, "leading_zero_id", "events", "item_id", 4, 501, frozenset({"unknown_reference"})),
    Planted("an item without tags", partial(cells, "items", "tags", range(80, 82), pl.lit([], dtype=pl.List(pl.String))),
            "empty_list", "items", "tags", 2, 81),
)  # fmt: skip

# What cannot be seen beside another: one class hides a label of two, one genre hides many, words in a column hide its numbers, and
# events that are added are sorted in.
_HIDDEN = (
    "events in another order",
    "nobody ever buys",
    "a genre of its own for each",
    "a price below zero",
    "minutes of a year",
    "plays counted over the whole log",
)


def all_at_once() -> tuple[Tables, tuple[Planted, ...]]:
    """The export with all the defects that can be seen together, and which they are."""
    together = tuple(one for one in PLANTED if one.name not in _HIDDEN)
    tables = clean_export()
    for one in sorted(together, key=lambda one: one.code not in ("training_after_test", "shared_event")):  # these two ask for the last rows
        tables = one.plant(tables)
    return tables, together
