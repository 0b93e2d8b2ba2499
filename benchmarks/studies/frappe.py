"""Frappe, the leave-one-out split of CFM: every app ranked for each test row's user and context; apps used before stay in.

The split has no times. Training rows keep their file's order, the test rows share one moment after all of them: each sees the user's
whole training part and no other test row. Settings were chosen on a rehearsal of this split within the training rows; the rows of the
table are of models that learnt from all training rows.

The file holds every (user, app, context) once, so an app already used in the very context asked about is never the answer. Whoever knows
the context can learn that, and it says nothing of what people do. Each metric therefore stands a second time, `… new here`, with those
apps taken out of every model's list: only there does context have to help by itself. Public code for data of this form does the same;
whether CFM's published figures were made so is not verified.
"""

from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.sources import read_table
from penchant.evaluation.metrics.hit_rate import hit_rate
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.models.collaborative.popularity import Popularity
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.sections.features import FeaturePart, FeaturesSettings
from penchant.schema.sections.part import Part
from penchant.training.trainer import fit_network
from studies.kept import CACHE, Found, Kept
from studies.study import BOOTSTRAP, Numbers, Outcome, numbers, recipe_mark, recipe_of

CUTOFFS = (10, 5, 20)
CONTEXT = ("daytime", "weekday", "isweekend", "homework", "weather", "country", "city")
COLUMNS = ("user_id", *CONTEXT, "item_id", "cost")
ADDED: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
    "number": {"item": {"rating": {"kind": "number"}, "likes": {"kind": "number", "column": "rating", "encoding": "quantile"}}},
    "gaussian": {"item": {"usual rating": {"kind": "gaussian", "columns": ["rating", "category"]}}},
    "topics": {"item": {"topics": {"kind": "topics", "column": "description"}}},
    "counters": {"context": {f"counted by {name}": {"kind": "counters", "by": ["user_id", name]} for name in CONTEXT}},
    "graph": {
        "item": {"users": {"kind": "graph", "column": "item_id", "edges": {"from": "item_id", "to": "user"}}},
        "user": {"apps": {"kind": "graph", "column": "user_id", "edges": {"from": "user_id", "to": "app"}}},
    },
}
"""Kinds of features that the recipe does without, and what the data give them. Times, places and pictures are not in the data."""
TAKEN = ("context", "category", "text")
"""Kinds that the recipe has, beside ids."""
STILL, MOVING, NO_REPEATS = {"dynamic": Part(kind="static")}, {"dynamic": Part(kind="facets")}, {"repeats": Part(kind="none")}
PARTS: Mapping[str, Mapping[str, Part]] = {
    "static": STILL,
    "facets": MOVING,
    "low_rank": {"dynamic": Part(kind="low_rank")},
    "static_without_repeats": {**STILL, **NO_REPEATS},
    "facets_without_repeats": {**MOVING, **NO_REPEATS},
}
"""Parts of the network that a kind changes: items that move or stand still, and the same where nothing counts what was used when."""
KINDS = (
    *(f"network_without_{kind}" for kind in TAKEN),
    *(f"network_with_{kind}" for kind in ADDED),
    "network_gaussian_context",
    *(f"network_without_{column}" for column in CONTEXT),
    *(f"network_{change}" for change in PARTS),
)
RIVALS: Mapping[str, tuple[str, ...]] = {
    "network": ("popularity", "counts", "counts_in_context"),
    **dict.fromkeys(KINDS, ("network",)),
    "network_facets": ("network", "network_static"),
    "network_low_rank": ("network", "network_static"),
    "network_facets_without_repeats": ("network_static_without_repeats",),
}
"""What else each model is compared with, by differences of the same rows."""
WORTHS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)
FULL = 5  # training rows of a user in a context from which one is held out: the test part took its rows where it left at least as many

Hits = Found
Rows = NDArray[np.int64]


