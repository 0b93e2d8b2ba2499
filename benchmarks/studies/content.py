"""MovieLens-1M with plots and abstracts: what an item's words, picture and movement are worth, for films people know and for new ones.

One film in ten, drawn, is new: its ratings in the first nine tenths of each user's events are taken out. Each user's last tenth is
the test part, the tenth before it the validation part. `warm.ndcg@10` ranks the other films for those of them in a user's test part,
`cold.ndcg@10` the new films for the new ones; a query stands at the user's first such event and knows everything before it.
What every model reaches per user is kept in benchmarks/cache/ml-1m-content, so that differences are to all that ran before.
"""

import json
import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.features.text import Text, TextSettings
from penchant.models.collaborative.popularity import Popularity
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.settings import read_settings
from penchant.studies.lists import Asked, measure
from studies.portrait import films, people
from studies.study import BOOTSTRAP, Changes, Numbers, Outcome, changed, fit_counting, gap, mark_of, numbers, text_of

NAME = "movielens-1m-content"
CACHE = Path(__file__).resolve().parents[1] / "cache" / "ml-1m-content"
NEW = 0.1
"""Share of the films that are new."""
LEARNT, VALIDATION, TEST = 0.0, 1.0, 2.0
METRIC = "ndcg@10"
TEXT = {"kind": "text", "columns": ["title", "plot"]}
CONTENT = ("genres", "decade", "about")
LAYERS = {**TEXT, "whitening": "full", "layers": [2, 4, 6]}

NETWORKS: dict[str, Changes] = {
    "network_id_only": {"features": {"item": dict.fromkeys(CONTENT)}, "network": {"item": {"kind": "content_and_id"}}},
    "network_content_only": {"features": {"item": {"item_id": None}}},
    "network": {},
    "network_unbounded": {"network": {"item": {"kind": "content_and_id"}}},
    "network_scaled": {"features": {"item": {"about": TEXT}}},
    "network_linear": {"network": {"adaptor": {"kind": "linear"}}},
    "network_side": {"features": {"item": {"about": LAYERS}}, "network": {"adaptor": {"kind": "side"}}},
    "network_static": {"network": {"dynamic": {"kind": "static"}}},
    "network_dynamic": {"network": {"dynamic": {"kind": "facets"}}},
    "network_low_rank": {"network": {"dynamic": {"kind": "low_rank"}}},
    "network_with_image": {"features": {"item": {"poster": {"kind": "image", "column": "item_id", "path": "poster_thumbs_w96.zip"}}}},
}

PerUser = dict[str, NDArray[np.float64]]
"""NDCG@10 of every user who is asked, `{"warm" | "cold": [users]}`."""


class Cosine(Recommender):
    """How alike a film's text is to the mean of those of the history, by the cosine of the frozen encoder's vectors."""

    def _learn(self, data: Dataset) -> None:
        told = data.log.items.select(pl.struct("title", "plot").alias("about"))["about"]
        settings = TextSettings(whitening="none")
        vectors = Text(settings).fit(told).transform(told)
        self.vectors_ = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        query, rows = queries.known()
        own = np.zeros((len(queries), self.vectors_.shape[1]), dtype=np.float32)
        np.add.at(own, query, self.vectors_[queries.log.item[rows]])
        found: NDArray[np.float32] = own @ self.vectors_.T
        return found


