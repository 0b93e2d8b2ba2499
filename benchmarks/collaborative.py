"""Neighbours and factors beside other libraries: python benchmarks/collaborative.py [--quick] [--json] [--peers DIR].

MovieLens-1M, each user's last 10 % of events as the test part. ALS and item-KNN are fitted on the rest, then the best 10 unseen films are
listed for every user; data are in memory and libraries imported when the clock starts. One process and `--threads` threads each, one
after another. `--peers` names a folder with virtual environments `implicit`, `lenskit` and `rectools`, each with the library of its name.
Every library runs with as many factors or neighbours and otherwise with its own defaults; NDCG@10 of the lists stands beside the seconds.
`--quick` takes every fourth user.
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
import polars as pl
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.evaluation.metrics.hits import find_hits
from penchant.evaluation.metrics.ndcg import ndcg
from penchant.schema.recipe import Recipe

ROOT = Path(__file__).resolve().parents[1]
K = 10
FACTORS = 64
NEIGHBOURS = 100
QUICK_EVERY = 4
LONGEST = 600.0  # seconds
QUICK_LONGEST = 10.0
RECIPE = '[data.events]\npath = "ratings"\n[tasks.next]\nkind = "next_item"\n'

Row = dict[str, Any]

_OURS = f"""
import torch; torch.set_num_threads(threads)
from penchant.data.dataset import Dataset
from penchant.data.log import Log
from penchant.models.collaborative.{{module}} import {{name}} as Model
from penchant.models.queries import Queries
from penchant.schema.recipe import Recipe
data = Dataset(Recipe.parse({RECIPE!r}), Log.open(at / "log"), np.load(at / "train.npy"))
queries = Queries.first_of_each_user(data.part(np.load(at / "test.npy")))
model = Model({{settings}})
fit = lambda: model.fit(data)
top = lambda: model.top(queries, {K})[0]
"""
_MATRIX = """
from scipy.sparse import csr_matrix
user, item = np.load(at / "pairs.npy")
"""
_IMPLICIT = (
    _MATRIX
    + f"""
import threadpoolctl; threadpoolctl.threadpool_limits(1, "blas")  # as it asks for: its own threads are counted
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
matrix = csr_matrix((np.ones(len(user), dtype=np.float32), (user, item)))
model = {{model}}
fit = lambda: model.fit(matrix, show_progress=False)
top = lambda: model.recommend(np.arange(matrix.shape[0]), matrix, N={K})[0]
"""
)
_LENSKIT = (
    _MATRIX
    + f"""
import pandas
from lenskit.als import ImplicitMFScorer
from lenskit.batch import recommend
from lenskit.data import from_interactions_df
from lenskit.knn import ItemKNNScorer
from lenskit.pipeline import topn_pipeline
data = from_interactions_df(pandas.DataFrame(dict(user_id=user, item_id=item)))
pipeline = topn_pipeline({{model}}, n={K})
fit = lambda: pipeline.train(data)
def top():
    lists = recommend(pipeline, list(range(user.max() + 1)), {K}, n_jobs=threads)
    found = np.full((user.max() + 1, {K}), -1)
    for key, items in lists:
        found[key.user_id, : len(items)] = items.ids()
    return found
"""
)
_RECTOOLS = (
    _MATRIX
    + f"""
import threadpoolctl; threadpoolctl.threadpool_limits(1, "blas")
import pandas, rectools
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from rectools.dataset import Dataset
from rectools.models import ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel
frame = pandas.DataFrame(dict(user_id=user, item_id=item, weight=1.0, datetime=pandas.Timestamp("2000-01-01")))
data = Dataset.construct(frame)
model = {{model}}
fit = lambda: model.fit(data)
def top():
    table = model.recommend(np.arange(user.max() + 1), data, k={K}, filter_viewed=True)
    found = np.full((user.max() + 1, {K}), -1)
    found[table["user_id"], table["rank"] - 1] = table["item_id"]
    return found
"""
)
_OF_IMPLICIT = {
    "als": f"AlternatingLeastSquares(factors={FACTORS}, num_threads=threads, random_state=0)",
    "item_knn": f"CosineRecommender(K={NEIGHBOURS}, num_threads=threads)",
}
PROGRAMS: dict[str, dict[str, str]] = {
    "penchant": {
        "als": _OURS.format(module="als", name="ALS", settings=f"factors={FACTORS}"),
        "item_knn": _OURS.format(module="item_knn", name="ItemKNN", settings=f"neighbours={NEIGHBOURS}"),
    },
    "implicit": {kind: _IMPLICIT.format(model=model) for kind, model in _OF_IMPLICIT.items()},
    "lenskit": {
        "als": _LENSKIT.format(model=f"ImplicitMFScorer(embedding_size={FACTORS})"),
        "item_knn": _LENSKIT.format(model=f"ItemKNNScorer(max_nbrs={NEIGHBOURS}, feedback='implicit')"),
    },
    "rectools": {
        "als": _RECTOOLS.format(model=f"ImplicitALSWrapperModel({_OF_IMPLICIT['als']})"),
        "item_knn": _RECTOOLS.format(model=f"ImplicitItemKNNWrapperModel({_OF_IMPLICIT['item_knn']})"),
    },
}
"""Each library's program for each model: it sets `fit` and `top`, which gives item rows `[users, K]`, -1 where a list is shorter."""

