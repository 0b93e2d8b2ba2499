"""The loop in five worlds: what 1,000 requests are worth, day by day, by who chooses the lists.

    python benchmarks/loop.py [--quick] [--json] [--worlds NAME ...] [--policies NAME ...] [--seeds N] [--days N] [--requests N]

A world (`penchant.simulation`) has 500 users and 300 items, and more items every day. All policies are given the same seven days' log of
1,000 requests, shown by chance; then each of them answers 14 days of 1,000 requests, in process, and its own answers are what it can learn
from. Requests are the same for all; lists have 10 items; what was done is told after every 10 requests.

    popularity, item_knn   of all clicks so far, fitted anew every night
    frozen                 our network of the first night; its users' histories and counts go on
    refit                  our network, fitted anew every night on the whole log
    loop                   our network, which takes in every night what has come since (`penchant.training.incremental`)
    loop_explore           the same, and two places of ten left to chance (`gumbel`)
    best                   the best list by the world's own truth: the bound

Value is the expected value of a list by the world's truth, so that luck has no part in it; `fresh` is the part of it that comes from items
born after the first night. A row for each world, policy and seed is kept in `benchmarks/results/loop.jsonl`, and not run again.
`--quick`: the shop with 100 users, 3 days of 100 requests, nothing kept. The last line is one JSON object with --json.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import t as student

from penchant.data.dataset import Dataset
from penchant.models.classic import classic
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest
from penchant.simulation.theme import WORLDS, read_theme
from penchant.simulation.world import Ask, World
from penchant.training.incremental import update
from penchant.training.trainer import fit_network

RESULTS = Path(__file__).parent / "results" / "loop.jsonl"
POLICIES = ("popularity", "item_knn", "frozen", "refit", "loop", "loop_explore")
WARM_DAYS, LISTED, TOGETHER = 7, 10, 10
EXPLORATION = 'exploration = { method = "gumbel", places = [5, 10], temperature = 1.0, candidates = 400 }\n'

Row = dict[str, Any]


class Life:
    """A policy in a world.

    Args:
        world: At its first night.
        log: What it is given.
        policy: Who chooses.
    """

    def __init__(self, world: World, log: pl.DataFrame, name: str, policy: str) -> None:
        text = files("penchant.simulation").joinpath("worlds", f"{name}.recipe.toml").read_text(encoding="utf8")
        explores = policy.endswith("_explore")
        self.recipe = Recipe.parse(text.replace("exclude_seen", EXPLORATION + "exclude_seen") if explores else text)
        self.world, self.policy, self.log = world, policy, [log]
        self.born = set(world.items()["item_id"])
        self.fit_seconds: list[float] = []
        self.network: NetworkRecommender | None = None
        self.engine = self._engine()

    def day(self, requests: int) -> Row:
        """Answers a day's requests."""
        self._welcome()
        told: dict[str, float] = dict.fromkeys(("value", "best", "clicks", "fresh", "fresh_shown", "seconds"), 0.0)
        rows: list[Row] = []
        asks: list[Ask] = []
        for ask in self.world.requests(requests):
            asks.append(ask)
            if len(asks) == TOGETHER:
                rows += self._answer(asks, told)
                asks = []
        if asks:
            rows += self._answer(asks, told)
        self.log.append(pl.DataFrame(rows))
        self.world.next_day()
        return {key: float(value) * 1000 / requests for key, value in told.items()}

    def night(self) -> None:
        """Learns, if it does."""
        if self.policy != "frozen":
            self.engine = self._engine()

    def _answer(self, asks: Sequence[Ask], told: dict[str, float]) -> list[Row]:
        begun = time.perf_counter()
        answers = self.engine.recommend_many(
            [
                RecommendationRequest(
                    user_id=ask.user_id,
                    scenario=ask.scenario,
                    context={**ask.context, "timestamp": ask.time},
                    n=LISTED,
                    request_id=f"{ask.number}",
                )
                for ask in asks
            ]
        )
        told["seconds"] += time.perf_counter() - begun
        rows: list[Row] = []
        for ask, answer in zip(asks, answers, strict=True):
            if answer.degraded:
                raise RuntimeError(f"answer {ask.number} is degraded: {answer.reason}")
            items = [item.item_id for item in answer.items]
            worth = self.world.worth(ask)
            told["value"] += self.world.expected(ask, items)
            told["best"] += self.world.expected(ask, self.world.best(ask, LISTED))
            fresh = [(place, item) for place, item in enumerate(items, 1) if item not in self.born]
            told["fresh"] += sum(place**-self.world.theme.position * worth[int(item[1:])] for place, item in fresh)
            told["fresh_shown"] += len(fresh)
            outcome = self.world.show(ask, items, f"{ask.number}")
            told["clicks"] += outcome.clicks
            begun = time.perf_counter()
            self.engine.apply_events(outcome.events)
            told["seconds"] += time.perf_counter() - begun
            rows += [self.world.row(event) for event in outcome.events]
        return rows

    def _engine(self) -> BundleEngine:
        begun = time.perf_counter()
        engine = BundleEngine(self._fitted(), f"day {self.world.day}")
        self.fit_seconds.append(time.perf_counter() - begun)
        self.known = set(self.world.items()["item_id"])
        return engine

    def _fitted(self) -> Recommender:
        log = pl.concat(self.log)
        network = self.policy not in ("popularity", "item_knn")
        events = log if network else log.filter(pl.col("is_click") == 1)
        data = Dataset.from_frames(events, self.world.users(), self.world.items(), self.recipe)
        if not network:
            return classic(Part.model_validate({"kind": self.policy})).fit(data)
        if self.network is not None and self.policy.startswith("loop"):
            self.network = update(self.network, data, float(self.log[-1]["timestamp"].min()))  # type: ignore[arg-type]  # a number
        else:
            self.network = fit_network(self.recipe, data)
        return self.network

    def _welcome(self) -> None:
        fresh = {row.pop("item_id"): row for row in self.world.items().to_dicts() if row["item_id"] not in self.known}
        self.engine.upsert_items(fresh)
        self.known |= fresh.keys()


