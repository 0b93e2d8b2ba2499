"""MovieLens-1M in MeLU's four states: users and films that training knows, new users, new films, and both new.

Models learn from the warm state alone. As in MeLU (Lee et al., KDD 2019), a user with 13 to 100 ratings in a state has ten of them, drawn
with a seed, as queries; the others are the support, which is known when the queries are asked, as is what a warm user had in training. Of
warm users' own support nothing is held back from training. RMSE and NDCG@3 (gain 2^rating - 1) are over the ten; NDCG@10 ranks every film
of the state that the user has not in the support. `unseen` is the same question without any history: of new users only the portrait is
known. Settings are the models' own or customary ones, chosen once and not on these states.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.models.classic import classic
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.interactions import past, past_ratings, ratings
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from studies.portrait import RECIPE, films, people
from studies.study import BOOTSTRAP, Outcome, mark_of, numbers

STATES = {"warm": "warm_state", "user_cold": "user_cold_state", "item_cold": "item_cold_state", "both_cold": "user_and_item_cold_state"}
FEWEST, MOST, QUERIES = 13, 100, 10
SEED = 0
LEARNT, SUPPORT, QUERY = 0.0, 1.0, 2.0
DAMPING = 5.0
SETTINGS: dict[str, dict[str, Any]] = {
    "popularity": {},
    "means": {},
    "content": {},
    "multi_level_mf": {},
    "multi_level_mf_ratings": {"values": "ratings", "factors": 32, "regularisation": 0.05},
    "deep_cf": {"hidden": 128, "epochs": 20},
    "deep_cf_random": {
        "hidden": 128,
        "epochs": 20,
        "start": "random",
        "row_scaling": 1.0,
        "user_scaling": 0.0,
        "learning_rate": 0.003,
    },
}

Scores = NDArray[np.float32]


class Means(Recommender):
    """The mean rating, and how much an item is liked more and a user gives more than that, both held back by a few ratings."""

    def _learn(self, data: Dataset) -> None:
        matrix = ratings(data)
        self.mean_ = float(matrix.data.mean())
        count, total = np.bincount(matrix.indices, minlength=matrix.shape[1]), matrix.sum(axis=0)
        self.liked_ = ((total - self.mean_ * count) / (count + DAMPING)).astype(np.float32)

    def scores(self, queries: Queries) -> Scores:
        given = past_ratings(queries, self.recipe_)
        given.data -= self.mean_ + self.liked_[given.indices]
        gives = np.asarray(given.sum(axis=1)) / (np.diff(given.indptr) + DAMPING)
        result: Scores = (self.mean_ + gives[:, None] + self.liked_).astype(np.float32)
        return result


class Content(Recommender):
    """How alike an item's content is to that of the history, by the cosine of attributes."""

    def _learn(self, data: Dataset) -> None:
        contents = attributes(data)[1].toarray()
        length = np.linalg.norm(contents, axis=1, keepdims=True)
        self.contents_ = contents / np.where(length > 0, length, 1)

    def scores(self, queries: Queries) -> Scores:
        result: Scores = (past(queries) @ self.contents_) @ self.contents_.T
        return result


OWN: dict[str, type[Recommender]] = {"means": Means, "content": Content}