class Content:
    """The next films, known and new.

    Args:
        folder: Where MovieLens-1M lies.
    """

    headline = "cold.ndcg@10"
    models = ("popularity", "cosine", *NETWORKS)
    seeded = tuple(NETWORKS)

    quick = "network"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def told(self, changes: Changes) -> dict[str, Any]:
        return changed(tomllib.loads(text_of(NAME)), changes)

    def recipe(self, changes: Changes) -> Recipe:
        return read_settings(Recipe, self.told(changes) | {"directory": self.folder}, NAME)

    def mark(self, model: str) -> str:
        return mark_of(json.dumps(self.told(NETWORKS[model]))) if model in NETWORKS else mark_of(model)

    @cached_property
    def data(self) -> Dataset:
        """All events that are left, with what is told of users and films."""
        events = pl.read_parquet(self.folder / "ratings_rebuilt.parquet").rename({"userID": "user_id", "movieID": "item_id"})
        known = events.filter(pl.col("chron_rank").is_not_null()).with_columns(
            timestamp=pl.col("chron_rank").cast(pl.Float64), item_id=pl.col("item_id").cast(pl.String)
        )
        place = pl.col("timestamp").rank("ordinal").over("user_id") / pl.len().over("user_id")
        stage = pl.when(place <= 0.8).then(LEARNT).when(place <= 0.9).then(VALIDATION).otherwise(TEST)
        left = known.with_columns(stage=stage).filter((pl.col("stage") == TEST) | ~pl.col("item_id").is_in(self.new))
        frame = left.select("user_id", "item_id", "timestamp", "rating", "stage")
        return Dataset.from_frames(frame, people(self.folder), films(self.folder), self.recipe({}))

    @cached_property
    def new(self) -> list[str]:
        """Ids of the films that are new, the same for every seed."""
        ids = sorted(films(self.folder)["item_id"].to_list())
        return [ids[place] for place in np.random.default_rng(0).permutation(len(ids))[: round(NEW * len(ids))]]

    def part(self, stage: float, recipe: Recipe | None = None) -> Dataset:
        part = self.data.part(np.flatnonzero(self.data.log.series("stage").to_numpy() == stage))
        return part if recipe is None else Dataset(recipe, part.log, part.rows)

    @cached_property
    def asked(self) -> dict[str, Asked]:
        """What is asked of films people know, and of new ones."""
        test = self.part(TEST)
        is_new = np.isin(np.array(test.log.items["item_id"].to_list()), self.new)
        return {
            name: Asked.at_first_wanted(test.part(test.rows[of[test.log.item[test.rows]]]), of)
            for name, of in (("warm", ~is_new), ("cold", is_new))
        }

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        fitted, notes = self._fitted(model, seed, seconds)
        own = {name: measure({"m": fitted}, asked, (10,), {}).values["m"][METRIC] for name, asked in self.asked.items()}
        metrics = {f"{name}.{METRIC}": numbers(BOOTSTRAP.mean(values)) for name, values in own.items()}
        if seconds:
            return Outcome(f"benchmarks/recipes/{NAME}.toml, at most {seconds:g} s", metrics)
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez(self._file(model, seed), **own)
        setting = f"benchmarks/recipes/{NAME}.toml, {NETWORKS[model]}" if model in NETWORKS else "training part"
        return Outcome(setting, metrics, self._gaps(own, model, seed), notes)

    def _fitted(self, model: str, seed: int, seconds: float | None) -> tuple[Recommender, dict[str, Any]]:
        if model not in NETWORKS:
            return {"popularity": Popularity, "cosine": Cosine}[model]().fit(self.part(LEARNT)), {}
        training = {"seed": seed, **({"seconds": seconds} if seconds else {})}
        recipe = self.recipe({**NETWORKS[model], "training": training})
        fitted, best = fit_counting(recipe, self.part(LEARNT, recipe), self.part(VALIDATION, recipe))
        return fitted, {"best_epoch": best, "weights": sum(each.numel() for each in fitted.network.parameters())}

    def _file(self, model: str, seed: int) -> Path:
        return CACHE / f"{model}-{self.mark(model)}-{seed if model in self.seeded else 0}.npz"

    def _gaps(self, own: PerUser, model: str, seed: int) -> dict[str, dict[str, Numbers]]:
        """To all that have run: paired differences, and on new films how many times as good."""
        found: dict[str, dict[str, Numbers]] = {}
        for other in self.models:
            if other == model or not self._file(other, seed).is_file():
                continue
            with np.load(self._file(other, seed)) as kept:
                theirs: PerUser = dict(kept)
            found[other] = {f"{name}.{METRIC}": gap(BOOTSTRAP.mean_difference(own[name], theirs[name])) for name in own}
            found[other]["cold times"] = {"value": round(float(own["cold"].mean() / theirs["cold"].mean()), 3)}
        return found


def study(split: str, data: Path) -> Content:
    """ml-1m-content."""
    return Content(data / "ml-1m")
