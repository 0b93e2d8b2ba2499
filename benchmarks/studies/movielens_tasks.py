"""MovieLens-1M: the next film, stars and likes in one network, against a network for each.

Each user's last 10 % of events in order is the test part, the 10 % before it the validation part; all films are ranked. Every network
keeps the weights of the epoch that was best for its own first task on the validation part. Costs are of the same run: processor seconds
of fitting, weights, and milliseconds to answer one request (200 candidates, then the tasks' predictions for them) with one thread.
`serving` asks all of them in turn for what a request costs; its ranges hold nine of ten requests.
What has been predicted is kept in benchmarks/cache/ml-1m-tasks, so that a network of all tasks need not wait for the others again.
"""

import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.evaluation.metrics.regression import mae, rmse
from penchant.models.collaborative.popularity import Popularity
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.studies.baselines import ItemMean
from penchant.studies.lists import measure_lists
from studies.study import BOOTSTRAP, Numbers, Outcome, fit_counting, gap, mark_of, numbers, recipe_mark, recipe_of

NAME = "movielens-1m"
LIST, ROWS = "ndcg@10", {"stars": {"rmse": rmse, "mae": mae}, "like": {"auc": auc, "log_loss": log_loss}}
WATCHED = {"next": "next.ndcg@10", "stars": "stars.rmse", "like": "like.auc"}
CANDIDATES, REQUESTS = 200, 50
SERVING = "serving"
"""What a request costs all of them, asked in turn; their weights, a few seconds old, do not matter for that."""

CACHE = Path(__file__).resolve().parents[1] / "cache" / "ml-1m-tasks"
ALONE = tuple(f"network_{task}" for task in WATCHED)
LONGER = 6
"""Epochs of the longer ways; the recipe has 4."""
CHANGED: dict[str, dict[str, Any]] = {
    **{f"network_{kind}": {"balance": Part(kind=kind)} for kind in ("equal", "uncertainty", "famo")},
    "network_equal_longer": {"balance": Part(kind="equal"), "epochs": LONGER},
    **{f"{name}_longer": {"epochs": LONGER} for name in ALONE},
}
"""Training of one network of all tasks with other balances of their losses; and of all or one for longer."""

Found = dict[str, NDArray[np.float64]]
"""By task: NDCG per user of `next`, predictions per row of the others."""


