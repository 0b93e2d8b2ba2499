"""What training costs as rows, ids, histories and tasks grow: time per batch of 4,096 rows, and memory.

One thing grows at a time from the network of benchmarks/training.py on MovieLens-1M. Each figure comes from a process of its own, which
trains some batches and tells its median time and the most memory it held.

    python benchmarks/training_costs.py [--quick] [--json] [--figure FILE] [--data FOLDER] [--threads N]

`--quick`: the ends of each series, few batches. `--figure`: where all of it is drawn, as SVG.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from penchant.fitting.loop import Progress
from penchant.report.charts import WIDTH, LineChart, Series
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.schema.sections.tasks import TaskPart
from penchant.training.trainer import fit_network
from training import read, recipe_of

HERE = Path(__file__).resolve().parent
SERIES: dict[str, tuple[int, ...]] = {
    "users, one in": (10, 3, 1),
    "ids": (10_000, 100_000, 199_000, 1_000_000, 4_000_000),
    "history": (10, 50, 200),
    "tasks": (1, 2, 4, 8),
}
CONDITIONS = ("rating >= 4", "rating == 5", "rating >= 2", "rating >= 3", "rating == 1", "rating == 2", "rating == 3", "rating == 4")
BATCHES, QUICK = 60, 12
AXES = {
    "users, one in": "rows learnt",
    "ids": "ids there is room for, of users and of items each",
    "history": "past events read",
    "tasks": "tasks",
}
COSTS = {"milliseconds": ("ms a batch", 1), "megabytes": ("GB at most", 1000)}
"""The unit each is drawn in, and how many of what was measured it is."""
HIGH = 270  # of one drawing
STYLE = (
    "svg{font:12px sans-serif;background:#fff}.axis{fill:#555}.grid{stroke:#ddd}.tick{stroke:#888}"
    ".line{fill:none;stroke:#1f6f8b;stroke-width:2}.mark{fill:#fff;stroke:#1f6f8b;stroke-width:2}"
)

Row = dict[str, Any]


class EnoughError(Exception):
    """So many batches are trained."""


def recipe_for(series: str, size: int) -> Recipe:
    """The recipe with one thing of this size."""
    recipe = recipe_of(size if series == "ids" else None)
    if series == "history":
        network = recipe.network.model_copy(update={"history": Part(kind="transformer"), "width": 64})
        recipe = recipe.model_copy(update={"history": recipe.history.model_copy(update={"length": size}), "network": network})
    if series == "tasks":
        tasks = {f"task{place}": TaskPart(kind="binary", label=label) for place, label in enumerate(CONDITIONS[:size])}
        recipe = recipe.model_copy(update={"tasks": tasks})
    return recipe


def measured(series: str, size: int, data: Path, batches: int) -> Row:
    """Milliseconds per batch and megabytes at most, of a process that does nothing else."""
    recipe = recipe_for(series, size)
    train, _ = read(data / "ml-1m", size if series.startswith("users") else 1, recipe)
    times: list[float] = []
    begun = time.perf_counter()

    def report(progress: Progress, batch: int, of: int) -> None:
        nonlocal begun
        times.append(time.perf_counter() - begun)
        if len(times) >= min(batches, of - 1):
            raise EnoughError
        begun = time.perf_counter()

    with suppress(EnoughError):
        fit_network(recipe, train, report=report)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": len(train), "milliseconds": float(np.median(times[len(times) // 4 :])) * 1000, "megabytes": most}


def alone(series: str, size: int, asked: argparse.Namespace) -> Row:
    """The same in a process of its own."""
    batches = QUICK if asked.quick else BATCHES
    command = [
        sys.executable,
        __file__,
        "--one",
        json.dumps([series, size, batches]),
        "--data",
        asked.data,
        "--threads",
        str(asked.threads),
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": str(asked.threads)}, check=False)
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]}
    found: Row = json.loads(done.stdout.splitlines()[-1])
    return found


def slopes(rows: dict[str, dict[int, Row]]) -> Row:
    """Bytes per row of data, and per id of a large table of 16 numbers, from the ends of their series."""
    few, many = (rows["users, one in"][size] for size in (10, 1))
    some, most = (rows["ids"][size] for size in (1_000_000, 4_000_000))
    megabyte = 2**20
    of_rows = (many["megabytes"] - few["megabytes"]) * megabyte / (many["rows"] - few["rows"])
    return {"bytes_per_row": of_rows, "bytes_per_id": (most["megabytes"] - some["megabytes"]) * megabyte / 6_000_000}  # two tables


def drawn(rows: dict[str, dict[int, Row]]) -> str:
    """Every cost over every series as one SVG: time on the left, memory on the right."""
    charts = []
    for high, (series, sizes) in enumerate(rows.items()):
        across = [float(row["rows"] if series.startswith("users") else size) for size, row in sizes.items()]
        for place, (cost, (unit, many)) in enumerate(COSTS.items()):
            line = Series(series, across, [row[cost] / many for row in sizes.values()], marks=True)
            chart = LineChart(f"{unit} by {AXES[series]}", AXES[series], unit, [line], from_zero=True).svg()
            charts.append(f'<svg x="{place * WIDTH}" y="{high * HIGH}" width="{WIDTH}" height="{HIGH}">{chart}</svg>')
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HIGH * len(rows)}">'
    return f"{frame}<style>{STYLE}</style>{''.join(charts)}</svg>\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the ends of each series, few batches")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--figure", type=Path, help="where all of it is drawn, as SVG")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data", help="the folder that holds the data sets")
    parser.add_argument("--threads", type=int, default=2, help="default 2")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if not (asked.data / "ml-1m").is_dir():
        print(f"skipped: no {asked.data / 'ml-1m'}; name the data with --data")
        return 0
    if asked.one:
        series, size, batches = json.loads(asked.one)
        print(json.dumps(measured(series, size, asked.data, batches)))
        return 0
    rows: dict[str, dict[int, Row]] = {}
    for series, sizes in SERIES.items():
        ends = [size for size in sizes if size == sizes[-1] or (size == 1_000_000 if series == "ids" else size == sizes[0])]
        rows[series] = {size: told(series, size, alone(series, size, asked)) for size in (ends if asked.quick else sizes)}
    failed = any("failed" in row for sizes in rows.values() for row in sizes.values())
    found = {} if failed else slopes(rows)
    print("   ".join(f"{name.replace('_', ' ')} {value:,.0f}" for name, value in found.items()))
    if asked.figure is not None and not failed:
        asked.figure.parent.mkdir(parents=True, exist_ok=True)
        asked.figure.write_text(drawn(rows), encoding="utf8")
    if asked.json:
        machine = {"cores": os.cpu_count(), "threads": asked.threads, "load": round(os.getloadavg()[0], 1)}
        print(json.dumps({"benchmark": "training_costs", "quick": asked.quick, **machine, "headline": found, "rows": rows}))
    return 1 if failed else 0


def told(series: str, size: int, row: Row) -> Row:
    """A line of the table."""
    text = row.get("failed") or f"{row['rows']:9,} rows   {row['milliseconds']:8.1f} ms a batch   {row['megabytes']:8,.0f} MB"
    print(f"{series:14} {size:10,}   {text}", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
