"""How fast the multi-task network learns, beside three libraries' and beside the bare matrix products it consists of.

MMoE on MovieLens-1M: eight fields of 16 numbers, four experts of 256 and 128 units, two towers of 64, two tasks (liked: 4 stars or more;
loved: 5 stars), batches of 4,096 rows in random order, one epoch over all but each user's last tenth of ratings, which is judged. Once
with an index per id, once with users and items hashed into two million buckets each. Data preparation is made before the clock starts.
A peer is timed twice: as shipped, with its own loader making batches while it trains, as ours makes its own; and with ready batches, made
before the clock starts, which ours never gets. All take turns of some batches in one run, so that what else the machine does hits all
alike, and the first two batches of a turn are not timed; each figure is the median of the turns, with the quartiles. AUC is that of a
whole epoch as shipped.

    python benchmarks/training.py [--quick] [--json] [--only SPACE] [--speed-alone] [--data FOLDER] [--peers FOLDER] [--threads N]

FOLDER of --peers holds virtual environments named rechub, deepctr and fuxi; what is not there is left out in a line. `--only`: one of the
two spaces of ids, ml-1m or 2-million-ids. `--speed-alone`: no whole epochs of the peers, and none of their AUC. `--quick`: every twentieth
user and few turns; its AUC means nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.auc import auc
from penchant.features.feature_set import FeatureSet
from penchant.fitting.loop import Progress
from penchant.schema.recipe import Recipe
from penchant.training.trainer import fit_network

HERE = Path(__file__).resolve().parent
PEERS = ("rechub", "deepctr", "fuxi")
SPACES = {"ml-1m": None, "2-million-ids": 2_000_000}
WAYS = {"shipped": "as shipped", "ready": "ready batches"}
EMBEDDING, EXPERTS, HIDDEN, TOWER, BATCH = 16, 4, (256, 128), (64,), 4096
RATES = {"penchant": 1.6e-2, "rechub": 1e-3, "deepctr": 1.6e-2, "fuxi": 4e-3}
"""Learning rates: of 0.001, 0.002, 0.004 and 0.008 the best on the tenth before the one that is judged; 0.016 where 0.008 still rose."""
TASKS = {"liked": "rating >= 4", "loved": "rating == 5"}
USER, ITEM = ("user_id", "gender", "age", "occupation", "zip"), ("item_id", "genres", "decade")
EVERY = 20  # with --quick, of the users
TURNS = {"ml-1m": (10, 8), "2-million-ids": (4, 5)}
"""Batches in a turn, and turns."""
QUICK = {"ml-1m": (2, 2), "2-million-ids": (2, 1)}
LEAD = 2
"""Batches of a turn before its clock starts, as in peers/multitask.py: caches are cold, and a loader that is a process has some ready."""

RECIPE = """
[data]
events.path = "ratings"
[features.user]
{user}
[features.item]
{item}
[tasks]
{tasks}
[network]
width = 16
dropout = 0.0
history.kind = "none"
scenario.kind = "none"
candidate.kind = "none"
interaction = {{ kind = "fields", told = false }}
activation = "relu"
experts = {{ kind = "mmoe", experts = 4, hidden = [256, 128] }}
tower = [64]
[training]
epochs = 1
batch_events = 4096
precision = "bfloat16"
learning_rate = {rate}
"""

Row = dict[str, Any]


def recipe_of(buckets: int | None) -> Recipe:
    """The recipe of ours; ids hashed where there are buckets."""

    def lines(names: tuple[str, ...]) -> str:
        hashed = "" if buckets is None else f", hash = {buckets}"
        return "\n".join(f'{name} = {{ kind = "category"{hashed if name.endswith("_id") else ""} }}' for name in names)

    tasks = "\n".join(f'{name} = {{ kind = "binary", label = "{label}" }}' for name, label in TASKS.items())
    return Recipe.parse(RECIPE.format(user=lines(USER), item=lines(ITEM), tasks=tasks, rate=RATES["penchant"]))


def read(folder: Path, every: int, recipe: Recipe) -> tuple[Dataset, Dataset]:
    """All but each user's last tenth of ratings, and that tenth. Ratings without a place in the order come first."""
    rated = pl.read_parquet(folder / "ratings_rebuilt.parquet").filter(pl.col("userID") % every == 0)
    events = rated.select(
        pl.col("userID").cast(pl.String).alias("user_id"),
        pl.col("movieID").cast(pl.String).alias("item_id"),
        pl.col("chron_rank").fill_null(0).cast(pl.Float64).alias("timestamp"),
        "rating",
    )
    users = _table(folder / "users.dat", ("user_id", "gender", "age", "occupation", "zip"))
    items = _table(folder / "movies.dat", ("item_id", "title", "genres"))
    items = items.with_columns(pl.col("title").str.extract(r"\((\d{3})\d\)\s*$").alias("decade")).drop("title")
    data = Dataset.from_frames(events, users, items, recipe)
    train, _, test = data.split_last(0, 0.1)
    return train, test


