"""MovieLens-1M in MeLU's four states: users and films that training knows, new users, new films, and both new.

Models learn from the warm state alone. As in MeLU (Lee et al., KDD 2019), a user with 13 to 100 ratings in a state has ten of them, drawn
with a seed, as queries; the others are the support, which is known when the queries are asked, as is what a warm user had in training. Of
warm users' own support nothing is held back from training. RMSE and NDCG@3 (gain 2^rating - 1) are over the ten; NDCG@10 ranks every film
of the state that the user has not in the support. No order is known: events stand in one that was drawn, and the network reads a set.

New users are also asked of with less: `nothing` (a stranger), `profile` (the portrait alone), `profile + 1`, `3` and `5` of the support.
The same films are ranked, so that only what is known differs. What a model learns is the same: it is asked, not trained again.

The network answers both questions with one fit: RMSE and NDCG@3 by its stars, NDCG@10 by its next item. Of new films it knows the text
(`network_text`), the poster too (`network_text_image`), and has learnt from the first five ratings of each that warm users gave in the
support (`network_text_image_first`, which sees more than every other model here). Settings are the models' own or customary ones, chosen
once and not on these states. Friends are not asked of: nothing in MovieLens relates users, and of Douban's users nothing but relations and
ratings is known, which `ratings.py` measures.
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.evaluation.metrics.regression import rmse
from penchant.models.classic import classic
from penchant.models.collaborative.attributes import attributes
from penchant.models.collaborative.interactions import past, past_ratings, ratings
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.schema.settings import read_settings
from penchant.training.trainer import fit_network
from studies.content import Cosine
from studies.kept import CACHE, Found, Kept
from studies.portrait import RECIPE, films, people
from studies.study import BOOTSTRAP, Changes, Numbers, Outcome, changed, gap, mark_of, numbers, text_of

STATES = {"warm": "warm_state", "user_cold": "user_cold_state", "item_cold": "item_cold_state", "both_cold": "user_and_item_cold_state"}
FEWEST, MOST, QUERIES = 13, 100, 10
SEED = 0
LEARNT, SUPPORT, QUERY = 0.0, 1.0, 2.0
"""Times: events that are learnt lie between the first two in an order that was drawn, those of the support between the last two."""
PROTOCOL = "drawn order, what is known of new users"
"""Part of every mark, so that what was measured otherwise counts as measured no longer."""
KNOWN = (1, 3, 5)
FIRST = 5
"""Ratings of each new film that `network_text_image_first` has learnt from."""
DAMPING = 5.0
SETTINGS: dict[str, dict[str, Any]] = {
    "popularity": {},
    "means": {},
    "content": {},
    "cosine": {},
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
RECIPE_OF_NETWORKS = "movielens-1m-cold"
WITHOUT_ATTRIBUTES: Changes = dict.fromkeys(("genres", "decade", "directors", "actors"))
IDS_UNBOUNDED: Changes = {"kind": "content_and_id"}
POSTER: Changes = {"poster": {"kind": "image", "column": "item_id", "path": "poster_thumbs_w96.zip"}}
NETWORKS: dict[str, Changes] = {
    "network": {},
    "network_id_only": {"features": {"item": {**WITHOUT_ATTRIBUTES, "about": None}}, "network": {"item": IDS_UNBOUNDED}},
    "network_content_only": {"features": {"item": {"item_id": None}}, "network": {"item": IDS_UNBOUNDED}},
    "network_image": {"features": {"item": POSTER}},
    "network_text": {"features": {"item": WITHOUT_ATTRIBUTES}},
    "network_text_image": {"features": {"item": {**WITHOUT_ATTRIBUTES, **POSTER}}},
    "network_text_image_first": {"features": {"item": {**WITHOUT_ATTRIBUTES, **POSTER}}},
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


OWN: dict[str, Callable[[], Recommender]] = {"means": Means, "content": Content, "cosine": lambda: Cosine(("title", "plot"))}


class Cold:
    """What is recommended to those who are new, and of what is new.

    Args:
        folder: Where the four states lie; MovieLens-1M is beside it.
    """

    headline = "both_cold.ndcg@10"
    models = (*SETTINGS, *NETWORKS)
    seeded = ("multi_level_mf", "multi_level_mf_ratings", "deep_cf", "deep_cf_random", *NETWORKS)

    quick = "multi_level_mf"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = Kept(CACHE / "cold", "ml-1m-cold")

    @cached_property
    def data(self) -> Dataset:
        """All pairs of all states."""
        random = np.random.default_rng(SEED)
        events = pl.concat([self._pairs(state, name, random) for state, name in STATES.items()])
        columns = '[history.columns]\nstate = { kind = "category" }\nrating = { kind = "category" }\n'  # so that they are kept
        recipe = Recipe.parse(RECIPE + columns, self.folder)
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
        told = pl.DataFrame(rows, schema=["user_id", "item_id", "rating", "timestamp", "state"], orient="row")
        drawn = pl.Series(np.random.default_rng((SEED, list(STATES).index(state))).random(len(told)))
        return told.with_columns(timestamp=pl.when(pl.col("timestamp") < QUERY).then(pl.col("timestamp") + drawn).otherwise("timestamp"))

    def told(self, model: str) -> dict[str, Any]:
        """What the recipe of one of the networks says."""
        return changed(tomllib.loads(text_of(RECIPE_OF_NETWORKS)), NETWORKS[model])

    def mark(self, model: str) -> str:
        if model not in NETWORKS:
            return mark_of(PROTOCOL + RECIPE + json.dumps(SETTINGS[model]))
        return mark_of(PROTOCOL + json.dumps(self.told(model)) + (f"first {FIRST}" if model.endswith("_first") else ""))

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        fitted, setting = self._fitted(model, seed, seconds)
        found = {name: values for state in STATES for name, values in self._reached(fitted, state).items()}
        metrics = {name: self._told(name, values) for name, values in found.items()}
        if seconds:
            return Outcome(f"{setting}, at most {seconds:g} s", metrics)
        self.kept.keep(model, self.mark(model), self._seed(model, seed), found)
        return Outcome(setting, metrics, self._gaps(found, model, seed))

    def _seed(self, model: str, seed: int) -> int:
        return seed if model in self.seeded else 0

    def learnt(self, model: str) -> NDArray[np.int64]:
        """The rows that a model learns from."""
        log = self.data.log
        warm = log.time < SUPPORT
        return np.flatnonzero(warm | self._first() if model.endswith("_first") else warm)

    def _first(self) -> NDArray[np.bool_]:
        """The first ratings of each new film that users whom training knows gave in the support."""
        log = self.data.log
        rows = np.flatnonzero((log.series("state").to_numpy() == "item_cold") & (log.time < QUERY))
        rows = rows[np.lexsort((log.time[rows], log.item[rows]))]
        film = log.item[rows]
        found = np.zeros(len(log), dtype=bool)
        found[rows[np.arange(len(rows)) - np.searchsorted(film, film) < FIRST]] = True
        return found

    def _fitted(self, model: str, seed: int, seconds: float | None) -> tuple[Recommender, str]:
        train = self.data.part(self.learnt(model))
        if model in NETWORKS:
            training = {"training": {"seed": seed, **({"seconds": seconds} if seconds else {})}}
            told = changed(self.told(model), training) | {"directory": self.folder.parent / "ml-1m"}
            recipe = read_settings(Recipe, told, RECIPE_OF_NETWORKS)
            return fit_network(recipe, Dataset(recipe, train.log, train.rows)), f"recipes/{RECIPE_OF_NETWORKS}.toml, {NETWORKS[model]}"
        setting = SETTINGS[model] | ({"seed": seed} if model in self.seeded else {})
        made = OWN[model]() if model in OWN else classic(Part(kind=model.removesuffix("_ratings").removesuffix("_random"), **setting))
        return made.fit(train), f"{setting}"

    def _rows(self, state: str) -> NDArray[np.int64]:
        log = self.data.log
        return np.flatnonzero((log.series("state").to_numpy() == state) & (log.time == QUERY))

    def asked(self, state: str) -> tuple[Dataset, dict[str, Queries]]:
        """The queries' rows, ten a user, and who asks for them: with all that is known, and of new users with less."""
        part = self.data.part(self._rows(state))
        queries = Queries.first_of_each_user(part)
        assert (np.bincount(part.log.user[part.rows])[queries.user] == QUERIES).all()
        asked = {"": queries}
        if state in ("user_cold", "both_cold"):
            start = part.log.offsets[queries.user]
            asked[" nothing"] = replace(queries, user=np.full(len(queries), -1), before=np.zeros(len(queries), dtype=np.int64))
            asked[" profile"] = replace(queries, before=start)
            for known in KNOWN:
                asked[f" profile + {known}"] = replace(queries, before=np.minimum(start + known, queries.before))
        return part, asked

    def _reached(self, model: Recommender, state: str) -> Found:
        """NDCG of every query, and the stars of every query's ten where the model tells stars."""
        part, asked = self.asked(state)
        item = part.log.item[part.rows].reshape(-1, QUERIES).astype(np.int64)
        rating = labels_of(part, "stars").reshape(-1, QUERIES)
        found: Found = {}
        for known, queries in asked.items():
            scores, stars = (np.concatenate(each) for each in zip(*_answers(model, queries, item), strict=True))
            found[f"{state}.ndcg@3{known}"] = graded_ndcg(stars, rating, 3)
            found[f"{state}.ndcg@10{known}"] = self._of_lists(scores, asked[""], item, state)
            if _tells_stars(model):
                found[f"{state}.rmse{known}"] = np.clip(stars, 1, 5).astype(np.float64).ravel()
        return found

    def _of_lists(self, scores: Scores, queries: Queries, item: NDArray[np.int64], state: str) -> NDArray[np.float64]:
        log = queries.log
        ranked = np.zeros(len(log.items), dtype=bool)
        ranked[log.item[log.series("state").to_numpy() == state]] = True
        left = np.where(ranked, scores, -np.inf)
        left[queries.seen()] = -np.inf
        # ties, as of films that nobody had, are broken by lot
        lot = np.random.default_rng(SEED).permutation(left.shape[1])
        best = lot[np.argsort(-left[:, lot], axis=1, kind="stable")[:, :10]]
        return ndcg(*find_hits(best, np.repeat(np.arange(len(item)), QUERIES), item.ravel()), 10)

    def _told(self, name: str, values: NDArray[np.float64]) -> Numbers:
        """A metric with its interval, over users."""
        if ".rmse" not in name:
            return numbers(BOOTSTRAP.mean(values))
        return numbers(BOOTSTRAP.metric(rmse, *self._stars_beside(name, values)))

    def _stars_beside(self, name: str, *predicted: NDArray[np.float64]) -> Iterator[NDArray[Any]]:
        """Labels, predictions, and whose they are."""
        part = self.data.part(self._rows(name.partition(".")[0]))
        yield labels_of(part, "stars")
        yield from predicted
        yield part.log.user[part.rows]

    def _gaps(self, own: Found, model: str, seed: int) -> dict[str, dict[str, Numbers]]:
        """To all that have run, paired; of stars where both tell them."""
        gaps: dict[str, dict[str, Numbers]] = {}
        for other in self.models:
            theirs = None if other == model else self.kept.read(other, self.mark(other), self._seed(other, seed))
            if theirs is not None:
                gaps[other] = {name: self._gap(name, own[name], theirs[name]) for name in own if name in theirs}
        return gaps

    def _gap(self, name: str, own: NDArray[np.float64], theirs: NDArray[np.float64]) -> Numbers:
        if ".rmse" not in name:
            return gap(BOOTSTRAP.mean_difference(own, theirs))
        return gap(BOOTSTRAP.metric_difference(rmse, *self._stars_beside(name, own, theirs)))


def _tells_stars(model: Recommender) -> bool:
    return isinstance(model, NetworkRecommender | Means) or getattr(model, "values", None) == "ratings"


def _answers(model: Recommender, queries: Queries, item: NDArray[np.int64]) -> Iterator[tuple[Scores, Scores]]:
    """Block by block: scores of all films `[n, items]`, and what orders the ten films asked for, stars where the model tells them."""
    start = 0
    for block in queries.blocks(1024):
        own = item[start : start + len(block)]
        start += len(block)
        if isinstance(model, NetworkRecommender):
            encoding = model.encode(model.batch_of(block))
            stars = model.network.ranking_tasks["stars"].predict(model.judge(encoding, own, block.moment)["stars"])
            yield model.retrieve(encoding, block.moment), stars.float().numpy()
        else:
            scores = model.scores(block)
            yield scores, np.take_along_axis(scores, own, axis=1)


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
