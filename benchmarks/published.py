"""Our numbers on published splits beside their rivals: python benchmarks/published.py [SPLIT] [--model M …] [--seeds N] [--quick] [--json].

Rivals that need an environment of their own are found by `--peers FOLDER` (or PENCHANT_PEERS); what is skipped is said in one line. Every
fitted model appends one JSON row to benchmarks/results/SPLIT.jsonl (commit, command, seconds, metrics with intervals, paired
differences to the rivals); a row that exists for the same model, seed and recipe is not run again, so a stopped run goes on where it
was; `--again` makes it anew. `--quick` ends within a minute: a capped fit, and recorded rows quoted as recorded.
"""

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from studies.study import Study, commit, processor_seconds

from penchant.schema.errors import PenchantError

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).resolve().parent / "results"
QUICK_SECONDS = 6.0
SPLITS = {
    "ml-100k": "movielens",
    "ml-1m": "movielens",
    "kuairand": "kuairand",
    "frappe-context": "frappe",
    "frappe-x1": "frappe_x1",
    "ml-1m-tasks": "movielens_tasks",
    "ml-1m-ncf": "ncf",
    "ml-1m-gsasrec": "gsasrec",
    "s3rec-beauty": "beauty",
    "ml-1m-portrait": "portrait",
    "ml-1m-cold": "cold",
    "ml-1m-content": "content",
    "ml-100k-content": "content",
    "frappe-content": "content",
    "ml-100k-u1": "ratings",
    "douban": "ratings",
}
"""Each split's module in `studies`, whose `study(split, data)` gives its models and how they are measured."""

Row = dict[str, Any]


PEERED = ("kuairand",)
"""Splits whose studies run other libraries' models."""


def study_of(split: str, data: Path, peers: Path | None) -> Study:
    """The study of a split; its libraries are loaded only now."""
    told = {"peers": peers} if split in PEERED else {}
    study: Study = import_module(f"studies.{SPLITS[split]}").study(split, data, **told)
    return study


def recorded(split: str) -> list[Row]:
    """The rows on record, oldest first."""
    path = RESULTS / f"{split}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()] if path.is_file() else []


def record(split: str, row: Row) -> None:
    """Append one row."""
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{split}.jsonl").open("a", encoding="utf8") as file:
        file.write(json.dumps(row) + "\n")