class Cold:
    """What is recommended to those who are new, and of what is new.

    Args:
        folder: Where the four states lie; MovieLens-1M is beside it.
    """

    headline = "both_cold.ndcg@10"
    models = tuple(SETTINGS)
    seeded = ("multi_level_mf", "multi_level_mf_ratings", "deep_cf", "deep_cf_random")

    quick = "multi_level_mf"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def data(self) -> Dataset:
        """All pairs of all states."""
        random = np.random.default_rng(SEED)
        events = pl.concat([self._pairs(state, name, random) for state, name in STATES.items()])
        recipe = Recipe.parse(RECIPE + '[history.columns]\nstate = { kind = "category" }\n', self.folder)  # so that the column is kept
        data = self.folder.parent / "ml-1m"
        return Dataset.from_frames(events, people(data), films(data), recipe)

    def _pairs(self, state: str, name: str, random: np.random.Generator) -> pl.DataFrame:
        """`user_id, item_id, rating, timestamp, state`: what is learnt, then the support, then the queries."""
        items, given = (json.loads((self.folder / f"{file}.json").read_text()) for file in (_named(name), f"{name}_y"))
        rows: list[tuple[str, str, float, float, str]] = []
        for user in items:
            count = len(items[user])
            asked = set(random.permutation(count)[:QUERIES].tolist()) if FEWEST <= count <= MOST else set()
            before = LEARNT if state == "warm" else SUPPORT
            rows += [
                (user, item, float(rating), QUERY if place in asked else before, state)
                for place, (item, rating) in enumerate(zip(items[user], given[user], strict=True))
            ]
        return pl.DataFrame(rows, schema=["user_id", "item_id", "rating", "timestamp", "state"], orient="row")

    def mark(self, model: str) -> str:
        return mark_of(RECIPE + json.dumps(SETTINGS[model]))

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        setting = SETTINGS[model] | ({"seed": seed} if model in self.seeded else {})
        train = self.data.part(np.flatnonzero(self.data.log.time == LEARNT))
        made = OWN[model]() if model in OWN else classic(Part(kind=model.removesuffix("_ratings").removesuffix("_random"), **setting))
        fitted = made.fit(train)
        rates = model in ("means", "multi_level_mf_ratings")
        metrics = {name: value for state in STATES for name, value in self._judged(fitted, state, rates).items()}
        return Outcome(f"{setting}", metrics)

    def _judged(self, model: Recommender, state: str, rates: bool) -> dict[str, Any]:
        """The state's metrics, with and, of new users, without their support."""
        rows = self._rows(state)
        part = self.data.part(rows)
        queries, user = Queries.first_of_each_user(part), self.data.log.user[rows]
        assert (np.bincount(user)[queries.user] == QUERIES).all()
        asked = [("", queries)]
        if state in ("user_cold", "both_cold"):
            asked.append((" unseen", Queries(queries.log, queries.user, self.data.log.offsets[queries.user], queries.moment)))
        found: dict[str, Any] = {}
        for told, each in asked:
            scores = np.concatenate([model.scores(block) for block in each.blocks(1024)])
            for name, values in self._values(scores, queries, part, state, rates).items():
                found[f"{state}.{name}{told}"] = values
        return found

    def _rows(self, state: str) -> NDArray[np.int64]:
        log = self.data.log
        mine = log.series("state").to_numpy() == state
        return np.flatnonzero(mine & (log.time == QUERY))

    def _values(self, scores: Scores, queries: Queries, part: Dataset, state: str, rates: bool) -> dict[str, Any]:
        item, rating = part.log.item[part.rows].reshape(-1, QUERIES), labels_of(part, "stars").reshape(-1, QUERIES)
        own = np.take_along_axis(scores, item, axis=1)
        metrics = {"ndcg@3": numbers(BOOTSTRAP.mean(graded_ndcg(own, rating, 3)))}
        if rates:
            square = ((np.clip(own, 1, 5) - rating) ** 2).mean(axis=1)
            metrics["rmse"] = {"value": round(float(np.sqrt(square.mean())), 5)}
        log = part.log
        ranked = np.zeros(len(log.items), dtype=bool)
        ranked[log.item[log.series("state").to_numpy() == state]] = True
        left = np.where(ranked, scores, -np.inf)
        left[queries.seen()] = -np.inf
        # ties, as of films that nobody had, are broken by lot
        lot = np.random.default_rng(SEED).permutation(left.shape[1])
        best = lot[np.argsort(-left[:, lot], axis=1, kind="stable")[:, :10]]
        hits, relevant = find_hits(best, np.repeat(np.arange(len(item)), QUERIES), item.ravel())
        return metrics | {"ndcg@10": numbers(BOOTSTRAP.mean(ndcg(hits, relevant, 10)))}


def graded_ndcg(scores: Scores, ratings: NDArray[np.float32], k: int) -> NDArray[np.float64]:
    """NDCG@k per row of ratings `[n, m]` ordered by scores `[n, m]`, gain 2^rating - 1; tied items share their places' mean gain."""
    discount = np.where(np.arange(ratings.shape[1]) < k, 1 / np.log2(np.arange(ratings.shape[1]) + 2), 0)
    gain = 2.0**ratings - 1
    ideal = (-np.sort(-gain, axis=1) * discount).sum(axis=1)
    above = (scores[:, None, :] > scores[:, :, None]).sum(axis=2)
    tied = (scores[:, None, :] == scores[:, :, None]).sum(axis=2)
    total = np.append(0.0, np.cumsum(discount))
    expected: NDArray[np.float64] = (gain * (total[above + tied] - total[above]) / tied).sum(axis=1) / ideal
    return expected


def _named(name: str) -> str:
    return f"{name}.rebuilt" if name == "warm_state" else name


def study(split: str, data: Path) -> Cold:
    """ml-1m-cold."""
    return Cold(data / split)
