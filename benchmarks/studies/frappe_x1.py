"""Frappe x1: was this app used in this context? Two drawn apps, never used by the user, stand against each that was.

Near-comparable: the split's own training negatives are not in the data. Its positives are; two apps are drawn for each among those that
the user uses in none of them, in the positive's context, as validation and test rows have them (they keep the used app's cost too). Each
seed draws anew. Validation and test rows are the published ones.

Rows have no times. Training rows stand in random order, so that each sees a random part of its user's others, as past; validation and test
rows see all training rows and none of each other. As drawn apps are never used by their user, an app seen with the user before is
certainly right: `seen` is that rule alone.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.schema.sections.part import Part
from studies.study import BOOTSTRAP, Numbers, Outcome, fit_counting, gap, numbers, recipe_mark, recipe_of

CONTEXT = ("daytime", "weekday", "isweekend", "homework", "cost", "weather", "country", "city")
COLUMNS = ("user_id", "item_id", *CONTEXT)
USERS, APPS = 957, 4082  # an app's code in the split's files is its number after all users'
DRAWN = 2
CHANGES: dict[str, dict[str, Any]] = {
    "network_without_history": {"history": Part(kind="none")},
    "network_without_crosses": {"interaction": Part(kind="fields")},
    "network_with_fm": {"interaction": Part(kind="fm")},
    "network_one_answer": {"members": 1},
}

Scores = NDArray[np.float64]
Parts = tuple[Dataset, Dataset, Dataset]


class FrappeX1:
    """AUC and log-loss over the published test rows."""

    headline = "auc"
    models = ("popularity", "seen", "network", *CHANGES)
    seeded = models[2:]

    quick = "network"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "x1"

    def mark(self, model: str) -> str:
        return recipe_mark("frappe-x1")

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        parts = self.parts(seed)
        if model not in self.seeded:
            return Outcome("training positives", self._metrics(self._rule(model, parts[2]), parts[2], probabilities=False))
        recipe = recipe_of("frappe-x1", self.folder, {"seed": seed, "seconds": seconds}, CHANGES.get(model))
        fitted, best = fit_counting(recipe, *(Dataset(recipe, part.log, part.rows) for part in parts[:2]))
        valid, scores = (fitted.predict(part)["used"].astype(np.float64) for part in parts[1:])
        rivals = {rival: self._rule(rival, parts[2]) for rival in self.models[:2]}
        gaps = {rival: {"auc": self._gap(scores, other, parts[2])} for rival, other in rivals.items()}
        setting = "benchmarks/recipes/frappe-x1.toml, epoch by validation AUC" + (f", at most {seconds:g} s" if seconds else "")
        notes = {"best_epoch": best, "validation_auc": round(auc(labels_of(parts[1], "used"), valid), 5)}
        return Outcome(setting, self._metrics(scores, parts[2]), gaps, notes)

    def parts(self, seed: int) -> Parts:
        """Training rows in random order, then all validation rows at one moment, then all test rows."""
        train = pl.concat([self.positives.with_columns(used=1.0), self._drawn(seed)]).sample(fraction=1, shuffle=True, seed=seed)
        train = train.with_columns(timestamp=pl.int_range(pl.len()).cast(pl.Float64))
        ends = [float(len(train)), len(train) + 1.0]
        held = [_rows(self.folder / f"{name}.libsvm", end) for name, end in zip(("valid", "test"), ends, strict=True)]
        data = Dataset.from_frames(pl.concat([train, *held], how="diagonal"), None, None, recipe_of("frappe-x1", self.folder, {}))
        time = data.log.time
        train, valid, test = (data.part(np.flatnonzero(chosen)) for chosen in (time < ends[0], time == ends[0], time == ends[1]))
        return train, valid, test

    @cached_property
    def positives(self) -> pl.DataFrame:
        """The split's training positives `[67,606]` in the codes of its files."""
        told = pl.read_parquet(self.folder / "train_positives.rebuilt.parquet")
        codes: dict[str, dict[str, int]] = json.loads((self.folder / "context_code_map.json").read_text(encoding="utf8"))
        named = {name: {value: str(code) for value, code in codes[name].items()} for name in CONTEXT}
        context = [pl.col(name).cast(pl.String).replace(named[name]) for name in CONTEXT]  # a value without a code stays as it is
        return told.select(
            pl.col("user").cast(pl.String).alias("user_id"), (pl.col("item") + USERS).cast(pl.String).alias("item_id"), *context
        )

    @cached_property
    def used(self) -> NDArray[np.int64]:
        """How many training positives each user has of each app `[users, apps]`."""
        counts = np.zeros((USERS, APPS), dtype=np.int64)
        np.add.at(counts, (self.positives["user_id"].cast(int), self.positives["item_id"].cast(int) - USERS), 1)
        return counts

    def _drawn(self, seed: int) -> pl.DataFrame:
        """For each positive so many apps that its user uses in none, evenly drawn."""
        random = np.random.default_rng(seed)
        rows = self.positives[np.repeat(np.arange(len(self.positives)), DRAWN)]
        user = rows["user_id"].cast(int).to_numpy()
        app = random.integers(0, APPS, len(rows))
        while (taken := self.used[user, app] > 0).any():
            app[taken] = random.integers(0, APPS, int(taken.sum()))
        return rows.with_columns(pl.Series("item_id", app + USERS).cast(pl.String), used=0.0)

    def _rule(self, model: str, part: Dataset) -> Scores:
        """Training positives of the app; with `seen`, apps that the user has used stand before all others."""
        user, app = self._pairs(part)
        popularity = np.log1p(self.used.sum(axis=0))[app]
        scores: Scores = popularity + (1e3 * (self.used[user, app] > 0) if model == "seen" else 0.0)
        return scores

    @staticmethod
    def _pairs(part: Dataset) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Numbers of users and apps of a part's rows."""
        users, apps = (part.log.users["user_id"].cast(int).to_numpy(), part.log.items["item_id"].cast(int).to_numpy() - USERS)
        return users[part.log.user[part.rows]], apps[part.log.item[part.rows]]

    def _metrics(self, scores: Scores, part: Dataset, probabilities: bool = True) -> dict[str, Numbers]:
        """Over all rows, and over those whose app the user has in no training positive; users are drawn."""
        label, user = labels_of(part, "used").astype(np.float64), part.log.user[part.rows]
        new = self.used[self._pairs(part)] == 0
        found = {
            "auc": BOOTSTRAP.metric(auc, label, scores, user),
            "auc, app new to the user": BOOTSTRAP.metric(auc, label[new], scores[new], user[new]),
        }
        found |= {"log_loss": BOOTSTRAP.metric(log_loss, label, scores, user)} if probabilities else {}
        return {name: numbers(metric) for name, metric in found.items()}

    @staticmethod
    def _gap(scores: Scores, other: Scores, part: Dataset) -> Numbers:
        return gap(BOOTSTRAP.metric_difference(auc, labels_of(part, "used"), scores, other, part.log.user[part.rows]))


def _rows(path: Path, moment: float) -> pl.DataFrame:
    """Rows of a libsvm file, `label code:1 code:1 …`, all at one moment."""
    cells = [line.split() for line in path.read_text(encoding="utf8").splitlines()]
    codes = {name: [row[1 + place].partition(":")[0] for row in cells] for place, name in enumerate(COLUMNS)}
    return pl.DataFrame(codes).with_columns(used=pl.Series([float(row[0]) for row in cells]), timestamp=moment)


def study(split: str, data: Path) -> FrappeX1:
    """The published validation and test rows."""
    return FrappeX1(data / "frappe")
