"""Packing at size: seconds and peak memory beside a bare polars read-sort-write of the same files, then training from what was packed.

Events are generated (Zipf-like users, items and texts; 10 columns) and lie as one Parquet file per million. Every step runs in a process
of its own with two threads, one after the other.

    python benchmarks/packing.py [--quick] [--json] [--events N]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

FILE = 1_000_000
TRAINING_SECONDS = {True: 3.0, False: 30.0}
"""By whether there are few events."""
RECIPE = """
[data.events]
path = "never-read"
[features]
context.device = { kind = "category" }
context.hour = { kind = "time", column = "timestamp" }
context.price = { kind = "number", logarithm = true }
[history]
length = 50
columns.event = { kind = "category" }
columns.rating = { kind = "number" }
[split]
valid = 0.001
test = 0.001
[tasks.next]
kind = "next_item"
[tasks.buy]
kind = "binary"
label = "event == 'event 3'"
[network]
width = 16
[training]
epochs = 1
"""
COLUMNS = ["event", "device", "page", "query", "rating", "price", "dwell"]


def generate(folder: Path, events: int) -> None:
    """Files in order of time, one day each, and a last day of a hundredth of the events in `day.parquet`."""
    starts = range(0, events, FILE)
    for number, start in enumerate(starts):
        frame_of(number, min(FILE, events - start), events).write_parquet(folder / f"events-{number:04}.parquet")
    frame_of(len(starts), max(events // 100, 1), events).write_parquet(folder / "day.parquet")


def frame_of(day: int, rows: int, events: int) -> pl.DataFrame:
    random = np.random.default_rng((0, day))

    def text(name: str, values: int, exponent: float) -> pl.Series:
        weights = np.cumsum(1 / np.arange(1, values + 1) ** exponent)
        codes = np.searchsorted(weights / weights[-1], random.random(rows)).clip(0, values - 1)
        return pl.Series([f"{name}{value}" for value in range(values)]).gather(codes)

    return pl.DataFrame(
        {
            "user_id": text("u", max(events // 25, 10), 0.8),
            "item_id": text("i", max(events // 100, 10), 1.0),
            "timestamp": 1.6e9 + 86_400.0 * day + random.integers(0, 86_400, rows),
            "event": text("event ", 5, 1.0),
            "device": text("device ", 12, 1.0),
            "page": text("page/", 200, 1.0),
            "query": text("words of query ", max(events // 200, 10), 1.0),
            "rating": random.random(rows, dtype=np.float32) * 5,
            "price": np.round(random.lognormal(3, 1, rows), 2),
            "dwell": random.geometric(0.01, rows),
        }
    )


def bare_polars(folder: Path) -> dict[str, Any]:
    frame = pl.read_parquet(folder / "events-*.parquet").sort("user_id", "timestamp")
    frame.write_parquet(folder / "sorted.parquet")
    return {"events": len(frame)}


def packing(folder: Path) -> dict[str, Any]:
    from penchant.data.pack import pack

    done = pack(folder / "log", pl.scan_parquet(folder / "events-*.parquet"), COLUMNS)
    return {"duplicates": sum(action.rows for action in done)}


def training(folder: Path) -> dict[str, Any]:
    import torch

    from penchant.data.dataset import Dataset
    from penchant.schema.recipe import Recipe
    from penchant.training.trainer import NetworkTrainer, fit_network

    torch.set_num_threads(1)  # a second one waits on whatever else runs
    recipe = Recipe.parse(RECIPE + f"seconds = {TRAINING_SECONDS[len(list(folder.glob('events-*'))) == 1]}\n")
    train, valid, _ = Dataset.open(recipe, folder / "log").split()
    trainer = fit_network(recipe, train, valid).trainer
    assert isinstance(trainer, NetworkTrainer)
    return {"steps": trainer.progress.step if trainer.progress else 0}


def appending(folder: Path) -> dict[str, Any]:
    from penchant.data.pack import append

    append(folder / "log", pl.scan_parquet(folder / "day.parquet"))
    return {}


def gathering(folder: Path) -> dict[str, Any]:
    """Histories of 256 users at a time, as an epoch reads them."""
    from penchant.data.log import Log

    log, random = Log.open(folder / "log"), np.random.default_rng(0)
    rows = np.sort(random.integers(0, len(log), (500, 256 * 50)), axis=1)
    assert len(log.history_rows)  # worked out before the clock starts
    begin = time.perf_counter()
    for batch in rows:
        events = log.history_rows[batch]
        log.item[events], log.time[events], log.columns["event"].data[events]
    return {"microseconds_per_batch": round((time.perf_counter() - begin) / len(rows) * 1e6)}


STEPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "bare polars": bare_polars,
    "pack": packing,
    "gather": gathering,
    "train": training,
    "append": appending,
    "gather of two segments": gathering,
}


def measured(step: str, folder: Path) -> dict[str, Any]:
    """What a step says of itself, with its seconds (imports left out) and the peak memory of its process."""
    told = subprocess.run(
        [sys.executable, __file__, "--step", step, "--folder", str(folder)],
        env=os.environ | {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def run(step: str, folder: Path) -> None:
    begin = time.perf_counter()
    told = STEPS[step](folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": round(time.perf_counter() - begin, 2), "peak_gib": round(peak, 2)} | told))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1 million events, 3 seconds of training")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--events", type=int, help="how many (20 million)")
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step:
        run(asked.step, asked.folder)
        return 0
    events = asked.events or (1_000_000 if asked.quick else 20_000_000)
    with tempfile.TemporaryDirectory() as name:
        generate(Path(name), events)
        found: dict[str, Any] = {"events": events}
        for step in STEPS:
            found[step] = measured(step, Path(name))
            if not asked.json:
                print(f"{step:24}", "  ".join(f"{what.replace('_', ' ')} {value}" for what, value in found[step].items()), flush=True)
    found["speed_beside_polars"] = round(found["bare polars"]["seconds"] / found["pack"]["seconds"], 2)
    print(json.dumps(found) if asked.json else f"pack runs at {found['speed_beside_polars']} times the speed of bare polars")
    return 0


if __name__ == "__main__":
    sys.exit(main())