def lived(name: str, policy: str, seed: int, days: int, requests: int, users: int = 500, items: int = 300) -> Row:
    """A row: the days of a policy in a world."""
    begun = time.perf_counter()
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # a network this small is slower on two
    world = World(read_theme(name), users, items, seed, WARM_DAYS + days + 1)
    life = Life(world, world.log(WARM_DAYS, requests), name, policy)
    found = []
    for day in range(days):
        if day:
            life.night()
        found.append(life.day(requests))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {
        "world": name, "policy": policy, "seed": seed, "commit": commit, "requests": requests, "users": users, "items": items,
        "seconds": round(time.perf_counter() - begun, 1), "fit_seconds": [round(each, 2) for each in life.fit_seconds],
        "days": [{key: round(value, 4) for key, value in day.items()} for day in found],
    }  # fmt: skip


def kept() -> list[Row]:
    """Rows of earlier runs."""
    return [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []


def of_days(row: Row, key: str, days: slice = slice(None)) -> float:
    """The mean over days."""
    return float(np.mean([day[key] for day in row["days"][days]]))


HEADLINES: dict[str, Callable[[Row], float]] = {
    "value": lambda row: of_days(row, "value"),
    "share_of_best": lambda row: of_days(row, "value") / of_days(row, "best"),
    "last_days": lambda row: of_days(row, "value", slice(-3, None)),
    "fresh_last_days": lambda row: of_days(row, "fresh", slice(-3, None)),
    "clicks": lambda row: of_days(row, "clicks"),
}
PAIRS = (("loop", "frozen"), ("loop", "item_knn"), ("loop", "refit"), ("loop_explore", "loop"))


def told(values: Sequence[float]) -> dict[str, float | None]:
    """The mean over seeds and its interval."""
    mean, n = float(np.mean(values)), len(values)
    reach = float(student.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else None
    return {"mean": mean, "low": None if reach is None else mean - reach, "high": None if reach is None else mean + reach, "seeds": n}


def headlines(rows: Sequence[Row]) -> Row:
    """By world: each policy, and paired differences of policies."""
    found: Row = {}
    for name in dict.fromkeys(row["world"] for row in rows):
        by = {(row["policy"], row["seed"]): row for row in rows if row["world"] == name}
        own: Row = {}
        for policy in POLICIES:
            mine = [row for (other, _), row in sorted(by.items()) if other == policy]
            if mine:
                own[policy] = {key: told([of(row) for row in mine]) for key, of in HEADLINES.items()}
        for one, other in PAIRS:
            seeds = [seed for policy, seed in sorted(by) if policy == one and (other, seed) in by]
            if seeds:
                own[f"{one} - {other}"] = {
                    key: told([of(by[one, seed]) - of(by[other, seed]) for seed in seeds]) for key, of in HEADLINES.items()
                }
        found[name] = own
    return found


def show(found: Row) -> None:
    """A table for each world."""
    for name, own in found.items():
        table = Table(title=f"{name}: per 1,000 requests")
        for column in ("policy", *HEADLINES, "seeds"):
            table.add_column(column)
        for policy, figures in own.items():
            cells = [
                f"{each['mean']:.4g}" + ("" if each["low"] is None else f" [{each['low']:.4g}, {each['high']:.4g}]")
                for each in figures.values()
            ]
            table.add_row(policy, *cells, str(figures["value"]["seeds"]))
        Console(width=180).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=WORLDS)
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=POLICIES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--requests", type=int, default=1000)
    asked = parser.parse_args()
    if asked.quick:
        rows = [lived("shop", policy, 0, 3, 100, 100, 100) for policy in POLICIES]
    else:
        rows = kept()
        done = {(row["world"], row["policy"], row["seed"]) for row in rows}
        for seed in range(asked.seeds):
            for name in asked.worlds:
                for policy in asked.policies:
                    if (name, policy, seed) not in done:
                        row = lived(name, policy, seed, asked.days, asked.requests)
                        rows.append(row)
                        with RESULTS.open("a") as out:
                            out.write(json.dumps(row) + "\n")
                        print(f"{name} · {policy} · seed {seed}: {of_days(row, 'value'):.1f} in {row['seconds']} s", flush=True)
    found = headlines(rows)
    show(found)
    if asked.json:
        print(json.dumps({"quick": asked.quick, "worlds": found}))


if __name__ == "__main__":
    main()
