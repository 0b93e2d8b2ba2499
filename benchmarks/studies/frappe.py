"""Frappe, the leave-one-out split of CFM: every app ranked for each test row's user and context; apps used before stay in.

The split has no times. Training rows keep their file's order, the test rows share one moment after all of them: each sees the user's
whole training part and no other test row.
"""

from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.sources import read_table
from penchant.evaluation.metrics.hit_rate import hit_rate
from penchant.evaluation.metrics.hits import find_hits
from penchant.models.collaborative.popularity import Popularity
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import FeaturesSettings, Recipe
from penchant.training.trainer import fit_network
from studies.study import BOOTSTRAP, Numbers, Outcome, numbers, recipe_of

CUTOFFS = (10, 5, 20)
COLUMNS = ("user_id", "daytime", "weekday", "isweekend", "homework", "weather", "country", "city", "item_id", "cost")

Hits = dict[str, NDArray[np.float64]]


class FrappeContext:
    """Which app, in this context."""

    headline = "hit_rate@10"
    models = ("popularity", "network", "network_without_context")
    seeded = models[1:]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fitted: dict[tuple[str, int], Hits] = {}

    @cached_property
    def data(self) -> Dataset:
        """Training rows in order, then the test rows."""
        recipe = recipe_of("frappe", self.folder, {})
        train, test = (_rows(self.folder / "cfm_loo" / f"{name}.csv") for name in ("train", "test"))
        train = train.with_columns(pl.int_range(pl.len()).cast(pl.Float64).alias("timestamp"))
        test = test.with_columns(pl.lit(float(len(train))).alias("timestamp"))
        assert recipe.data.items is not None
        items = read_table(recipe.data.items, self.folder, "items").frame
        return Dataset.from_frames(pl.concat([train, test]), None, items, recipe)

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset, Dataset]:
        """Train, valid (every 20th training row, drawn), test."""
        time = self.data.log.time
        train, test = np.flatnonzero(time < time.max()), np.flatnonzero(time == time.max())
        chosen = np.random.default_rng(0).random(len(train)) < 0.05
        return self.data.part(train[~chosen]), self.data.part(train[chosen]), self.data.part(test)

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        if model == "popularity":
            return Outcome("training rows of the app", self._metrics(self.popularity))
        hits = self._hits_of(model, seed, seconds)
        rivals = {"popularity": self.popularity}
        if not seconds and model == "network":
            rivals["network_without_context"] = self._hits_of("network_without_context", seed, None)
        setting = "recipes/frappe.toml" + (f", at most {seconds:g} s" if seconds else "")
        return Outcome(setting, self._metrics(hits), {rival: self._gaps(hits, other) for rival, other in rivals.items()})

    @cached_property
    def popularity(self) -> Hits:
        return self._measure(Popularity().fit(self.parts[0]))

    def _hits_of(self, model: str, seed: int, seconds: float | None) -> Hits:
        if (model, seed) not in self.fitted:
            recipe = recipe_of("frappe", self.folder, {"seed": seed, "seconds": seconds})
            recipe = _without_context(recipe) if model == "network_without_context" else recipe
            train, valid, _ = (Dataset(recipe, part.log, part.rows) for part in self.parts)
            self.fitted[model, seed] = self._measure(fit_network(recipe, train, valid))
        return self.fitted[model, seed]

    def _measure(self, model: Recommender) -> Hits:
        """Hit rate per test row `{metric: [rows]}`."""
        test = self.parts[2]
        queries = Queries.at_events(test, test.rows)
        found, _ = model.top(queries, max(CUTOFFS), exclude_seen=False)
        hits, relevant = find_hits(found, np.arange(len(test)), test.log.item[test.rows])
        return {f"hit_rate@{k}": hit_rate(hits, relevant, k) for k in CUTOFFS}

    def _metrics(self, hits: Hits) -> dict[str, Numbers]:
        return {name: self._mean(values) for name, values in hits.items()}

    def _gaps(self, hits: Hits, other: Hits) -> dict[str, Numbers]:
        return {name: self._mean(hits[name] - other[name]) for name in hits}

    def _mean(self, values: NDArray[np.float64]) -> Numbers:
        """The mean over test rows; the interval draws users, each with all its rows."""
        test = self.parts[2]
        _, user = np.unique(test.log.user[test.rows], return_inverse=True)
        rows = np.bincount(user)
        return numbers(BOOTSTRAP.mean(np.bincount(user, weights=values) / rows, rows))


def _without_context(recipe: Recipe) -> Recipe:
    """The same network blind to the circumstances, those of the past included."""
    features = FeaturesSettings(user=recipe.features.user, item=recipe.features.item)
    return recipe.model_copy(update={"features": features, "history": recipe.history.model_copy(update={"columns": {}})})


def _rows(path: Path) -> pl.DataFrame:
    """Rows coded as `user-…-city,app-cost`, as text columns."""
    lines = path.read_text(encoding="utf8").split()
    cells = [line.replace(",", "-").split("-") for line in lines]
    return pl.DataFrame(dict(zip(COLUMNS, map(list, zip(*cells, strict=True)), strict=True)))
