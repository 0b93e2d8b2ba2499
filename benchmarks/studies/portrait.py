"""MovieLens-1M with portraits and descriptions: who people say they are, what films are about; all films ranked.

Each user's last 10 % in order is the test part, the 10 % before it the validation part. Every model learns from the first 80 % and reads
the whole past when asked. Descriptions are plots, or DBpedia's abstracts where there is none; people, genres and decades stand beside
them. Settings are chosen on the validation part, with one seed, in at most ten trials;
those of models that take steps take ten epochs.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.models.classic import classic
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.studies.lists import measure_lists
from studies.study import BOOTSTRAP, Outcome, gap, mark_of, numbers

CUTOFFS = (5, 10)
METRICS = ("ndcg@5", "recall@5", "ndcg@10", "hit_rate@10")
RIVALS = ("user_knn", "ease")
FILM = ("item_id", "film", "year", "certificate", "date", "kinds", "directors", "writers", "actors", "plot", "poster")
RECIPE = """
[data]
events = { path = "ratings_rebuilt.parquet", columns = { timestamp = "chron_rank" }, time_unit = "s" }
users = { path = "users.dat", format = "separated", separator = "::", names = ["user_id", "gender", "age", "occupation", "zip"] }
items = { path = "movies.dat", format = "separated", separator = "::", encoding = "latin1", names = ["item_id", "title", "genres"] }
title = "title"

[features]
user.gender = { kind = "category" }
user.age = { kind = "category" }
user.occupation = { kind = "category" }
user.region = { kind = "category" }
item.genres = { kind = "categories" }
item.decade = { kind = "category" }
item.directors = { kind = "categories", minimum_count = 300 }
item.actors = { kind = "categories", minimum_count = 300 }
item.plot = { kind = "topics", topics = 50 }

[tasks.next]
kind = "next_item"

[tasks.stars]
kind = "regression"
label = "rating"

[split]
kind = "last"
valid = 0.1
test = 0.1
"""
LATER: dict[str, Any] = {"hidden_items": "later", "hide": 0.1, "epochs": 30}
DEEP_CF: dict[str, Any] = {"hidden": 128, "learning_rate": 0.001, "patience": 30} | LATER  # it first gets worse than where it starts
STEPS = ("deep_cf", "mf_bpr", "two_tower")
TRIAL_EPOCHS = 10  # of the models that take steps, while settings are chosen
TRIALS: dict[str, list[dict[str, Any]]] = {
    "popularity": [{}],
    "user_knn": [
        {"neighbours": neighbours, "shrinkage": shrinkage}
        for neighbours, shrinkage in [
            (50, 0.0), (100, 0.0), (100, 10.0), (200, 0.0), (200, 10.0), (200, 50.0), (400, 0.0), (400, 10.0), (400, 50.0), (800, 10.0),
        ]
    ],
    "ease": [
        {"regularisation": price, "dropout": dropout}
        for price, dropout in [(500.0, 0.0), (1000.0, 0.0), (2000.0, 0.0), (300.0, 0.5)]
    ],
    "item_knn": [
        {"neighbours": neighbours, "shrinkage": shrinkage, "recency": recency}
        for neighbours, shrinkage, recency in [(200, 0.0, 1.0), (500, 0.0, 0.95), (500, 0.0, 0.8), (1500, 0.0, 0.8), (1500, 0.0, 0.7)]
    ],
    "multi_level_mf": [
        {"portrait_weight": portrait, "content_weight": content, "recency": recency}
        for portrait, content, recency in [(1.0, 1.0, 1.0), (1.0, 1.0, 0.95), (1.0, 1.0, 0.9), (1.0, 10.0, 0.95), (0.0, 0.0, 0.95)]
    ],
    "deep_cf": [
        DEEP_CF | {"recency": 0.9}, DEEP_CF | {"recency": 0.8}, DEEP_CF | {"recency": 0.7},
    ],
    "mf_bpr": [LATER | {"recency": 0.95}, LATER | {"recency": 0.9}, {}],
    "two_tower": [{"negatives": 0}, {"negatives": 0, "layers": 0}, {"negatives": 512}],
}  # fmt: skip

PerUser = dict[str, NDArray[np.float64]]


class Portrait:
    """The next films of people who say who they are.

    Args:
        folder: Where MovieLens-1M lies.
    """

    headline = "ndcg@5"
    models = tuple(TRIALS)
    seeded = ("multi_level_mf", "deep_cf", "mf_bpr", "two_tower")

    quick = "multi_level_mf"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tuned: dict[str, tuple[dict[str, Any], list[tuple[dict[str, Any], float]]]] = {}
        self.measured: dict[str, PerUser] = {}

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset, Dataset]:
        """Train, valid, test."""
        return told_films(self.folder).split()

    def mark(self, model: str) -> str:
        return mark_of(RECIPE + json.dumps(TRIALS[model]))

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        setting, trials = (TRIALS[model][0], []) if seconds else self._chosen(model)
        fitted = self._fitted(model, setting, seed)
        values = self._measure(fitted, self.parts[2])
        self.measured.setdefault(model, values)
        gaps = {} if seconds else {rival: self._gaps(values, rival) for rival in RIVALS if rival != model and model != "popularity"}
        notes: dict[str, Any] = {"trials": trials} if trials else {}
        if hasattr(fitted, "progress_"):
            notes |= {"best_epoch": fitted.progress_.best_epoch + 1, "epochs": fitted.progress_.epoch, "ended": fitted.progress_.finished}
        metrics = {name: numbers(BOOTSTRAP.mean(values[name])) for name in METRICS}
        return Outcome(f"{setting}" + (f", best of {len(trials)} on validation" if trials else ""), metrics, gaps, notes)

    def _gaps(self, values: PerUser, rival: str) -> dict[str, Any]:
        if rival not in self.measured:
            self.measured[rival] = self._measure(self._fitted(rival, self._chosen(rival)[0], 0), self.parts[2])
        theirs = self.measured[rival]
        found = {name: gap(BOOTSTRAP.mean_difference(values[name], theirs[name])) for name in METRICS[:2]}
        return found | {f"{name} gain": {"value": round(float(values[name].mean() / theirs[name].mean() - 1), 4)} for name in METRICS[:2]}

    def _fitted(self, model: str, setting: dict[str, Any], seed: int) -> Recommender:
        train, valid, _ = self.parts
        given = setting | ({"seed": seed} if model in self.seeded else {})
        return classic(Part(kind=model, **given)).fit(train, valid)

    def _chosen(self, model: str) -> tuple[dict[str, Any], list[tuple[dict[str, Any], float]]]:
        """The setting that is best on the validation part, and every trial's NDCG@5 there."""
        if len(TRIALS[model]) == 1:
            return TRIALS[model][0], []
        if model not in self.tuned:
            trials = []
            for setting in TRIALS[model]:
                brief = {"epochs": TRIAL_EPOCHS} if model in STEPS else {}
                values = self._measure(self._fitted(model, setting | brief, 0), self.parts[1])
                trials.append((setting, round(float(values[self.headline].mean()), 5)))
            self.tuned[model] = max(trials, key=lambda each: each[1])[0], trials
        return self.tuned[model]

    def _measure(self, model: Recommender, part: Dataset) -> PerUser:
        return measure_lists({"model": model}, part, CUTOFFS).values["model"]