class FrappeContext:
    """Which app, in this context."""

    headline = "hit_rate@10"
    models = ("popularity", "counts", "counts_in_context", "network", *KINDS)
    seeded = ("network", *KINDS)

    quick = "network"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = Kept(CACHE / "frappe-context", "hits")

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset]:
        """All training rows, and the test rows."""
        return self._divided(table(self.folder, "train"), table(self.folder, "test"))

    @cached_property
    def rehearsal(self) -> tuple[Dataset, Dataset]:
        """The split once more within the training rows, for choosing settings: one row drawn from each full (user, context) asks."""
        drawn = table(self.folder, "train").with_row_index("row").sample(fraction=1, shuffle=True, seed=0)
        group = ("user_id", *CONTEXT)
        held = drawn.filter((pl.len().over(group) >= FULL) & (pl.int_range(pl.len()).over(group) == 0))
        rest = drawn.join(held, on="row", how="anti").sort("row")
        return self._divided(rest.drop("row"), held.drop("row"))

    def _divided(self, before: pl.DataFrame, after: pl.DataFrame) -> tuple[Dataset, Dataset]:
        """Rows in order, and rows that share the moment after them."""
        recipe = recipe_of("frappe", self.folder, {})
        assert recipe.data.items is not None
        items = read_table(recipe.data.items, self.folder, "items").frame
        order = pl.int_range(pl.len()).cast(pl.Float64)
        moment = pl.lit(float(len(before)))
        events = pl.concat([before.with_columns(timestamp=order), after.with_columns(timestamp=moment)])
        data = Dataset.from_frames(events, None, items, recipe)
        last = data.log.time == len(before)
        return data.part(np.flatnonzero(~last)), data.part(np.flatnonzero(last))

    def mark(self, model: str) -> str:
        return recipe_mark("frappe")

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        hits = self._hits_of(model, seed, seconds)
        rivals = RIVALS.get(model, self.models[:1])
        gaps = {rival: self._means({name: hits[name] - other[name] for name in hits}) for rival, other in self._others(rivals, model, seed)}
        return Outcome(self._setting(model, seconds), self._means(hits), gaps)

    def _others(self, rivals: tuple[str, ...], model: str, seed: int) -> list[tuple[str, Hits]]:
        return [(rival, self._hits_of(rival, seed if rival in self.seeded else 0, None)) for rival in rivals if rival != model]

    def _setting(self, model: str, seconds: float | None) -> str:
        if model in self.seeded:
            return "recipes/frappe.toml" + (f", at most {seconds:g} s" if seconds else "")
        return f"each agreeing circumstance worth {self.worth:g}, of {WORTHS}" if model == "counts_in_context" else "training rows"

    def _hits_of(self, model: str, seed: int, seconds: float | None) -> Hits:
        """What each test row finds, kept between runs but for the quick form."""
        mark = self.mark(model)
        found = None if seconds else self.kept.read(model, mark, seed)
        if found is None:
            train, test = self.parts
            found = measure(self._fitted(model, seed, seconds, train), test)
            if not seconds:
                self.kept.keep(model, mark, seed, found)
        return found

    def _fitted(self, model: str, seed: int, seconds: float | None, train: Dataset) -> Recommender:
        if model in self.seeded:
            recipe = recipe_of("frappe", self.folder, {"seed": seed, "seconds": seconds})
            recipe = self._changed(recipe, model.removeprefix("network_")) if model in KINDS else recipe
            return fit_network(recipe, Dataset(recipe, train.log, train.rows))
        if model == "popularity":
            return Popularity().fit(train)
        return Counts(self.worth if model == "counts_in_context" else 0.0).fit(train)

    def _changed(self, recipe: Recipe, change: str) -> Recipe:
        """The recipe without a kind of features or a circumstance, with one kind more, or with circumstances as distributions."""
        if change == "without_context":
            return _without_context(recipe)
        if change in PARTS:
            return recipe.model_copy(update={"network": recipe.network.model_copy(update=dict(PARTS[change]))})
        if change == "gaussian_context":
            spread = Part(kind="gaussian", **(recipe.network.context.model_extra or {}))
            return recipe.model_copy(update={"network": recipe.network.model_copy(update={"context": spread})})
        way, kind = change.split("_")
        if kind in CONTEXT:
            return _without_context(recipe, {kind})
        features = {owner: dict(getattr(recipe.features, owner)) for owner in ("user", "item", "context")}
        if way == "without":
            features["item"] = {name: part for name, part in features["item"].items() if name == "item_id" or part.kind != kind}
        else:
            for owner, parts in ADDED[kind].items():
                features[owner] |= {name: FeaturePart(**self._within(part)) for name, part in parts.items()}
        return recipe.model_copy(update={"features": FeaturesSettings(**features)})

    def _within(self, part: Mapping[str, Any]) -> dict[str, Any]:
        """A feature with its relations in a file: who used what, in training."""
        return {**part, "edges": {**part["edges"], "path": str(self._edges)}} if "edges" in part else dict(part)

    @cached_property
    def _edges(self) -> Path:
        self._scratch = TemporaryDirectory()  # goes with the study
        path = Path(self._scratch.name) / "edges.csv"
        ends = (pl.format("user {}", "user_id").alias("user"), pl.format("app {}", "item_id").alias("app"))
        table(self.folder, "train").select("user_id", "item_id", *ends).write_csv(path)
        return path

    @cached_property
    def worth(self) -> float:
        """What an agreeing circumstance is worth to the counts, chosen on the rehearsal."""
        train, valid = self.rehearsal
        return max(WORTHS, key=lambda worth: measure(Counts(worth).fit(train), valid)[self.headline].mean())

    def _means(self, hits: Hits) -> dict[str, Numbers]:
        """Means over test rows; the intervals draw users, each with all its rows."""
        test = self.parts[1]
        _, user = np.unique(test.log.user[test.rows], return_inverse=True)
        rows = np.bincount(user)
        return {name: numbers(BOOTSTRAP.mean(np.bincount(user, weights=values) / rows, rows)) for name, values in hits.items()}


