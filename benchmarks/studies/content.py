"""What an item's words, picture and movement are worth, for items people know and for new ones.

MovieLens-1M with plots and abstracts, MovieLens-100K with the plots of films of the same title and year there, Frappe with descriptions.

One item in ten, drawn, is new: nothing is learnt of it but what it is about. `warm.ndcg@10` ranks the other items for those of them that
are asked, `cold.ndcg@10` the new items for the new ones. Intervals draw users.

MovieLens: each user's last tenth of events is the test part, the tenth before it the validation part; earlier events of new films are
taken out of the log. A query stands at a user's first such event in the test part, knows everything before it, and wants all of the part.

Frappe: the rows of CFM's leave-one-out split, without order; a query is a row with its circumstances and knows the user's training rows;
apps used before stay in. All rows of new apps are asked, those of the training part too. All ten epochs are taken.

What every model reaches is kept in benchmarks/cache/content, so that differences are to all that ran before. What it cost stands in the
row's notes: processor seconds of the features (tuning, and texts that were not yet kept) and of the network, and how the encoder was tuned.

The quick form reads names alone, for whole texts take minutes to be encoded for the first time, and asks a few hundred of the queries.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.sources import read_table
from penchant.features.text import Text, TextSettings
from penchant.models.collaborative.popularity import Popularity
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.settings import read_settings
from penchant.studies.lists import Asked, measure
from penchant.training.trainer import NetworkTrainer
from studies.frappe import table
from studies.kept import CACHE, Found, Kept
from studies.portrait import films, people
from studies.study import BOOTSTRAP, Changes, Numbers, Outcome, changed, mark_of, numbers, processor_seconds, text_of

NEW = 0.1
"""Share of the items that are new."""
LEARNT, VALIDATION, TEST = 0.0, 1.0, 2.0
METRIC = "ndcg@10"
FEW = 600
"""Queries of each kind in the quick form."""
IDS_ALONE: Changes = {"kind": "content_and_id"}
LAYERS = [2, 4, 6]

Frames = tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame]


@dataclass(frozen=True)
class Catalogue:
    """Data whose items have texts.

    Attributes:
        recipe: Its name.
        folder: Of the data.
        columns: Those of the text.
        content: Features of items beside their ids.
        frames: Events with their `stage`, users and items of a folder, given the recipe.
        asked: Whether all events of new items are asked, or those of the test part alone.
        more: Networks that only these data can show.
    """

    recipe: str
    folder: str
    columns: tuple[str, ...]
    content: tuple[str, ...]
    frames: Callable[[Path, Recipe], Frames]
    asked: bool
    more: Mapping[str, Changes]

    @property
    def networks(self) -> dict[str, Changes]:
        """Our network, and it with one change."""
        return {
            "network_id_only": {"features": {"item": dict.fromkeys(self.content)}, "network": {"item": IDS_ALONE}},
            "network_content_only": {"features": {"item": {"item_id": None}}, "network": {"item": IDS_ALONE}},
            "network": {},
            "network_unbounded": {"network": {"item": IDS_ALONE}},
            "network_scaled": {"features": {"item": {"about": {"whitening": None}}}},
            "network_linear": {"network": {"adaptor": {"kind": "linear"}}},
            "network_side": {
                "features": {"item": {"about": {"layers": LAYERS}}},
                "network": {"adaptor": {"kind": "side"}},
            },
            "network_static": {"network": {"dynamic": {"kind": "static"}}},
            "network_dynamic": {"network": {"dynamic": {"kind": "facets"}}},
            "network_low_rank": {"network": {"dynamic": {"kind": "low_rank"}}},
            **self.more,
        }


def rated_films(folder: Path, recipe: Recipe) -> Frames:
    """MovieLens-1M."""
    events = pl.read_parquet(folder / "ratings_rebuilt.parquet").rename({"userID": "user_id", "movieID": "item_id"})
    known = events.filter(pl.col("chron_rank").is_not_null()).with_columns(timestamp=pl.col("chron_rank").cast(pl.Float64))
    place = pl.col("timestamp").rank("ordinal").over("user_id") / pl.len().over("user_id")
    stage = pl.when(place <= 0.8).then(LEARNT).when(place <= 0.9).then(VALIDATION).otherwise(TEST)
    return known.select("user_id", pl.col("item_id").cast(pl.String), "timestamp", "rating", stage=stage), people(folder), films(folder)


def few_films(folder: Path, recipe: Recipe) -> Frames:
    """MovieLens-100K; events of one moment are in one part."""
    events, users, items = (
        table.rename({name: name.partition(":")[0] for name in table.columns})
        for table in (pl.read_csv(folder / f"ml-100k.{name}", separator="\t", infer_schema=False) for name in ("inter", "user", "item"))
    )
    events = events.with_columns(pl.col("timestamp", "rating").cast(pl.Float64))
    place = pl.col("timestamp").rank("max").over("user_id") / pl.len().over("user_id")
    stage = pl.when(place <= 0.8).then(LEARNT).when(place <= 0.9).then(VALIDATION).otherwise(TEST)
    people = users.with_columns(age=(pl.col("age").cast(pl.Int64) // 7).cast(pl.String))
    title = pl.format("{} ({})", "movie_title", "release_year")
    plots = films(folder.parent / "ml-1m").select(named=pl.col("title").str.to_lowercase(), plot="plot").unique("named", keep="first")
    told = items.with_columns(title=title, named=title.str.to_lowercase(), decade=pl.col("release_year").str.slice(0, 3), genres="class")
    joined = told.join(plots, on="named", how="left", maintain_order="left")
    return (
        events.with_columns(stage=stage),
        people.select("user_id", "age", "gender", "occupation"),
        joined.select("item_id", "title", "genres", "decade", "plot"),
    )


def used_apps(folder: Path, recipe: Recipe) -> Frames:
    """Frappe."""
    assert recipe.data.items is not None
    before, after = (table(folder, name) for name in ("train", "test"))
    order = pl.int_range(pl.len()).cast(pl.Float64)
    learnt = before.with_columns(timestamp=order, stage=LEARNT)
    asked = after.with_columns(timestamp=pl.lit(float(len(before))), stage=TEST)
    return pl.concat([learnt, asked]), None, read_table(recipe.data.items, folder, "items").frame


POSTER: Changes = {"poster": {"kind": "image", "column": "item_id", "path": "poster_thumbs_w96.zip"}}
TUNED: Mapping[str, Changes] = {
    f"network_{kind}": {"features": {"item": {"about": {"tuning": {"kind": kind, "minutes": 20.0}}}}} for kind in ("lora", "full")
}
"""The encoder's own weights moved; with the fit of the network, within half an hour."""