class MovieLensTasks:
    """Whether tasks learnt together are worse than each alone, and what each way costs."""

    headline = "next.ndcg@10"
    models = ("baseline", SERVING, *ALONE, "network", *CHANGED)
    seeded = models[2:]

    quick = "network"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset, Dataset]:
        """Train, valid, test."""
        return Dataset.read(recipe_of(NAME, self.folder, {})).split()

    def mark(self, model: str) -> str:
        return mark_of(f"{recipe_mark(NAME)} {CHANGED[model]}") if model in CHANGED else recipe_mark(NAME)

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        if model == "baseline":
            return Outcome("popularity; each film's mean", self._metrics(self._baseline))
        if model == SERVING:
            return Outcome(f"one thread, {REQUESTS} requests asked of each in turn", self._serving())
        fitted, notes = self._fitted(model, seed, seconds)
        own = self._asked(fitted)
        if not seconds:
            self._keep(model, seed, own)
        together = not seconds and not _task_of(model)
        alone = {name: self._alone(name, seed) for name in ALONE} if together else {}
        gaps = {name: self._gaps(own, other) for name, other in ({"baseline": self._baseline} | alone).items()}
        return Outcome(f"recipes/{NAME}.toml" + (f", at most {seconds:g} s" if seconds else ""), self._metrics(own), gaps, notes)

    def _alone(self, model: str, seed: int) -> Found:
        if not self._file(model, seed).is_file():
            self._keep(model, seed, self._asked(self._fitted(model, seed, None)[0]))
        with np.load(self._file(model, seed)) as kept:
            return dict(kept)

    def _file(self, model: str, seed: int) -> Path:
        return CACHE / f"{model}-{self.mark(model)}-{seed}.npz"

    def _keep(self, model: str, seed: int, found: Found) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez(self._file(model, seed), **found)

    def _fitted(self, model: str, seed: int, seconds: float | None) -> tuple[NetworkRecommender, dict[str, Any]]:
        changed = recipe_of(NAME, self.folder, {"seed": seed, "seconds": seconds} | CHANGED.get(model, {}))
        recipe = _for_task(changed, _task_of(model))
        train, valid = (Dataset(recipe, part.log, part.rows) for part in self.parts[:2])
        begin = time.process_time()
        fitted, best = fit_counting(recipe, train, valid)
        weights = sum(parameter.numel() for parameter in fitted.network.parameters())
        spent = round(time.process_time() - begin, 1)
        asked_ms = round(float(np.median(self._request_ms(fitted))), 3)
        notes = {"best_epoch": best, "fit_cpu_seconds": spent, "weights": weights, "request_ms": asked_ms}
        return fitted, notes | {"validation": {name: told["value"] for name, told in self._metrics(self._asked(fitted, 1), 1).items()}}

    def _serving(self) -> dict[str, Numbers]:
        """Milliseconds of a request to one network for all, and to one for each task, one after another."""
        fitted = {}
        for model in (*ALONE, "network"):
            recipe = _for_task(recipe_of(NAME, self.folder, {"seconds": 5.0}), _task_of(model))
            train, valid = (Dataset(recipe, part.log, part.rows) for part in self.parts[:2])
            fitted[model] = fit_counting(recipe, train, valid)[0]
        spent = dict(zip(fitted, self._request_ms(*fitted.values()), strict=True))
        three = np.sum([spent[name] for name in ALONE], axis=0)
        told = {f"{name}, ms": each for name, each in spent.items()} | {"all three, ms": three, "three / one": three / spent["network"]}
        return {name: _middle(each) for name, each in told.items()}

    def _request_ms(self, *networks: NetworkRecommender) -> NDArray[np.float64]:
        """Milliseconds `[networks, requests]` to answer one user after another, each asked of all networks in turn."""
        queries = Queries.first_of_each_user(self.parts[2])
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        spent = [[_answer_ms(network, queries.take(np.array([place]))) for network in networks] for place in range(REQUESTS)]
        torch.set_num_threads(threads)
        return np.array(spent).T

    def _asked(self, fitted: NetworkRecommender, part: int = 2) -> Found:
        asked = self.parts[part]
        lists = {"next": measure_lists({"m": fitted}, asked, (10,)).values["m"][LIST]} if fitted.network.retrieval is not None else {}
        rows = {name: values.astype(np.float64) for name, values in fitted.predict(asked).items()} if fitted.network.tasks else {}
        return lists | rows

    @cached_property
    def _baseline(self) -> Found:
        train, _, test = self.parts
        lists = measure_lists({"m": Popularity().fit(train)}, test, (10,)).values["m"][LIST]
        return {"next": lists} | {task: ItemMean(train, task).predict(test) for task in ROWS}

    def _metrics(self, found: Found, part: int = 2) -> dict[str, Numbers]:
        """Of the tasks there are, with intervals that draw users."""
        asked = self.parts[part]
        user = asked.log.user[asked.rows]
        lists = {self.headline: numbers(BOOTSTRAP.mean(found["next"]))} if "next" in found else {}
        return lists | {
            f"{task}.{name}": numbers(BOOTSTRAP.metric(metric, labels_of(asked, task).astype(float), found[task], user))
            for task, metrics in ROWS.items() if task in found
            for name, metric in metrics.items()
        }  # fmt: skip

    def _gaps(self, own: Found, other: Found) -> dict[str, Numbers]:
        """Paired differences of the first metric of every task that both have."""
        test = self.parts[2]
        user = test.log.user[test.rows]
        found = {}
        if "next" in own and "next" in other:
            found[self.headline] = gap(BOOTSTRAP.mean_difference(own["next"], other["next"]))
        for task, metrics in ROWS.items():
            name, metric = next(iter(metrics.items()))
            if task in own and task in other:
                label = labels_of(test, task).astype(float)
                found[f"{task}.{name}"] = gap(BOOTSTRAP.metric_difference(metric, label, own[task], other[task], user))
        return found


def _answer_ms(fitted: NetworkRecommender, one: Queries) -> float:
    """To encode a user, retrieve where the network can, and judge the candidates where it has tasks for it."""
    batch = fitted.batch_of(one)
    begin = time.perf_counter()
    encoding = fitted.encode(batch)
    if fitted.network.retrieval is not None:
        rows = np.argpartition(-fitted.retrieve(encoding, one.moment), CANDIDATES, axis=1)[:, :CANDIDATES]
    else:
        rows = np.arange(CANDIDATES)[None]
    if fitted.network.tasks:
        fitted.judge(encoding, rows, one.moment)
    return 1e3 * (time.perf_counter() - begin)


def _middle(values: NDArray[np.float64]) -> Numbers:
    """The median, and where nine of ten lie."""
    low, middle, high = np.percentile(values, (5, 50, 95))
    return Numbers(value=round(middle, 3), low=round(low, 3), high=round(high, 3), n=len(values))


def _task_of(model: str) -> str:
    """The task a network is alone with; nothing where it learns all."""
    return next((task for task in WATCHED if model.startswith(f"network_{task}")), "")


def _for_task(recipe: Recipe, task: str) -> Recipe:
    """The recipe with one of its tasks, whose validation metric stops it; with all where none is named."""
    if not task:
        return recipe
    training = recipe.training.model_copy(update={"watch": WATCHED[task]})
    alone = {task: recipe.tasks[task].model_copy(update={"weight": 1.0})}
    serving = recipe.serving.model_copy(update={"rank_by": {}})
    return recipe.model_copy(update={"tasks": alone, "training": training, "serving": serving})


def study(split: str, data: Path) -> MovieLensTasks:
    """MovieLens-1M, temporal per user."""
    return MovieLensTasks(data / "ml-1m")
