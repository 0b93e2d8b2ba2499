"""MovieLens-1M as the papers on NCF and DeepCF split it: each user's newest film among 99 committed negatives.

Drawn negatives order models otherwise than all films do (Krichene and Rendle 2020); these numbers only stand beside a published table.
A film that is its own negative counts once. Settings are chosen on a rehearsal within the training pairs: each user's newest one, by the
order of MovieLens-1M itself, is asked for among 99 films, drawn with a seed, that the user has no pair with. DeepCF's setting was found
there too, by hand, in more trials than the others had (docs/experiments.md).
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.models.classic import classic
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from studies.study import BOOTSTRAP, Outcome, mark_of, numbers

K = 10
NEGATIVES = 99
HELD_OUT_SEED = 1
RECIPE = '[data]\nevents = { path = "pairs" }\n[tasks.next]\nkind = "next_item"\n'
_SVD = {"factors": 70, "item_scaling": 0.2}
_ALS = {"factors": 96, "regularisation": 0.008, "unobserved_weight": 0.3}
TRIALS: dict[str, list[dict[str, Any]]] = {
    "popularity": [{}],
    "pure_svd": [
        {"factors": factors, "item_scaling": scaling}
        for factors, scaling in [
            (30, 0.0), (50, 0.0), (70, 0.0), (50, 0.1), (50, 0.2), (70, 0.1), (70, 0.2), (90, 0.2), (70, 0.3), (90, 0.3),
        ]
    ],
    "als": [
        {"factors": factors, "regularisation": price, "unobserved_weight": weight, "iterations": 3}
        for factors, price, weight in [
            (64, 0.005, 0.1), (64, 0.008, 0.1), (64, 0.005, 0.3), (64, 0.008, 0.3), (64, 0.012, 0.3), (64, 0.008, 0.8),
            (96, 0.008, 0.3), (96, 0.012, 0.3), (96, 0.012, 0.8), (128, 0.012, 0.8),
        ]
    ],
    "ease": [
        {"regularisation": price, "dropout": dropout, "user_scaling": scaling}
        for price, dropout, scaling in [
            (500.0, 0.0, 0.0), (1000.0, 0.0, 0.0), (1000.0, 0.3, 0.0), (100.0, 0.0, 0.5), (70.0, 0.0, 0.5), (100.0, 0.3, 0.5),
        ]
    ],
    "item_knn": [
        {"neighbours": neighbours, "shrinkage": shrinkage, "similarity": similarity, "item_scaling": scaling, "nearest_of": side}
        for similarity, neighbours, shrinkage, scaling, side in [
            ("cosine", 100, 10.0, 0.0, "past"), ("cosine", 100, 10.0, 0.2, "past"), ("cosine", 50, 10.0, 0.0, "candidate"),
            ("cosine", 50, 10.0, 0.1, "candidate"), ("cosine", 50, 10.0, 0.2, "candidate"), ("cosine", 30, 10.0, 0.1, "candidate"),
            ("cosine", 30, 1.0, 0.0, "candidate"), ("jaccard", 50, 10.0, 0.1, "candidate"),
        ]
    ],
    "blend": [
        {"parts": {"ease": {"regularisation": 100.0, "user_scaling": 0.5}, "als": _ALS, "pure_svd": _SVD}, "weights": weights}
        for weights in [
            {"als": 0.5, "pure_svd": 0.0}, {"als": 1.0, "pure_svd": 0.0}, {"als": 0.5, "pure_svd": 0.5}, {"als": 1.0, "pure_svd": 0.5},
            {"als": 1.0, "pure_svd": 1.0},
        ]
    ],
    "user_knn": [
        {"neighbours": neighbours, "shrinkage": 1.0, "asymmetry": asymmetry, "locality": locality}
        | {"item_scaling": scaling, "vote_scaling": votes}
        for neighbours, asymmetry, locality, scaling, votes in [
            (100, 0.5, 1.0, 0.0, 0.0), (100, 0.5, 1.0, 0.2, 0.2), (60, 0.5, 1.0, 0.2, 0.2), (100, 0.5, 2.0, 0.2, 0.2),
            (100, 0.7, 1.0, 0.2, 0.2), (300, 0.7, 3.0, 0.2, 0.2), (300, 0.7, 3.0, 0.2, 0.3), (300, 0.8, 4.0, 0.2, 0.3),
            (300, 0.8, 4.0, 0.2, 0.4), (300, 0.8, 4.0, 0.3, 0.3),
        ]
    ],
    "deep_cf": [
        {"told": False, "width": 96, "matching": 16, "dropout": 0.3, "hide": 0.3, "epochs": 140}
        | {"learning_rate": 0.0005, "weight_decay": 1.0}
    ],
}  # fmt: skip

PerUser = dict[str, NDArray[np.float64]]
Items = NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """Training pairs and what is asked after them.

    Attributes:
        train: What is learnt from.
        queries: One per user.
        candidates: Item rows `[queries, 1 + negatives]`, the wanted one first.
    """

    train: Dataset
    queries: Queries
    candidates: Items


class NCF:
    """Which of a hundred films."""

    headline = "ndcg@10"
    models = tuple(TRIALS)
    seeded = ("als", "blend", "deep_cf")

    quick = "pure_svd"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tuned: dict[str, tuple[dict[str, Any], list[tuple[dict[str, Any], float, float]]]] = {}

    @cached_property
    def pairs(self) -> NDArray[np.int64]:
        """Training pairs `[n, 2]`: user and film numbers."""
        return pl.read_parquet(self.folder / "ml-1m.train.pairs.rebuilt.parquet").to_numpy()

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """Each training pair's place among its user's events `[n]`; -1 for the few whose place is not known."""
        names = pl.read_csv(self.folder / "item_map.csv", schema_overrides={"movieID": pl.Int32})
        rated = pl.read_parquet(self.folder.parent / "ml-1m" / "ratings_rebuilt.parquet")
        pairs = pl.DataFrame({"userID": self.pairs[:, 0] + 1, "ncf_item": self.pairs[:, 1]}).with_columns(pl.col("userID").cast(pl.Int32))
        joined = pairs.join(names, on="ncf_item", how="left", maintain_order="left").join(
            rated, on=["userID", "movieID"], how="left", maintain_order="left"
        )
        return joined["chron_rank"].fill_null(-1).cast(pl.Int64).to_numpy()

    @cached_property
    def films(self) -> int:
        return len(pl.read_csv(self.folder / "item_map.csv"))

    @cached_property
    def test(self) -> Asked:
        """All training pairs, and the committed candidates."""
        lines = (self.folder / "ml-1m.test.negative").read_text(encoding="utf8").splitlines()
        fields = [line.replace("(", "").replace(")", "").replace(",", "\t").split("\t") for line in lines]
        rows = np.array(fields, dtype=np.int64)  # user, wanted, negatives
        return self._asked(self.pairs, rows[:, :2], rows[:, 1:])

    @cached_property
    def rehearsal(self) -> Asked:
        """Each user's newest training pair asked for among drawn films."""
        random = np.random.default_rng(HELD_OUT_SEED)
        newest_first = np.argsort(-self._order, kind="stable")
        held = newest_first[np.unique(self.pairs[newest_first, 0], return_index=True)[1]]
        place = random.random((int(self.pairs[:, 0].max()) + 1, self.films), dtype=np.float32)
        place[self.pairs[:, 0], self.pairs[:, 1]] = 2  # behind every film that the user has no pair with
        drawn = np.argpartition(place, NEGATIVES, axis=1)[:, :NEGATIVES]
        return self._asked(np.delete(self.pairs, held, axis=0), self.pairs[held], np.column_stack([self.pairs[held, 1], drawn]))

    def _asked(self, before: NDArray[np.int64], after: NDArray[np.int64], candidates: Items) -> Asked:
        """Pairs of one moment, and one pair per user of the moment after it, ordered by user."""
        pairs = np.concatenate([before, after])
        name = [pl.Series("user_id", pairs[:, 0]), pl.Series("item_id", pairs[:, 1])]
        moment = pl.Series("timestamp", np.repeat([0.0, 1.0], [len(before), len(after)]))
        events = pl.DataFrame([*name, moment]).with_columns(_id("user_id"), _id("item_id"))
        items = pl.DataFrame({"item_id": np.arange(self.films)}).with_columns(_id("item_id"))  # row numbers are film numbers
        log = Log.pack(events, events.select("user_id").unique(), items, [])
        data = Dataset(Recipe.parse(RECIPE, self.folder), log, np.arange(len(log)))
        late = log.time > 0
        asked = data.part(np.flatnonzero(late))
        return Asked(data.part(np.flatnonzero(~late)), Queries.at_events(asked, asked.rows), candidates)

    def mark(self, model: str) -> str:
        return mark_of(json.dumps(TRIALS[model]))

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        setting, trials = (TRIALS[model][0], []) if seconds else self._chosen(model)
        given = setting | ({"seed": seed} if model in self.seeded else {})
        values = measure(classic(Part(kind=model, **given)).fit(self.test.train), self.test)
        told = f"{setting}, best of {len(trials)} on held-out training pairs" if trials else f"{setting}"
        notes = {"trials": trials} if trials else {}
        return Outcome(told, {name: numbers(BOOTSTRAP.mean(value)) for name, value in values.items()}, notes=notes)

    def _chosen(self, model: str) -> tuple[dict[str, Any], list[tuple[dict[str, Any], float, float]]]:
        """The setting that is best on the rehearsal, and every trial's hit rate and NDCG."""
        if len(TRIALS[model]) == 1:
            return TRIALS[model][0], []
        if model not in self.tuned:
            trials = []
            for setting in TRIALS[model]:
                values = measure(classic(Part(kind=model, **setting)).fit(self.rehearsal.train), self.rehearsal)
                trials.append((setting, *(round(float(values[name].mean()), 5) for name in (f"hit_rate@{K}", self.headline))))
            self.tuned[model] = max(trials, key=lambda each: each[2])[0], trials
        return self.tuned[model]


def measure(model: Recommender, asked: Asked) -> PerUser:
    """Hit rate and NDCG of the wanted film per query, ties at their expected rank."""
    scores = np.concatenate([model.scores(block) for block in asked.queries.blocks(1024)])
    chosen = np.take_along_axis(scores, asked.candidates, axis=1)
    wanted, rivals = chosen[:, :1], chosen[:, 1:]
    rivals[asked.candidates[:, 1:] == asked.candidates[:, :1]] = -np.inf
    before, tied = (rivals > wanted).sum(axis=1), (rivals == wanted).sum(axis=1)
    gained = np.append(0.0, np.cumsum(1 / np.log2(np.arange(2, K + 2))))
    ndcg = (gained[np.minimum(before + tied + 1, K)] - gained[np.minimum(before, K)]) / (tied + 1)
    return {f"ndcg@{K}": ndcg, f"hit_rate@{K}": np.clip((K - before) / (tied + 1), 0, 1)}


def _id(column: str) -> pl.Expr:
    """Numbers as texts that sort as the numbers do."""
    return pl.col(column).cast(pl.String).str.zfill(5)


def study(split: str, data: Path) -> NCF:
    """ml-1m-ncf."""
    return NCF(data / split)
