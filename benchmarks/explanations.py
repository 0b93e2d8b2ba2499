"""Explanations held against the service itself: what is named is taken away and asked again; and what they add to a request.

    python benchmarks/explanations.py [--quick] [--json] [--data ml-100k|ml-1m|kuairand] [--folder FOLDER] [--bundle FOLDER]
        [--pairs N] [--threads N]

A network is fitted on all but each user's last 10 % (KuaiRand: on the days to 3 May), or read from the folder of a bundle (`--bundle`).
Visitors with the profile of a user of the log, and the user's newest events as those of their visit, ask over HTTP for a list with reasons;
its first item is looked at:

    agreement     the visit without the strongest event: does the score move as its effect says? Share of equal signs, largest difference.
    deletion      how much more the score falls without the 3 strongest events that raised it than without 3 drawn at random, 10 draws.
    sufficiency   what of the gap between the whole visit and none is kept with the 5 events alone that moved the score most to that side
                  (a visit may lower a score), mean over mean.
    milliseconds  what reasons add to a request of 10 items, users of the log in turn, median of differences; by `history`.

Intervals draw visitors (bootstrap, 95 %). `--quick`: MovieLens-100K, one epoch, few visitors. The last line is one JSON object with --json.
"""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from starlette.testclient import TestClient

from penchant.data.dataset import Dataset
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.saved import read_network
from penchant.schema.recipe import Recipe
from penchant.serving.app import create_app
from penchant.serving.engine import BundleEngine
from penchant.serving.protocol import RecommendationRequest
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore
from penchant.training.trainer import fit_network

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
RECIPES = {"ml-100k": "movielens-100k", "ml-1m": "movielens-1m", "kuairand": "kuairand"}
DRAWS, TOP, KEPT, ITEMS = 10, 3, 5, 10
LONGEST = 100
"""Events of a visit."""
LEAST = 10
"""Events of a user who is asked for."""
HISTORIES = (5, 10, 20, 50)
BOOTSTRAP = 2000

Row = dict[str, Any]
Floats = NDArray[np.float64]


def with_settings(model: NetworkRecommender, **settings: Any) -> NetworkRecommender:
    """The same model, which explains otherwise."""
    serving = model.recipe.serving
    own = serving.model_copy(update={"explanations": serving.explanations.model_copy(update=settings)})
    model.recipe = model.recipe_ = model.recipe.model_copy(update={"serving": own})
    return model


def fitted(arguments: argparse.Namespace) -> NetworkRecommender:
    """The network that is explained."""
    if arguments.bundle:
        return read_network(arguments.bundle)
    text = files("penchant.cli").joinpath("recipes", f"{RECIPES[arguments.data]}.toml").read_text(encoding="utf8")
    recipe = Recipe.parse(text, directory=arguments.folder or DATA / arguments.data)
    if arguments.quick:
        recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": 1})})
    data = Dataset.read(recipe)
    if arguments.data == "kuairand":
        train = data.split_by_time("2022-05-04", "2022-05-05")[0]
    else:
        train = data.split_last(valid=0.1, test=0.1)[0]
    return fit_network(recipe, train)