def _table(path: Path, names: tuple[str, ...]) -> pl.DataFrame:
    lines = path.read_text(encoding="latin1").splitlines()
    return pl.DataFrame([line.split("::") for line in lines], schema=dict.fromkeys(names, pl.String), orient="row")


def fields_of(features: FeatureSet, data: Dataset) -> tuple[NDArray[np.int64], list[int]]:
    """What ours reads, as the peers read it: indices `[rows, fields]`, and how many there are of each field."""
    encoded, log, rows = features.encode_log(data.log), data.log, data.rows
    columns = [encoded.user[name][log.user[rows]] for name in USER] + [encoded.item[name][log.item[rows]] for name in ITEM]
    forms = features.forms("user") | features.forms("item")
    return np.stack(columns, axis=1), [forms[name].size for name in (*USER, *ITEM)]


class PeerEndedError(RuntimeError):
    """A peer ended before it had answered."""


class Peer:
    """A library in its own environment, waiting for orders."""

    def __init__(self, name: str, environments: Path, folder: Path, threads: int) -> None:
        self.name, self.folder = name, folder / name
        self.folder.mkdir()
        for shared in folder.glob("*.npy"):
            (self.folder / shared.name).symlink_to(shared)
        settings = json.loads((folder / "settings.json").read_text(encoding="utf8")) | {"learning_rate": RATES[name]}
        (self.folder / "settings.json").write_text(json.dumps(settings), encoding="utf8")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"OMP_NUM_THREADS": str(threads)}
        answers, answering = os.pipe()  # apart from what the library prints
        python, program = (environments / name / "bin" / "python").absolute(), HERE / "peers" / f"{name}_mmoe.py"
        with (self.folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [python, program, self.folder, str(answering)], env=environment, cwd=self.folder, pass_fds=[answering],
                stdin=subprocess.PIPE, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        os.close(answering)
        self.answers = os.fdopen(answers)

    def order(self, text: str) -> float:
        """Seconds that the order took.

        Raises:
            PeerEndedError: with how it ended and the last lines it wrote.
        """
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        answer = self.answers.readline()
        if not answer:
            lines = (self.folder / "log").read_text(errors="replace").strip().splitlines()[-3:] or ["nothing"]
            how = f"{self.name} ended with status {self.process.wait()} at the order '{text}'"  # -9: killed, as for want of memory
            raise PeerEndedError(f"{how}; its last words: {' / '.join(line.strip()[-200:] for line in lines)}")
        return float(json.loads(answer)["seconds"])

    def end(self) -> None:
        """Let it go."""
        self.process.kill()
        self.process.communicate()
        self.answers.close()


def products(dtype: torch.dtype) -> Callable[[], None]:
    """The matrix products of one step, forward and backward (by the input and by the weights), on ready matrices."""
    wide, (first, second), tasks = EMBEDDING * len(USER + ITEM), HIDDEN, len(TASKS)
    gates = torch.randn(wide, tasks * EXPERTS)
    shapes = [(torch.randn(BATCH, wide), torch.randn(wide, EXPERTS * first)), (torch.randn(BATCH, wide), gates)]
    shapes += [(torch.randn(BATCH, first), torch.randn(first, second)) for _ in range(EXPERTS)]
    shapes += [(torch.randn(BATCH, second), torch.randn(second, TOWER[0])) for _ in range(tasks)]
    ready = [(x.to(dtype), w.to(dtype), torch.randn(len(x), w.shape[1]).to(dtype)) for x, w in shapes]

    def step() -> None:
        for x, w, gradient in ready:
            torch.mm(x, w), torch.mm(gradient, w.T), torch.mm(x.T, gradient)

    return step


class Turns:
    """Ours trains; between some of its batches the others take theirs."""

    def __init__(self, others: Mapping[str, Callable[[int], float]], batches: int, turns: int) -> None:
        self.others, self.batches, self.turns = others, batches, turns
        self.seconds: dict[str, list[float]] = {name: [] for name in ("penchant", *others)}
        self.begun = 0.0

    def __call__(self, progress: Progress, batch: int, of: int) -> None:
        """After every batch of ours."""
        turn, place = divmod(batch - 1, LEAD + self.batches)
        if turn >= self.turns or batch >= of - 1:  # the epoch's last batch is smaller
            return
        if place == LEAD - 1:
            self.begun = time.perf_counter()
        if place == LEAD + self.batches - 1:
            self.seconds["penchant"].append(time.perf_counter() - self.begun)
            for name, other in self.others.items():
                self.seconds[name].append(other(self.batches))

    def rates(self) -> dict[str, Row]:
        """Rows per second of each."""
        found = {}
        for name, seconds in self.seconds.items():
            low, middle, high = np.percentile(self.batches * BATCH / np.array(seconds), (25, 50, 75))
            found[name] = {"rows_per_second": middle, "quartiles": [low, high]}
        return found


def repeated(step: Callable[[], None]) -> Callable[[int], float]:
    """A step, so many times, and its seconds."""

    def run(times: int) -> float:
        for _ in range(LEAD):
            step()
        begun = time.perf_counter()
        for _ in range(times):
            step()
        return time.perf_counter() - begun

    return run


def compare(space: str, buckets: int | None, asked: argparse.Namespace) -> dict[str, Row]:
    """Everybody's rates and AUC in one space of ids."""
    recipe = recipe_of(buckets)
    train, test = read(asked.data / "ml-1m", EVERY if asked.quick else 1, recipe)
    labels = {name: labels_of(test, name) for name in TASKS}
    with tempfile.TemporaryDirectory(prefix="training-") as place:
        folder = Path(place)
        _tell(folder, recipe, train, test)
        peers = {name: Peer(name, asked.peers, folder, asked.threads) for name in asked.there}
        try:
            others = {f"{name} {WAYS[way]}": _order(peer, way) for name, peer in peers.items() for way in WAYS}
            for dtype in (torch.float32, torch.bfloat16):
                others[f"bare products {str(dtype).removeprefix('torch.')}"] = repeated(products(dtype))
            for peer in peers.values():
                peer.order("ready 1")  # all have started before the first turn
            turns = Turns(others, *(QUICK if asked.quick else TURNS)[space])
            model = fit_network(recipe, train, report=turns)
            rows = {name: told(space, name, row) for name, row in turns.rates().items()}
            rows["penchant"] |= _quality(space, "penchant", model.predict(test), labels)
            for name, peer in peers.items() if not (asked.speed_alone or (asked.quick and buckets)) else ():
                row = rows[f"{name} {WAYS['shipped']}"]
                row["epoch_seconds"] = peer.order("epoch")
                found = np.load(folder / name / "predictions.npy")
                row |= _quality(space, name, {task: found[:, column] for column, task in enumerate(TASKS)}, labels)
        finally:
            for peer in peers.values():
                peer.end()
    return rows


def _order(peer: Peer, way: str) -> Callable[[int], float]:
    return lambda batches: peer.order(f"{way} {batches}")


def _quality(space: str, name: str, found: Mapping[str, NDArray[np.floating]], labels: Mapping[str, NDArray[np.floating]]) -> Row:
    judged = {task: auc(labels[task], found[task].astype(np.float64)) for task in labels}
    print(f"{space:14} {name:24} " + "   ".join(f"AUC {task} {value:.4f}" for task, value in judged.items()), flush=True)
    return {"auc": judged}


def _tell(folder: Path, recipe: Recipe, train: Dataset, test: Dataset) -> None:
    """What the peers read."""
    features = FeatureSet(recipe).fit(train)
    rows, sizes = fields_of(features, train)
    np.save(folder / "rows.npy", rows)
    np.save(folder / "labels.npy", np.stack([labels_of(train, name) for name in TASKS], axis=1))
    np.save(folder / "test.npy", fields_of(features, test)[0])
    settings = {"fields": [*USER, *ITEM], "sizes": sizes, "tasks": list(TASKS), "embedding": EMBEDDING, "experts": EXPERTS}
    settings |= {"hidden": HIDDEN, "tower": TOWER, "batch": BATCH}
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf8")


def told(space: str, name: str, row: Row) -> Row:
    """A line of the table."""
    low, high = row["quartiles"]
    print(f"{space:14} {name:24} {row['rows_per_second']:9,.0f} rows/s ({low:,.0f} to {high:,.0f})", flush=True)
    return row


def headline(spaces: Mapping[str, Mapping[str, Row]]) -> Row:
    """Ours against the fastest peer, as shipped and with ready batches, and against the bound, in each space."""
    found = {}
    for space, rows in spaces.items():
        ours = rows["penchant"]["rows_per_second"]
        found[space] = {"rows_per_second": ours, "share_of_bound": ours / rows["bare products bfloat16"]["rows_per_second"]}
        for way, words in WAYS.items():
            peers = [row["rows_per_second"] for name, row in rows.items() if name.endswith(words)]
            found[space] |= {f"times_fastest_{way}": ours / max(peers)} if peers else {}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every twentieth user, few turns")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--only", choices=SPACES, help="one of the spaces of ids (default both)")
    parser.add_argument("--speed-alone", action="store_true", help="no whole epochs of the peers, and none of their AUC")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data", help="the folder that holds the data sets")
    parser.add_argument("--peers", type=Path, help="a folder with virtual environments named rechub, deepctr and fuxi")
    parser.add_argument("--threads", type=int, default=2, help="of each (default 2)")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if not (asked.data / "ml-1m").is_dir():
        print(f"skipped: no {asked.data / 'ml-1m'}; name the data with --data")
        return 0
    asked.there = [name for name in PEERS if asked.peers is not None and (asked.peers / name / "bin" / "python").exists()]
    missing = [name for name in PEERS if name not in asked.there]
    if missing:
        print(f"not measured: {', '.join(missing)}: no such environment in --peers")
    try:
        spaces = {space: compare(space, buckets, asked) for space, buckets in SPACES.items() if asked.only in (None, space)}
    except PeerEndedError as ended:
        print(ended)
        return 1
    found = headline(spaces)
    for space, row in found.items():
        print(f"{space:14} " + "   ".join(f"{name.replace('_', ' ')} {value:,.2f}" for name, value in row.items()))
    if asked.json:
        machine = {"cores": os.cpu_count(), "threads": asked.threads, "load": round(os.getloadavg()[0], 1)}
        print(json.dumps({"benchmark": "training", "quick": asked.quick, **machine, "headline": found, "rows": spaces}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
