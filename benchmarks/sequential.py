"""SASRec beside RecTools and RecBole on MovieLens-1M: seconds an epoch, and NDCG@10 after so many seconds of training.

Everybody learns from all but each user's last film, in a process of its own with as many threads, and names ten films for each user out
of all that the user has not had; the lists are judged here, by the same code. An epoch of ours asks for every film once, RecTools' for
the last 200 of each user, RecBole's for every film from a history of its own. Where an epoch takes longer than the time given, it is
reckoned from the part that was done.

    python benchmarks/sequential.py [--quick] [--json] [--seconds S] [--data FOLDER] [--peers FOLDER]

FOLDER holds virtual environments named rectools and recbole; without it only ours is measured. `--quick`: 600 users, a few seconds.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from studies.sequences import dataset_of, lines_of

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.models.queries import Queries
from penchant.models.sequential.sasrec import NextEvent, SASRec

HERE = Path(__file__).resolve().parent
PEERS = ("rectools", "recbole")
LENGTH, WIDTH, LAYERS, HEADS, DROPOUT = 200, 64, 2, 2, 0.2
"""Alike for all."""
FULL, QUICK = 300.0, 6.0
QUICK_USERS = 600
SLACK = 900  # seconds beyond training after which a peer is given up

Measured = dict[str, Any]


def parts(folder: Path, users: int | None) -> tuple[Dataset, Dataset]:
    """All but the last film of each user, and the last."""
    before, last = (lines_of((folder / "test" / f"{name}.txt").read_text(encoding="utf8"))[:users] for name in ("input", "output"))
    data, from_end = dataset_of([*some, *one] for some, one in zip(before, last, strict=True))
    return data.part(np.flatnonzero(from_end > 1)), data.part(np.flatnonzero(from_end == 1))


def quality(found: NDArray[np.integer], test: Dataset) -> float:
    """Mean NDCG@10 of lists of item rows, a line per user in the order of user rows."""
    hits, relevant = find_hits(found, test.log.user[test.rows], test.log.item[test.rows])
    return float(ndcg(hits, relevant, 10).mean())


def ours(train: Dataset, test: Dataset, seconds: float) -> Measured:
    """One epoch to know what it takes, then as many as fit, so that the learning rate falls in the time given."""
    given = {"length": LENGTH, "width": WIDTH, "layers": LAYERS, "heads": HEADS, "dropout": DROPOUT}
    model = SASRec(**given, epochs=1, seconds=seconds).fit(train)
    epoch = model.progress_.seconds / model.progress_.step * len(NextEvent(model, train).epoch(0))
    processor = time.process_time()
    model = SASRec(**given, epochs=max(1, round(seconds / epoch)), seconds=seconds).fit(train)
    told = {"epoch_seconds": epoch, "epochs": model.progress_.seconds / epoch, "seconds": model.progress_.seconds}
    told["cpu_seconds"] = time.process_time() - processor
    found, _ = model.top(Queries.first_of_each_user(test), 10)
    return told | {"ndcg@10": quality(found, test)}


def peer(name: str, environments: Path, train: Dataset, test: Dataset, seconds: float) -> Measured:
    """A peer in its own environment, told the events as arrays and asked for lists."""
    with tempfile.TemporaryDirectory(prefix="sequential-") as folder:
        log, rows = train.log, train.rows
        np.save(Path(folder, "events.npy"), np.stack([log.user[rows], log.item[rows], log.time[rows].astype(np.int64)], axis=1))
        settings = {"seconds": seconds, "length": LENGTH, "width": WIDTH, "layers": LAYERS, "heads": HEADS, "dropout": DROPOUT}
        Path(folder, "settings.json").write_text(json.dumps(settings), encoding="utf8")
        python, script = environments / name / "bin" / "python", HERE / "peers" / f"{name}_sasrec.py"
        environment = {**os.environ, "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"} | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
        environment.pop("PYTHONPATH", None)
        try:
            done = subprocess.run(
                [python.absolute(), script, folder],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds * 3 + SLACK,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"failed": f"not done {SLACK} s after training should have ended"}
        if done.returncode:
            return {"failed": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else f"exit {done.returncode}"}
        return json.loads(Path(folder, "told.json").read_text()) | {"ndcg@10": quality(np.load(Path(folder, "lists.npy")), test)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="600 users, a few seconds of training")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--seconds", type=float, help=f"of training; {FULL:g} when absent")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data", help="the folder that holds the data sets")
    parser.add_argument("--peers", type=Path, help="a folder with virtual environments named rectools and recbole")
    asked = parser.parse_args()
    seconds = asked.seconds or (QUICK if asked.quick else FULL)
    folder = asked.data / "ml-1m-gsasrec"
    if not folder.is_dir():
        print(f"skipped: no {folder}; name the data with --data")
        return 0
    train, test = parts(folder, QUICK_USERS if asked.quick else None)
    rows: dict[str, Measured] = {"penchant": told("penchant", ours(train, test, seconds))}
    for name in PEERS:
        there = asked.peers is not None and (asked.peers / name / "bin" / "python").exists()
        row = peer(name, asked.peers, train, test, seconds) if there else {"failed": f"not measured: no environment '{name}' in --peers"}
        rows[name] = told(name, row)
    if asked.json:
        machine = {"cores": os.cpu_count(), "threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1)}
        print(json.dumps({"benchmark": "sequential", "quick": asked.quick, "events": len(train), **machine, "rows": rows}))
    return 1 if any("failed" in row and not row["failed"].startswith("not measured") for row in rows.values()) else 0


def told(name: str, row: Measured) -> Measured:
    """The row, printed as it comes."""
    if "failed" in row:
        print(f"{name:9} {row['failed']}", flush=True)
    else:
        print(
            f"{name:9} epoch {row['epoch_seconds']:8.1f} s   {row['epochs']:6.2f} epochs in {row['seconds']:6.1f} s "
            f"({row['cpu_seconds']:.0f} CPU)   NDCG@10 {row['ndcg@10']:.4f}",
            flush=True,
        )
    return {key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()}


if __name__ == "__main__":
    sys.exit(main())