def forget(split: str, model: str, seed: int, recipe: str) -> None:
    """Take a row off the record."""
    rows = [row for row in recorded(split) if (row["model"], row["seed"], row["recipe"]) != (model, seed, recipe)]
    (RESULTS / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")


def fit(study: Study, split: str, model: str, seed: int, seconds: float | None = None) -> Row:
    """Run one model and describe the run."""
    begin, cpu = time.perf_counter(), processor_seconds()
    outcome = study.run(model, seed, seconds)
    asked = ["FOLDER" if before in ("--data", "--peers") else word for before, word in pairwise(sys.argv)]  # wherever they lie here
    command = shlex.join(["python", "benchmarks/published.py", *asked])
    run = {"split": split, "model": model, "seed": seed, "recipe": study.mark(model), "commit": commit(), "command": command}
    spent = {"seconds": round(time.perf_counter() - begin, 1), "cpu_seconds": round(processor_seconds() - cpu, 1)}
    return run | spent | asdict(outcome)


def wanted(study: Study, only: list[str] | None, seeds: int) -> Iterator[tuple[str, int]]:
    """Models and seeds to run, baselines first and ablations last."""
    for model in study.models:
        if only is None or model in only:
            for seed in range(seeds if model in study.seeded else 1):
                yield model, seed


def run(study: Study, split: str, only: list[str] | None, seeds: int, say: Callable[[str], None], again: bool = False) -> list[Row]:
    """Run what is not on record yet, or everything again; return the rows of this recipe."""
    skipped = study.skipped if split in PEERED else lambda model: None
    for model, seed in wanted(study, only, seeds):
        if (why := skipped(model)) is not None:
            say(why)
            continue
        if not again and any((row["model"], row["seed"], row["recipe"]) == (model, seed, study.mark(model)) for row in recorded(split)):
            say(f"{split} · {model} · seed {seed}: on record")
            continue
        row = fit(study, split, model, seed)
        if again:
            forget(split, model, seed, row["recipe"])
        record(split, row)
        name, value = headline_of(study, row)
        say(f"{split} · {model} · seed {seed}: {name} {value:.4f} in {row['seconds']:.0f} s")
    return current(study, split)


def headline_of(study: Study, row: Row) -> tuple[str, float]:
    """The row's headline figure and its name: the study's, or the first that the row has where its model says nothing of that."""
    values = {name: each["value"] for name, each in row["metrics"].items() if each["value"] is not None}
    name = study.headline if study.headline in values else next(iter(values))
    return name, values[name]


def current(study: Study, split: str) -> list[Row]:
    """The rows on record that belong to the models as they are set now."""
    return [row for row in recorded(split) if row["model"] in study.models and row["recipe"] == study.mark(row["model"])]


def quick(study: Study, split: str, say: Callable[[str], None]) -> list[Row]:
    """The first baseline and one capped fit now; everything else as it stands on record."""
    rows = []
    for model, seconds in ((study.models[0], None), (study.quick, QUICK_SECONDS)):
        row = fit(study, split, model, 0, seconds) | {"model": f"{model} (now{', capped' if seconds else ''})"}
        say(f"{row['model']}: {row['seconds']:.0f} s")
        rows.append(row)
    return rows + [row | {"model": f"{row['model']} (recorded, {row['commit']})"} for row in current(study, split)]


def summary(study: Study, split: str, rows: list[Row]) -> dict[str, Any]:
    """Headline figures: per model the mean over seeds, the seeds' spread, and the differences to rivals with their intervals."""
    models: dict[str, Any] = {}
    for row in rows:
        models.setdefault(row["model"], []).append(row)
    result: dict[str, Any] = {}
    for name, own in models.items():
        headlines = [headline_of(study, row) for row in own]
        metric, values = headlines[0][0], [value for _, value in headlines]
        result[name] = {
            "metric": metric,
            "mean": round(sum(values) / len(values), 4),
            "seeds": values,
            "interval": [own[0]["metrics"][metric].get(edge) for edge in ("low", "high")],
            "differences": {
                rival: [row["differences"][rival] for row in own if rival in row["differences"]] for rival in own[0]["differences"]
            },
            "seconds": [row["seconds"] for row in own],
        }
    return {"split": split, "metric": study.headline, "models": result}


def show(figures: dict[str, Any]) -> None:
    """The figures as a table."""
    table = Table("model", figures["metric"], "95 %", "seeds", "difference to rivals, 95 % (first seed)", "s", title=figures["split"])
    for name, each in figures["models"].items():
        low, high = each["interval"]
        interval = f"{low:.4f} – {high:.4f}" if low is not None else ""
        spread = " ".join(f"{value:.4f}" for value in each["seeds"])
        rivals = "\n".join(f"{rival} {metric}: {told(by[0][metric])}" for rival, by in each["differences"].items() for metric in by[0])
        of = "" if each["metric"] == figures["metric"] else f" ({each['metric']})"
        table.add_row(name, f"{each['mean']:.4f}{of}", interval, spread, rivals, f"{each['seconds'][0]:.0f}")
    Console(width=150).print(table)


def told(difference: dict[str, float]) -> str:
    """A difference with its interval; a share has none."""
    edges = [difference.get(edge) for edge in ("low", "high")]
    interval = "" if None in edges else " [{:+.4f}, {:+.4f}]".format(*edges)
    return f"{difference['value']:+.4f}{interval}"


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", nargs="?", choices=SPLITS, default="ml-100k", help="ml-100k unless told")
    parser.add_argument("--model", nargs="+", help="only these")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="within a minute")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--again", action="store_true", help="make rows on record anew")
    peers = os.environ.get("PENCHANT_PEERS")
    parser.add_argument("--peers", type=Path, default=peers and Path(peers), help="a folder with the rivals' virtual environments")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder that holds the data sets")
    given = parser.parse_args()
    commit()  # now, for it may have moved on by the time a long fit ends
    try:
        study = study_of(given.split, given.data, given.peers)
        if unknown := [model for model in given.model or () if model not in study.models]:
            parser.error(f"--model must be of {', '.join(study.models)}; found {', '.join(unknown)}")
        say = Console(stderr=True).print
        rows = quick(study, given.split, say) if given.quick else run(study, given.split, given.model, given.seeds, say, given.again)
    except PenchantError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    figures = summary(study, given.split, rows)
    show(figures)
    if given.json:
        print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
