"""What judging costs: from scores of every user and item to lists, and from lists to every metric, beside ranx and RecBole.

    python benchmarks/evaluation.py [--quick] [--json] [--users USERS] [--items ITEMS] [--peers FOLDER]

Five metrics at 5, 10 and 20 for 6,040 users × 3,706 items whose scores are drawn; ten relevant items per user. ranx and RecBole are
measured in the virtual environments `ranx` and `recbole` of the folder that --peers names, ranx after its compilation and with its
building of runs apart; each must give the same numbers, or the program ends with 1. The last line is one JSON object with --json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from penchant.evaluation.metrics.hits import find_hits
from penchant.studies.lists import LIST_METRICS

QUICK_USERS, USERS, ITEMS, RELEVANT, LONGEST = 1_000, 6_040, 3_706, 10, 20
CUTOFFS = (5, 10, 20)
REPEATS = 5

RANX = """
import sys, json, time, numpy as np, ranx
found, user, item = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("found", "user", "item"))
names = [f"{name}@{k}" for k in (5, 10, 20) for name in ("ndcg", "recall", "hit_rate", "mrr", "map")]
def build():
    relevant = {}
    for u, i in zip(user.tolist(), item.tolist()):
        relevant.setdefault(f"u{u}", {})[f"i{i}"] = 1
    run = {f"u{u}": {f"i{i}": 1 / (rank + 1) for rank, i in enumerate(row)} for u, row in enumerate(found.tolist())}
    return ranx.Qrels(relevant), ranx.Run(run)
ranx.evaluate(*build(), names)
cpu = time.process_time(); begun = time.perf_counter(); qrels, run = build(); built = time.perf_counter()
values = ranx.evaluate(qrels, run, names); ended = time.perf_counter()
told = {"cpu": time.process_time() - cpu, "build": built - begun, "metrics": ended - built}
print(json.dumps(told | {"values": {k: float(v) for k, v in values.items()}}))
"""

RECBOLE = """
import sys, json, time, os
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"
import numpy as np
old = {"float_": np.float64, "unicode_": np.str_, "bool8": np.bool_, "complex_": np.complex128, "object0": object}
for name, kind in (old | {"float": float, "int": int, "bool": bool, "object": object}).items():
    if name not in np.__dict__: setattr(np, name, kind)
import torch
from recbole.evaluator import metrics as theirs
from recbole.evaluator.collector import DataStruct
found, user, item = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("found", "user", "item"))
relevant = np.zeros((len(found), max(found.max(), item.max()) + 1), dtype=bool)
relevant[user, item] = True
class Told(dict):
    def __getitem__(self, name): return self.get(name)
config = Told(topk=[5, 10, 20], metric_decimal_place=9)
def once():
    rows = np.take_along_axis(relevant, found, axis=1)
    struct = DataStruct(); struct.set("rec.topk", torch.tensor(np.c_[rows, relevant.sum(1)]))
    return {k: v for name in ("NDCG", "Recall") for k, v in getattr(theirs, name)(config).calculate_metric(struct).items()}