class Counts(Recommender):
    """A user's apps by how many of the user's rows have them, ties by popularity.

    Args:
        worth: A row counts e^worth times as much for every circumstance that agrees with the query's; 0 = context tells nothing.
    """

    def __init__(self, worth: float = 0.0) -> None:
        self.worth = worth

    def _learn(self, data: Dataset) -> None:
        counts = np.bincount(data.log.item[data.rows], minlength=len(data.log.items))
        self.popularity_ = (counts / (counts.sum() + 1)).astype(np.float32)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        query, rows = _past(queries)
        scores = np.tile(self.popularity_, (len(queries), 1))
        np.add.at(scores, (query, queries.log.item[rows]), np.exp(self.worth * _agreeing(queries, query, rows)))
        return scores


def measure(model: Recommender, asked: Dataset) -> Hits:
    """Hit rates per asked row `{metric: [rows]}`, with all apps and without those the user has used in this very context."""
    queries = Queries.at_events(asked, asked.rows)
    scores = np.concatenate([model.scores(block) for block in queries.blocks(512)])
    wanted = asked.log.item[asked.rows]
    hits = _hits(scores, wanted, "{}")
    query, rows = _past(queries)
    same = _agreeing(queries, query, rows) == len(CONTEXT)
    scores[query[same], asked.log.item[rows[same]]] = -np.inf
    return hits | _hits(scores, wanted, "{} new here")


def _hits(scores: NDArray[np.float32], wanted: NDArray[np.integer], name: str) -> Hits:
    found = torch.from_numpy(scores).topk(max(CUTOFFS)).indices.numpy()
    hits, relevant = find_hits(found, np.arange(len(wanted)), wanted)
    rates = {name.format(f"hit_rate@{k}"): hit_rate(hits, relevant, k) for k in CUTOFFS}
    return rates | {name.format("ndcg@10"): ndcg(hits, relevant, 10)}


def _past(queries: Queries) -> tuple[Rows, Rows]:
    """Known events as pairs: query `[m]` and event row `[m]`."""
    begin = queries.log.offsets[queries.user]
    counts = queries.before - begin
    query = np.repeat(np.arange(len(queries)), counts)
    return query, np.arange(len(query)) + np.repeat(begin - np.cumsum(counts) + counts, counts)


def _agreeing(queries: Queries, query: Rows, rows: Rows) -> Rows:
    """How many circumstances of each of these past rows are the query's `[m]`."""
    total = np.zeros(len(rows), dtype=np.int64)
    for name in CONTEXT:
        total += (queries.log.columns[name].take(rows) == queries.moment[name].gather(query)).to_numpy()
    return total


def _without_context(recipe: Recipe, columns: Collection[str] = CONTEXT) -> Recipe:
    """The same network blind to circumstances, those of the past included."""
    now, past = (
        {name: part for name, part in parts.items() if name not in columns} for parts in (recipe.features.context, recipe.history.columns)
    )
    features = recipe.features.model_copy(update={"context": now})
    return recipe.model_copy(update={"features": features, "history": recipe.history.model_copy(update={"columns": past})})


def table(folder: Path, name: str) -> pl.DataFrame:
    """Rows of CFM's `train` or `test` as text columns `COLUMNS`; the file codes them as `user-…-city,app-cost`."""
    lines = (folder / "cfm_loo" / f"{name}.csv").read_text(encoding="utf8").split()
    cells = [line.replace(",", "-").split("-") for line in lines]
    return pl.DataFrame(dict(zip(COLUMNS, map(list, zip(*cells, strict=True)), strict=True)))


def study(split: str, data: Path) -> FrappeContext:
    """cfm_loo."""
    return FrappeContext(data / "frappe")