class Visitors:
    """Visits over HTTP of users of the log, as nobody that the service knows.

    Args:
        model: What answers.
        client: How it is asked.
    """

    def __init__(self, model: NetworkRecommender, client: TestClient) -> None:
        self.model, self.client, log = model, client, model.log_
        events = model.recipe.serving.events
        self._names = {column: name for name, means in events.items() for column, meaning in means.items() if meaning == "value"}
        self._told = [(name, {column: value for column, value in means.items() if value != "value"}) for name, means in events.items()]
        counts = np.diff(log.history_offsets)
        self.users = np.flatnonzero(counts >= LEAST)
        self._columns = sorted(
            {column for part in model.recipe.features.context.items() for column in part[1].asks(part[0])} & log.columns.keys()
        )

    def visit(self, user: int) -> tuple[list[Row], Row]:
        """The newest events of a user as those of a visit, and the rest of what they ask with."""
        log = self.model.log_
        rows = log.history_rows[log.history_offsets[user] : log.history_offsets[user + 1]][-LONGEST:]
        events = [self._event(int(row)) for row in rows]
        profile = {
            name: _plain(value) for name, value in log.users.row(user, named=True).items() if name != "user_id" and value is not None
        }
        last = int(rows[-1])
        context = {name: _plain(log.columns[name].take(slice(last, last + 1))[0]) for name in self._columns}
        named = self.model.recipe.scenario.named
        scenario = {name: _plain(log.columns[name].take(slice(last, last + 1))[0]) for name in named}
        context |= {name: value for name, value in scenario.items() if value is not None}
        context = {name: value for name, value in context.items() if value is not None} | {"timestamp": float(log.time[last]) + 60}
        return events, {"context": context, "profile": profile, "user_id": f"visitor of {user}"}

    def _event(self, row: int) -> Row:
        log = self.model.log_
        told: Row = {"item_id": log.items["item_id"][int(log.item[row])], "timestamp": float(log.time[row])}
        for column, name in self._names.items():
            if column in log.columns:
                value = log.columns[column].take(slice(row, row + 1))[0]
                return told if value is None else told | {"event": name, "value": float(value)}
        fitting = [
            (len(means), name)
            for name, means in self._told
            if means and all(c in log.columns and log.columns[c].take(slice(row, row + 1))[0] == v for c, v in means.items())
        ]
        return told | ({"event": max(fitting)[1]} if fitting else {})

    def first(self, events: Sequence[Row], asked: Row) -> Row | None:
        """The first item of the list for a visit, with its reasons."""
        found = self._post("recommendations", {**asked, "session": {"events": list(events)}, "n": 1, "explain": True})
        return found["items"][0] if found["items"] else None

    def score(self, item: str, events: Sequence[Row], asked: Row) -> float:
        """An item's score after these events."""
        found = self._post("rank", {**asked, "session": {"events": list(events)}, "items": [item]})
        return float(found["items"][0]["score"])

    def _post(self, what: str, body: Row) -> Row:
        answer = self.client.post(f"/v1/{what}", json=body)
        answer.raise_for_status()
        told: Row = answer.json()
        if told["degraded"]:
            raise RuntimeError(f"a degraded answer ({told['reason']}): nothing can be said of it")
        return told


def _plain(value: Any) -> Any:
    return value.to_list() if hasattr(value, "to_list") else value.item() if hasattr(value, "item") else value


def faithfulness(visitors: Visitors, pairs: int, random: np.random.Generator) -> tuple[dict[str, Any], int]:
    """What is found of each measure, and of how many visitors."""
    found: list[Row] = []
    for user in random.permutation(visitors.users).tolist():
        if len(found) >= pairs:
            break
        events, asked = visitors.visit(user)
        item = visitors.first(events, asked)
        if item is not None and (row := _held(visitors, events, asked, item, random)) is not None:
            found.append(row)
    table = {name: np.array([row[name] for row in found]) for name in found[0]}
    draws = random.integers(len(found), size=(BOOTSTRAP, len(found)))
    return {
        "equal signs": _interval(table["agrees"], draws),
        "largest difference": float(table["off"].max()),
        "top 3 against random 3": _interval(table["deletion"], draws),
        "kept with top 5": _ratio(table["kept"], table["gap"], draws),
        "visitors with 80 % kept": float((table["kept"] >= 0.8 * table["gap"]).mean()),
    }, len(found)