once(); cpu = time.process_time(); begun = time.perf_counter(); values = once(); ended = time.perf_counter()
print(json.dumps({"cpu": time.process_time() - cpu, "metrics": ended - begun, "values": {k: float(v) for k, v in values.items()}}))
"""
PEERS = {"ranx": RANX, "recbole": RECBOLE}

Row = dict[str, Any]


def seconds(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """The fastest of some runs by the clock and in CPU seconds, and what the last returned."""
    spent: list[tuple[float, float]] = []
    result = None
    for _ in range(REPEATS):
        begun, busy = time.perf_counter(), time.process_time()
        result = work()
        spent.append((time.perf_counter() - begun, time.process_time() - busy))
    clock, cpu = (min(each) for each in zip(*spent, strict=True))
    return clock, cpu, result


def ours(scores: np.ndarray, user: np.ndarray, item: np.ndarray) -> tuple[list[Row], np.ndarray, dict[str, float]]:
    """Lists, then metrics; the lists and the means."""

    def lists() -> np.ndarray:
        blocks = [torch.from_numpy(block).topk(LONGEST + 1, dim=1) for block in np.array_split(scores, 6)]
        return np.concatenate([block.indices.numpy() for block in blocks])[:, :LONGEST]

    def metrics(found: np.ndarray) -> dict[str, float]:
        hits, relevant = find_hits(found, user, item)
        return {f"{name}@{k}": float(metric(hits, relevant, k).mean()) for k in CUTOFFS for name, metric in LIST_METRICS.items()}

    listing, listing_cpu, found = seconds(lists)
    measuring, cpu, values = seconds(lambda: metrics(found))
    return (
        [
            {
                "who": "penchant",
                "lists": listing,
                "build": 0.0,
                "metrics": measuring,
                "of": len(values),
                "lists_cpu": listing_cpu,
                "cpu": cpu,
            }
        ],
        found,
        values,
    )


def peer(name: str, folder: Path, peers: str | None, values: dict[str, float]) -> Row:
    """One peer on the same lists, and how far its numbers lie from ours."""
    python = Path(peers or "", name, "bin", "python")
    if not peers or not python.exists():
        return {"who": name, "failed": f"not measured: no environment '{name}' in --peers"}
    ran = subprocess.run([str(python.absolute()), "-c", PEERS[name], str(folder)], capture_output=True, text=True, check=False)
    if ran.returncode:
        return {"who": name, "failed": ran.stderr.strip().splitlines()[-1]}
    told = json.loads(ran.stdout.splitlines()[-1])
    gap = max(abs(values[metric] - value) for metric, value in told["values"].items())
    return {
        "who": name,
        "build": told.get("build", 0.0),
        "metrics": told["metrics"],
        "cpu": told["cpu"],
        "of": len(told["values"]),
        "gap": gap,
    }


def show(row: Row) -> None:
    """One row for people."""
    if "failed" in row:
        print(f"{row['who']:9} {row['failed']}", flush=True)
        return
    lists = f"lists {row['lists'] * 1e3:6.1f} ms ({row['lists_cpu'] * 1e3:.1f} CPU)  " if "lists" in row else ""
    build = f"building {row['build'] * 1e3:6.1f} ms  " if row["build"] else ""
    gap = f"  furthest from ours {row['gap']:.1e}" if "gap" in row else ""
    print(
        f"{row['who']:9} {lists}{build}{row['of']} metrics {row['metrics'] * 1e3:6.1f} ms ({row['cpu'] * 1e3:.1f} CPU in all){gap}",
        flush=True,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer users: a few seconds")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--users", type=int, help=f"how many; {USERS:,} when absent")
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--peers", help="a folder with virtual environments named ranx and recbole")
    asked = parser.parse_args()
    users = asked.users or (QUICK_USERS if asked.quick else USERS)
    random = np.random.default_rng(0)
    scores = random.random((users, asked.items), dtype=np.float32)
    user, item = np.repeat(np.arange(users), RELEVANT), (scores + random.random(scores.shape, dtype=np.float32)).argpartition(-RELEVANT)
    item = item[:, -RELEVANT:].ravel()
    rows, found, values = ours(scores, user, item)
    with tempfile.TemporaryDirectory(prefix="evaluation-") as folder:
        for name, array in (("found", found), ("user", user), ("item", item)):
            np.save(Path(folder, f"{name}.npy"), array)
        show(rows[0])
        for name in PEERS:
            rows.append(peer(name, Path(folder), asked.peers, values))
            show(rows[-1])
    if asked.json:
        told = {"benchmark": "evaluation", "quick": asked.quick, "users": users, "items": asked.items, "cores": os.cpu_count()}
        print(json.dumps(told | {"load": round(os.getloadavg()[0], 1), "rows": rows}))
    broken = [row for row in rows if row.get("gap", 0) > 1e-6 or ("failed" in row and not row["failed"].startswith("not measured"))]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
