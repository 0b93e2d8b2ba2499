"""Serves films in a process of its own: `python film_server.py DIRECTORY`; prints where and how to come in."""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from film_engine import FilmEngine

from penchant.console import Playground
from penchant.serving.models import Bundles
from penchant.serving.server import Started, run
from penchant.storage.bundles import Bundle, BundleStore, Metadata

VERSIONS = (
    {"next.ndcg@10": 0.1874, "watch.auc": 0.7011, "like.grouped_auc": 0.6502},
    {"next.ndcg@10": 0.1932, "watch.auc": 0.7120, "like.grouped_auc": 0.6611},
    {"next.ndcg@10": 0.2011, "watch.auc": 0.7203, "stars.rmse": 0.9312},
    {"next.ndcg@10": 0.2140, "watch.auc": 0.7251, "stars.rmse": 0.9120},
    {"next.ndcg@10": 0.2160, "watch.auc": 0.7260},
)
"""What each version's training measured; the last gives every film the same score."""


def tell(started: Started) -> None:
    """One line of JSON on the standard output."""
    print(json.dumps(asdict(started)), flush=True)


def load(bundle: Bundle) -> FilmEngine:
    """Slow enough to be seen."""
    time.sleep(0.4)
    return FilmEngine(bundle.version, constant=bundle.version == str(len(VERSIONS)))


def made(folder: Path) -> BundleStore:
    """All versions, the third of them the champion after the second."""
    store = BundleStore(folder)
    for metrics in VERSIONS:
        store.create(lambda place: (place / "model.json").write_text("{}") and None, Metadata(metrics=dict(metrics)))
    store.promote("champion", "2", "train")
    store.promote("champion", "3", "train")
    return store


if __name__ == "__main__":
    bundles = Bundles(made(Path(sys.argv[1]) / "bundles"), load)
    run(sys.argv[1], FilmEngine(), port=0, console=Playground(), announce=tell, bundles=bundles)