def _held(visitors: Visitors, events: list[Row], asked: Row, item: Row, random: np.random.Generator) -> Row | None:
    """The measures of one visitor; None where fewer than three events raised the score, or one happened twice at a time."""
    places = {(event["item_id"], event["timestamp"]): place for place, event in enumerate(events)}
    if len(places) < len(events):
        return None  # an event that happened twice at a time cannot be told from itself
    causes = [reason for reason in item["reasons"] if reason["kind"] == "history" and (reason["name"], reason["time"]) in places]
    order = [(places[reason["name"], reason["time"]], reason["effect"]) for reason in causes]
    raised = [place for place, effect in order if effect > 0]
    if len(raised) < TOP:
        return None

    def score(keep: Sequence[int]) -> float:
        return visitors.score(item["item_id"], [events[place] for place in sorted(keep)], asked)

    every = range(len(events))
    whole, none = score(every), score([])
    side = 1.0 if whole >= none else -1.0
    strongest, effect = order[0]
    fell = whole - score([place for place in every if place != strongest])
    drawn = [whole - score(sorted({*every} - {*random.choice(len(events), TOP, replace=False).tolist()})) for _ in range(DRAWS)]
    return {
        "agrees": float(np.sign(fell) == np.sign(effect)),
        "off": abs(fell - effect),
        "deletion": whole - score(sorted({*every} - {*raised[:TOP]})) - float(np.mean(drawn)),
        "kept": side * (score([place for place, effect in order if side * effect > 0][:KEPT]) - none),
        "gap": abs(whole - none),
    }


def _interval(values: Floats, draws: NDArray[np.int64]) -> dict[str, float]:
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return {"value": float(values.mean()), "low": float(low), "high": float(high)}


def _ratio(above: Floats, below: Floats, draws: NDArray[np.int64]) -> dict[str, float]:
    low, high = np.quantile(above[draws].mean(axis=1) / below[draws].mean(axis=1), [0.025, 0.975])
    return {"value": float(above.mean() / below.mean()), "low": float(low), "high": float(high)}


def costs(model: NetworkRecommender, users: Sequence[str], turns: int) -> dict[str, dict[str, float]]:
    """Milliseconds without reasons, and what they add, by how many events are told one by one; the median over users."""
    found = {}
    for history in HISTORIES:
        engine = BundleEngine(with_settings(model, history=history, share=0.05), "1")
        spent: dict[bool, list[list[float]]] = {False: [], True: []}
        for turn in range(turns + 1):  # the first fills what is kept between requests
            for explain, times in spent.items():
                times.append([_spent(engine, user, explain) for user in users] if turn or explain else [0.0] * len(users))
        without, told = (np.median(np.array(spent[explain])[1:], axis=0) for explain in (False, True))
        found[str(history)] = {"without": float(np.median(without)), "added": float(np.median(told - without))}
    return found


def _spent(engine: BundleEngine, user: str, explain: bool) -> float:
    begun = time.perf_counter()
    engine.recommend(RecommendationRequest(user_id=user, n=ITEMS, explain=explain))
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--data", choices=RECIPES, default="ml-100k")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--pairs", type=int)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    torch.set_num_threads(arguments.threads)
    logging.basicConfig(level=logging.ERROR, stream=sys.stderr)
    model = fitted(arguments)
    random = np.random.default_rng(0)
    pairs = arguments.pairs or (15 if arguments.quick else 200)
    told: dict[str, Any] = {"data": arguments.data, "quick": arguments.quick, "faithfulness": {}}
    for history in (10, LONGEST):
        engine = BundleEngine(with_settings(model, history=history, share=0.0), "1")
        with tempfile.TemporaryDirectory() as folder:
            database = Database(Path(folder) / "penchant.db")
            app = create_app(engine, SQLiteEventLog(database), SQLiteRecordStore(database), None)
            with TestClient(app) as client:
                while client.get("/health/ready").status_code != 200:
                    time.sleep(0.05)
                found, visitors = faithfulness(Visitors(model, client), pairs, np.random.default_rng(0))
        told["faithfulness"][str(history)] = {"visitors": visitors, **found}
        print(f"{arguments.data}, {visitors} visitors, the newest {history} events one by one")
        for name, value in found.items():
            print(f"  {name:<26} {_written(value)}")
    users = [
        model.log_.users["user_id"][int(row)] for row in random.choice(len(model.log_.users), 10 if arguments.quick else 50, replace=False)
    ]
    told["milliseconds"] = costs(model, users, 1 if arguments.quick else 5)
    for name, row in told["milliseconds"].items():
        print(f"  milliseconds, history {name:>3}: {row['without']:6.2f} without, {row['added']:6.2f} added")
    if arguments.json:
        print(json.dumps(told))


def _written(value: Any) -> str:
    return f"{value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f})" if isinstance(value, dict) else f"{value:.2g}"


if __name__ == "__main__":
    main()
