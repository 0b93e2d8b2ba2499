"""What candidate sources change: how much of what users went on to choose is among the candidates, and how good the lists are then.

One network is fitted once on each split, for few epochs, with an item-KNN and an EASE beside it; then the same users are asked under
several arrangements of retrieval and sources. Wanted are the test part's events (KuaiRand: its clicks), one query per user.

    python benchmarks/sources.py [--split NAME] [--epochs N] [--users N] [--quick] [--json] [--data FOLDER]

`--quick`: one epoch and 100 users, under a minute; the lists are worth little then.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from studies.study import BOOTSTRAP, text_of

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.models.candidate_source import CandidateSource, each_once
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.queries import Queries
from penchant.schema.recipe import Recipe
from penchant.studies.fit import fit

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
AT_ONCE = 8  # queries: a whole catalogue is ranked for each
SOURCES = """
[serving.sources.neighbours]
kind = "item_knn"
recency = 0.8

[serving.sources.linear]
kind = "ease"
"""
CLICKED = '[tasks.next]\nkind = "next_item"\npositive_where = "is_click == 1"\nweight = 1.0\n\n'

SPLITS: dict[str, tuple[str, str, Callable[[str], str]]] = {
    "ml-100k": ("movielens-100k", "ml-100k", lambda text: text.replace("[serving]\n", "[serving]\nrank_by = { next = 1.0, like = 1.0 }\n")),
    "kuairand": ("kuairand", "kuairand", lambda text: text.replace("[tasks.click]\n", f"{CLICKED}[tasks.click]\n")),
}
"""Ready recipe, folder of data, and what is changed: both retrieve, and neither ranks by retrieval alone."""

ARRANGEMENTS: dict[str, tuple[int, int]] = {
    "retrieval 200": (200, 0), "retrieval 100, sources 50 each": (100, 50), "retrieval 200, sources 100 each": (200, 100),
    "retrieval 400": (400, 0), "sources 100 each": (0, 100), "whole catalogue": (1_000_000, 0),
}  # fmt: skip


def fitted(split: str, data: Path, epochs: int) -> tuple[NetworkRecommender, Dataset]:
    """The network with its sources, and the test part."""
    name, folder, changed = SPLITS[split]
    recipe = Recipe.parse(changed(text_of(name)) + SOURCES, data / folder, name)
    recipe = recipe.model_copy(update={"training": recipe.training.model_copy(update={"epochs": epochs})})
    train, valid, test = Dataset.read(recipe).split()
    model = fit(recipe, train, valid)
    assert isinstance(model, NetworkRecommender)
    return model, test


def arranged(model: NetworkRecommender, queries: Queries, retrieved: int, proposed: int, k: int = 10) -> tuple[Any, Any]:
    """Candidates `[queries, n]` and the best k of them."""
    encoding = model.encode(model.batch_of(queries))
    serving = model.recipe.serving.model_copy(update={"candidates": min(retrieved, len(model.items))})
    model.recipe = model.recipe.model_copy(update={"serving": serving})
    seen = serving.exclude_seen
    parts = [model._retrieved(encoding, queries, k, seen, None)] if retrieved else []
    if proposed:
        parts += [CandidateSource(source.model, proposed).best(queries, seen, None) for source in model.sources.values()]
    candidates = each_once(parts)
    return candidates, model._ranked(encoding, queries, candidates, k)[0]


def measure(model: NetworkRecommender, test: Dataset, users: int, retrieved: int, proposed: int) -> dict[str, Any]:
    """Recall of the candidates, NDCG@10 of the lists, candidates and milliseconds per query."""
    positives = test.part(test.positives)
    queries = Queries.first_of_each_user(positives)
    queries = queries.take(np.linspace(0, len(queries) - 1, min(users, len(queries))).astype(int))
    kept = np.isin(test.log.user[positives.rows], queries.user)
    query, item = np.searchsorted(queries.user, test.log.user[positives.rows][kept]), test.log.item[positives.rows][kept]
    found, lists, count, began = [], [], 0, time.perf_counter()
    for place, block in enumerate(queries.blocks(AT_ONCE)):
        candidates, best = arranged(model, block, retrieved, proposed)
        inside = np.zeros((len(block), len(model.items) + 1), dtype=bool)
        np.put_along_axis(inside, candidates, True, axis=1)
        own = (query >= place * AT_ONCE) & (query < place * AT_ONCE + len(block))
        found.append(inside[query[own] - place * AT_ONCE, item[own]])
        lists.append(best)
        count += int((candidates >= 0).sum())
    seconds = time.perf_counter() - began
    order = np.argsort(query // AT_ONCE, kind="stable")
    recall = np.bincount(query[order], weights=np.concatenate(found)) / np.bincount(query)
    hits, relevant = find_hits(np.concatenate(lists), query, item)
    values = {"candidate_recall": recall, "ndcg@10": ndcg(hits, relevant, 10)}
    told = {name: [round(getattr(BOOTSTRAP.mean(value), edge), 4) for edge in ("value", "low", "high")] for name, value in values.items()}
    return told | {
        "candidates": round(count / len(queries), 1),
        "ms_per_query": round(seconds / len(queries) * 1e3, 2),
        "users": len(queries),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=SPLITS, default="ml-100k")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--quick", action="store_true", help="one epoch, 100 users")
    parser.add_argument("--data", type=Path, default=DATA)
    asked = parser.parse_args()
    epochs, users = (1, 100) if asked.quick else (asked.epochs, asked.users)
    model, test = fitted(asked.split, asked.data, epochs)
    rows = {}
    for name, (retrieved, proposed) in ARRANGEMENTS.items():
        rows[name] = measure(model, test, users, retrieved, proposed)
        print(f"{name:34} {'  '.join(f'{key} {value}' for key, value in rows[name].items())}", flush=True)
    if asked.json:
        print(json.dumps({"benchmark": "sources", "split": asked.split, "epochs": epochs, "arrangements": rows}))


if __name__ == "__main__":
    main()