def told_films(folder: Path) -> Dataset:
    """MovieLens-1M with what is told of its users and films."""
    recipe = Recipe.parse(RECIPE, folder)
    events = pl.read_parquet(folder / "ratings_rebuilt.parquet").rename({"userID": "user_id", "movieID": "item_id"})
    told = events.filter(pl.col("chron_rank").is_not_null()).with_columns(timestamp=pl.col("chron_rank").cast(pl.Float64))
    return Dataset.from_frames(told.select("user_id", "item_id", "timestamp", "rating"), people(folder), films(folder), recipe)


def people(folder: Path) -> pl.DataFrame:
    """`user_id, gender, age, occupation, zip, region`, the region being the first figure of the zip code."""
    names = ["user_id", "gender", "age", "occupation", "zip"]
    return _separated(folder / "users.dat", names).with_columns(region=pl.col("zip").str.slice(0, 1))


def films(folder: Path) -> pl.DataFrame:
    """`item_id, title, genres, decade, directors, actors, plot`; lists as texts between bars."""
    known = _separated(folder / "movies.dat", ["item_id", "title", "genres"], "latin1")
    more = _separated(folder / "movies_extrainfos.dat", list(FILM)).select("item_id", "directors", "actors", "plot").unique("item_id")
    abstracts = json.loads((folder / "dbpedia_abstracts.json").read_text(encoding="utf8"))
    second = pl.DataFrame({"item_id": list(abstracts), "abstract": list(abstracts.values())})
    joined = known.join(more, on="item_id", how="left").join(second, on="item_id", how="left")
    given = {name: pl.when(pl.col(name).is_in(["N/A", ""])).then(None).otherwise(pl.col(name)) for name in ("directors", "actors", "plot")}
    joined = joined.with_columns(**given).with_columns(plot=pl.coalesce("plot", "abstract"))
    people = {name: pl.col(name).str.replace_all(", ", "|") for name in ("directors", "actors")}
    return joined.with_columns(decade=pl.col("title").str.extract(r"\((\d{3})\d\)"), **people).drop("abstract")


def _separated(path: Path, names: list[str], encoding: str = "utf8") -> pl.DataFrame:
    """Lines of fields between double colons; a line of other length is left out."""
    lines = [line.split("::") for line in path.read_text(encoding=encoding, errors="replace").splitlines()]
    return pl.DataFrame([line for line in lines if len(line) == len(names)], schema=names, orient="row")


def study(split: str, data: Path) -> Portrait:
    """ml-1m-portrait."""
    return Portrait(data / "ml-1m")