CATALOGUES = {
    "ml-1m-content": Catalogue(
        "movielens-1m-content",
        "ml-1m",
        ("title", "plot"),
        ("genres", "decade", "about"),
        rated_films,
        asked=False,
        more={
            "network_without_attributes": {"features": {"item": {"genres": None, "decade": None}}},
            "network_with_image": {"features": {"item": POSTER}},
            "network_with_image_without_text": {"features": {"item": {**POSTER, "about": None}}},
            "network_with_image_without_attributes": {"features": {"item": {**POSTER, "genres": None, "decade": None}}},
        },
    ),
    "ml-100k-content": Catalogue(
        "movielens-100k-content",
        "ml-100k",
        ("title", "plot"),
        ("genres", "decade", "about"),
        few_films,
        asked=False,
        more=TUNED,
    ),
    "frappe-content": Catalogue(
        "frappe-content",
        "frappe",
        ("name", "description"),
        ("category", "downloads", "price", "language", "about"),
        used_apps,
        asked=True,
        more={
            "network_without_attributes": {"features": {"item": dict.fromkeys(("category", "downloads", "price", "language"))}},
            **TUNED,
        },
    ),
}


class Cosine(Recommender):
    """How alike an item's text is to the mean of those of the history, by the cosine of the frozen encoder's vectors.

    Args:
        columns: Those of the text.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns

    def _learn(self, data: Dataset) -> None:
        told = data.log.items.select(pl.struct(self.columns).alias("about"))["about"]
        vectors = Text(TextSettings(whitening="none")).fit(told).transform(told)
        self.vectors_ = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        query, rows = queries.known()
        own = np.zeros((len(queries), self.vectors_.shape[1]), dtype=np.float32)
        np.add.at(own, query, self.vectors_[queries.log.item[rows]])
        found: NDArray[np.float32] = own @ self.vectors_.T
        return found


class CostedTrainer(NetworkTrainer):
    """Our trainer, which also tells what it cost.

    Attributes:
        cost: Processor seconds of the features, tuning among them, and of the rest; and how encoders were tuned.
    """

    cost: dict[str, Any]

    def fit(self, recommender: NetworkRecommender, data: Dataset) -> None:
        self.cost = {}
        start = processor_seconds()
        super().fit(recommender, data)
        self.cost["network_cpu_seconds"] = round(processor_seconds() - start - self.cost["features_cpu_seconds"], 1)

    def fit_features(self, recommender: NetworkRecommender, data: Dataset) -> None:
        start = processor_seconds()
        super().fit_features(recommender, data)
        recommender.encoded(data.log)  # what reads texts
        self.cost["features_cpu_seconds"] = round(processor_seconds() - start, 1)
        if self.tuned:
            self.cost["tuned"] = [{name: getattr(each, name) for name in ("kind", "steps", "seconds", "reused")} for each in self.tuned]


class Content:
    """Which items, known and new.

    Args:
        split: Of `CATALOGUES`.
        folder: Where its data lie.
    """

    headline = "cold.ndcg@10"
    quick = "network"

    def __init__(self, split: str, folder: Path) -> None:
        self.split, self.folder, self.catalogue = split, folder, CATALOGUES[split]
        self.networks = self.catalogue.networks
        self.models, self.seeded = ("popularity", "cosine", *self.networks), tuple(self.networks)
        self.kept = Kept(CACHE / "content", split)

    def told(self, changes: Changes) -> dict[str, Any]:
        """What the recipe says, with changes."""
        return changed(tomllib.loads(text_of(self.catalogue.recipe)), changes)

    def recipe(self, changes: Changes) -> Recipe:
        return read_settings(Recipe, self.told(changes) | {"directory": self.folder}, self.catalogue.recipe)

    def mark(self, model: str) -> str:
        return mark_of(json.dumps(self.told(self.networks[model]))) if model in self.networks else mark_of(model)

    @cached_property
    def data(self) -> Dataset:
        """All events there are for the study, with what is told of users and items."""
        recipe = self.recipe({"history": {"columns": {"stage": {"kind": "number"}}}})  # so that the column is kept; no model reads it
        events, users, items = self.catalogue.frames(self.folder, recipe)
        is_new = pl.col("item_id").is_in(self._drawn(items))
        if self.catalogue.asked:
            last = events["timestamp"].max()
            events = events.with_columns(
                stage=pl.when(is_new).then(TEST).otherwise("stage"), timestamp=pl.when(is_new).then(last).otherwise("timestamp")
            )
        else:
            events = events.filter((pl.col("stage") == TEST) | ~is_new)
        return Dataset.from_frames(events, users, items, recipe)

    @staticmethod
    def _drawn(items: pl.DataFrame) -> list[str]:
        """Ids of the new items, the same for every seed."""
        ids = sorted(items["item_id"].cast(pl.String).to_list())
        return [ids[place] for place in np.random.default_rng(0).permutation(len(ids))[: round(NEW * len(ids))]]

    def part(self, stage: float, recipe: Recipe | None = None) -> Dataset:
        part = self.data.part(np.flatnonzero(self.data.log.series("stage").to_numpy() == stage))
        return part if recipe is None else Dataset(recipe, part.log, part.rows)

    @cached_property
    def asked(self) -> dict[str, Asked]:
        """What is asked of items people know, and of new ones."""
        test = self.part(TEST)
        is_new = np.isin(np.array(test.log.items["item_id"].to_list()), self._drawn(test.log.items))
        return {
            name: self._asked(test.part(test.rows[of[test.log.item[test.rows]]]), of) for name, of in (("warm", ~is_new), ("cold", is_new))
        }

    def _asked(self, part: Dataset, ranked: NDArray[np.bool_]) -> Asked:
        if not self.catalogue.asked:
            return Asked.at_first_wanted(part, ranked)
        queries = Queries.at_events(part, part.rows)
        return Asked(queries, np.arange(len(queries)), part.log.item[part.rows], False, ranked)

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        fitted, notes = self._fitted(model, seed, seconds)
        asked = {name: few(each) for name, each in self.asked.items()} if seconds else self.asked
        own = {name: measure({"m": fitted}, each, (10,), {}).values["m"][METRIC] for name, each in asked.items()}
        metrics = {f"{name}.{METRIC}": mean(asked[name], values) for name, values in own.items()}
        if seconds:
            less = f"{self.catalogue.columns[0]} alone, at most {seconds:g} s, {FEW} queries of each kind"
            return Outcome(f"recipes/{self.catalogue.recipe}.toml, {less}", metrics, notes=notes)
        self.kept.keep(model, self.mark(model), self._seed(model, seed), own)
        setting = f"recipes/{self.catalogue.recipe}.toml, {self.networks[model]}" if model in self.networks else "training part"
        return Outcome(setting, metrics, self._gaps(own, model, seed), notes)

    def _fitted(self, model: str, seed: int, seconds: float | None) -> tuple[Recommender, dict[str, Any]]:
        if model not in self.networks:
            made = Popularity() if model == "popularity" else Cosine(self.catalogue.columns)
            return made.fit(self.part(LEARNT)), {}
        training = {"seed": seed, **({"seconds": seconds} if seconds else {})}
        recipe = self.recipe(changed(self.networks[model], {"training": training} | (self._names_alone(model) if seconds else {})))
        train, valid = self.part(LEARNT, recipe), self.part(VALIDATION, recipe)
        trainer = CostedTrainer(valid if len(valid) else None)
        fitted = NetworkRecommender(recipe, trainer).fit(train)
        best = trainer.progress.best_epoch + 1 if trainer.progress and len(valid) else recipe.training.epochs
        return fitted, {"best_epoch": best, "weights": sum(each.numel() for each in fitted.network.parameters()), **trainer.cost}

    def _names_alone(self, model: str) -> Changes:
        """What the quick form reads of the text: names, which are encoded within seconds."""
        reads = "about" in self.told(self.networks[model])["features"]["item"]
        return {"features": {"item": {"about": {"columns": [self.catalogue.columns[0]]}}}} if reads else {}

    def _seed(self, model: str, seed: int) -> int:
        return seed if model in self.seeded else 0

    def _gaps(self, own: Found, model: str, seed: int) -> dict[str, dict[str, Numbers]]:
        """To all that have run: paired differences, and on new items how many times as good."""
        found: dict[str, dict[str, Numbers]] = {}
        for other in self.models:
            theirs = None if other == model else self.kept.read(other, self.mark(other), self._seed(other, seed))
            if theirs is None:
                continue
            found[other] = {f"{name}.{METRIC}": mean(self.asked[name], own[name] - theirs[name]) for name in own}
            found[other]["cold, times"] = {"value": round(float(own["cold"].mean() / theirs["cold"].mean()), 3)}
        return found


def few(asked: Asked) -> Asked:
    """Some of the queries, drawn, with all they want."""
    places = np.sort(np.random.default_rng(0).permutation(len(asked.queries))[:FEW])
    wanted = np.flatnonzero(np.isin(asked.query, places))
    return replace(asked, queries=asked.queries.take(places), query=np.searchsorted(places, asked.query[wanted]), item=asked.item[wanted])


def mean(asked: Asked, values: NDArray[np.float64]) -> Numbers:
    """The mean over queries; the interval draws users, each with all its queries."""
    _, user = np.unique(asked.queries.user, return_inverse=True)
    queries = np.bincount(user)
    return numbers(BOOTSTRAP.mean(np.bincount(user, weights=values) / queries, queries))


def study(split: str, data: Path) -> Content:
    """ml-1m-content, ml-100k-content or frappe-content."""
    return Content(split, data / CATALOGUES[split].folder)