_CLOCK = """
import json, sys, time, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("ignore")
at, threads = Path(sys.argv[1]), int(sys.argv[2])
{program}
begun, busy = time.perf_counter(), time.process_time()
fit()
fitted, fitted_busy = time.perf_counter(), time.process_time()
lists = top()
spent = {{"fit_s": fitted - begun, "top_s": time.perf_counter() - fitted}}
spent |= {{"fit_cpu_s": fitted_busy - busy, "top_cpu_s": time.process_time() - fitted_busy}}
np.save(at / "lists.npy", lists)
print(json.dumps({{name: round(value, 3) for name, value in spent.items()}}))
"""


def prepare(folder: Path, data: Path, every: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Write the log, the parts' rows and the training pairs; give the test pairs: user and item rows, each `[n]`."""
    rated = pl.read_parquet(data / "ml-1m" / "ratings_rebuilt.parquet").drop_nulls("chron_rank").filter(pl.col("userID") % every == 0)
    ids = [pl.col(name).cast(pl.String).str.zfill(5).alias(new) for name, new in (("userID", "user_id"), ("movieID", "item_id"))]
    events = rated.select(*ids, pl.col("chron_rank").cast(pl.Float64).alias("timestamp"))
    log = Log.pack(events, events.select("user_id").unique(), events.select("item_id").unique(), [])
    train, _, test = Dataset(Recipe.parse(RECIPE), log, np.arange(len(log))).split_last(0, 0.1)
    log.save(folder / "log")
    np.save(folder / "train.npy", train.rows)
    np.save(folder / "test.npy", test.rows)
    np.save(folder / "pairs.npy", np.stack([log.user[train.rows], log.item[train.rows]]))
    return log.user[test.rows].astype(np.int64), log.item[test.rows].astype(np.int64)


def measured(program: str, python: str, folder: Path, asked: argparse.Namespace) -> Row:
    """What fitting and listing cost in a process of its own; `{"failed": why}` when it ends in an error."""
    threads = str(asked.threads)
    limits = {f"{name}_NUM_THREADS": threads for name in ("OMP", "MKL", "OPENBLAS", "NUMBA", "RAYON", "POLARS", "LK")}
    command = [python, "-c", _CLOCK.format(program=program), str(folder), threads]
    longest = QUICK_LONGEST if asked.quick else LONGEST
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | limits, timeout=longest, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not measured: not done in {longest:g} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]}
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def compare(folder: Path, asked: argparse.Namespace) -> list[Row]:
    """Every library with every model, ours first, and how many times ours each took."""
    user, item = prepare(folder, asked.data, QUICK_EVERY if asked.quick else 1)
    rows: list[Row] = []
    for kind in ("als", "item_knn"):
        for library, programs in PROGRAMS.items():
            python = Path(sys.executable) if library == "penchant" else Path(asked.peers or "", library, "bin", "python")
            row: Row = {"model": kind, "library": library}
            if library != "penchant" and not (asked.peers and python.exists()):
                row |= {"failed": f"not measured: no environment '{library}' in --peers"}
            else:
                row |= measured(programs[kind], str(python.absolute()), folder, asked)
            if "failed" not in row:
                hits, relevant = find_hits(np.load(folder / "lists.npy").astype(np.int64), user, item)
                row["ndcg@10"] = round(float(ndcg(hits, relevant, K).mean()), 5)
            rows.append(row)
            print(told(row), flush=True)
    return rows


def ratios(rows: list[Row]) -> dict[str, dict[str, float]]:
    """How many times our seconds and our NDCG each library's are: `{"als implicit": {"fit": 2.0, …}}`."""
    done = [row for row in rows if "failed" not in row]
    ours = {row["model"]: row for row in done if row["library"] == "penchant"}
    found = {}
    for row in done:
        if row["library"] != "penchant" and row["model"] in ours:
            own = ours[row["model"]]
            names = {
                "fit": ["fit_s"],
                "top": ["top_s"],
                "both": ["fit_s", "top_s"],
                "cpu": ["fit_cpu_s", "top_cpu_s"],
                "ndcg@10": ["ndcg@10"],
            }
            parts = {name: sum(row[key] for key in keys) / sum(own[key] for key in keys) for name, keys in names.items()}
            found[f"{row['model']} {row['library']}"] = {name: round(value, 2) for name, value in parts.items()}
    return found


def told(row: Row) -> str:
    """A row as a line."""
    if "failed" in row:
        return f"{row['model']:9} {row['library']:9} {row['failed']}"
    cpu = row["fit_cpu_s"] + row["top_cpu_s"]
    spent = f"fit {row['fit_s']:7.2f} s  top-{K} {row['top_s']:6.2f} s  {cpu:7.2f} CPU"
    return f"{row['model']:9} {row['library']:9} {spent}  NDCG@10 {row['ndcg@10']:.4f}"


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every fourth user: under a minute")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--peers", help="a folder with virtual environments named implicit, lenskit and rectools")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder that holds the data sets")
    asked = parser.parse_args()
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="collaborative-") as folder:
        rows = compare(Path(folder), asked)
    found = ratios(rows)
    for name, parts in found.items():
        print(f"{name}: " + ", ".join(f"{part} {value:g} x ours" for part, value in parts.items()))
    if asked.json:
        machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "threads": asked.threads}
        spent = {"seconds": round(time.perf_counter() - begun, 1)}
        print(json.dumps({"benchmark": "collaborative", "quick": asked.quick, **machine, **spent, "rows": rows, "ratios": found}))
    return 1 if any("failed" in row and not row["failed"].startswith("not measured") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
