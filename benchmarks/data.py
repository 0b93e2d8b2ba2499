"""What bringing data in costs: seconds and peak memory, each load in a process of its own, beside what others do with the same events.

sources  Every kind of source, of the same Zipf-like events, read by `read_table` (ids as text, times in seconds, names mapped) and by
         polars alone, which does none of that.
roads    From a file to data that a model can be trained on, of generated events and of MovieLens-1M: ours step by step (read, check,
         clean, pack) and streamed, RecBole's and RecTools' (where --peers names a folder with their virtual environments), and polars
         that reads and sorts. What each does and does not do is told below the table.

    python benchmarks/data.py [--quick] [--json] [--part PART] [--rows ROWS] [--peers FOLDER] [--data FOLDER] [--postgresql URL]

The readers of a source take turns; figures are medians of the runs. Seconds count the load alone, after imports, by the clock and of
all cores together; the peak is the whole process's during the load, beside what it held before.
The last line is one JSON object with --json.
"""

import argparse
import gzip
import json
import os
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import polars as pl
from backports import zstd

ROOT = Path(__file__).resolve().parents[1]
QUICK_ROWS, ROWS, MANY_ROWS = 100_000, (100_000, 1_000_000), 20_000_000
RUNS = 3
"""Of every load; one with --quick, and one of the roads of many rows."""
FILES = 8
"""How many a pattern or a folder has."""
LEAST = 0.001
"""Seconds of which a ratio still means something; a frame that polars has already costs it nothing."""
_LONGEST = 600
"""Seconds after which a load is given up."""

Measured = dict[str, Any]


# Events: who, what, when, how, like a shop's.


def events(rows: int) -> pl.DataFrame:
    """`userId, itemId, timestamp, stars, tab, event`: users and items by Zipf's law, times ascending."""
    random = np.random.default_rng(0)

    def drawn(values: int, exponent: float) -> np.ndarray:
        weights = np.cumsum(1 / np.arange(1, values + 1) ** exponent)
        return 1 + np.searchsorted(weights, random.random(rows) * weights[-1])

    return pl.DataFrame(
        {
            "userId": drawn(max(rows // 20, 10), 0.8),
            "itemId": drawn(max(rows // 100, 10), 1.0),
            "timestamp": 1_600_000_000 + np.sort(random.integers(0, 10**8, rows)),
            "stars": random.integers(1, 11, rows) / 2,
            "tab": np.array(["home", "search", "detail"])[random.integers(0, 3, rows)],
            "event": np.array(["view", "click", "buy"])[random.integers(0, 3, rows)],
        }
    )


@dataclass(frozen=True)
class Form:
    """A way the events lie on a disk.

    Attributes:
        name: In the table.
        write: Puts the events into a folder.
        settings: How Penchant is told to read them there.
        bare: What polars alone is told: the expression of a frame, from `pl` and the folder `at`.
    """

    name: str
    write: Callable[[pl.DataFrame, Path], object]
    settings: dict[str, Any]
    bare: str


def as_parquet(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `log.parquet`."""
    frame.write_parquet(folder / "log.parquet")


def as_gzip(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `log.csv.gz`."""
    (folder / "log.csv.gz").write_bytes(gzip.compress(frame.write_csv().encode(), compresslevel=1))


def as_zstd(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `log.csv.zst`."""
    (folder / "log.csv.zst").write_bytes(zstd.compress(frame.write_csv().encode()))


def as_jsonl(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `log.jsonl`."""
    frame.write_ndjson(folder / "log.jsonl")


def in_parts(kind: str) -> Callable[[pl.DataFrame, Path], object]:
    """Writes `parts/NUMBER.KIND`."""

    def write(frame: pl.DataFrame, folder: Path) -> None:
        (folder / "parts").mkdir(exist_ok=True)
        for number, part in enumerate(frame.iter_slices(-(-frame.height // FILES))):
            getattr(part, f"write_{kind}")(folder / "parts" / f"{number}.{kind}")

    return write


def atomic(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `log/log.inter` as RecBole wants it."""
    (folder / "log").mkdir(exist_ok=True)
    kinds = {"userId": "user_id:token", "itemId": "item_id:token", "timestamp": "timestamp:float", "stars": "stars:float"}
    frame.select(pl.col(name).alias(typed) for name, typed in kinds.items()).write_csv(folder / "log" / "log.inter", separator="\t")


def movielens(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `ml/ratings.csv` and `ml/movies.csv`."""
    (folder / "ml").mkdir(exist_ok=True)
    named = {"userId": "userId", "itemId": "movieId", "stars": "rating", "timestamp": "timestamp"}
    frame.select(pl.col(name).alias(theirs) for name, theirs in named.items()).write_csv(folder / "ml" / "ratings.csv")
    (folder / "ml" / "movies.csv").write_text("movieId,title,genres\n1,a,b\n", encoding="utf8")


def sqlite(frame: pl.DataFrame, folder: Path) -> None:
    """Writes the table `log` of `log.db`."""
    with sqlite3.connect(folder / "log.db") as database:
        database.execute(f"CREATE TABLE log ({', '.join(frame.columns)})")
        database.executemany(f"INSERT INTO log VALUES ({', '.join('?' * frame.width)})", frame.iter_rows())
    database.close()


def duckdb(frame: pl.DataFrame, folder: Path) -> None:
    """Writes the table `log` of `log.duckdb`."""
    import duckdb

    frame.write_parquet(folder / "log.parquet")
    with duckdb.connect(str(folder / "log.duckdb")) as database:
        database.execute(f"CREATE TABLE log AS SELECT * FROM '{folder / 'log.parquet'}'")


def ratings_dat(frame: pl.DataFrame, folder: Path) -> None:
    """Writes `ml-1m/ratings.dat` and `ml-1m/movies.dat`."""
    (folder / "ml-1m").mkdir(exist_ok=True)
    columns = (pl.col(name).cast(pl.Int64).cast(pl.String) for name in ("userId", "itemId", "stars", "timestamp"))
    lines = frame.select(pl.concat_str(columns, separator="::")).to_series()
    pl.DataFrame({"line": lines}).write_csv(folder / "ml-1m" / "ratings.dat", include_header=False)
    (folder / "ml-1m" / "movies.dat").write_text("1::a title::Drama\n", encoding="utf8")


@contextmanager
def postgresql(frame: pl.DataFrame, url: str | None) -> Iterator[str]:
    """The URL of a server with the events in the table `penchant_benchmark`: the one named, or one of our own.

    Raises:
        LookupError: when none is named and none is installed.
    """
    import psycopg

    with _server() if url is None else _named(url) as at:
        with psycopg.connect(at) as connection:
            kinds = ("bigint", "bigint", "bigint", "double precision", "text", "text")
            columns = ", ".join(f'"{name}" {kind}' for name, kind in zip(frame.columns, kinds, strict=True))
            connection.execute("DROP TABLE IF EXISTS penchant_benchmark")
            connection.execute(f"CREATE TABLE penchant_benchmark ({columns})")
            with connection.cursor().copy("COPY penchant_benchmark FROM STDIN (FORMAT csv)") as copy:
                copy.write(frame.write_csv(include_header=False).encode())
        yield at
        with psycopg.connect(at) as connection:
            connection.execute("DROP TABLE penchant_benchmark")


@contextmanager
def _named(url: str) -> Iterator[str]:
    yield url


@contextmanager
def _server() -> Iterator[str]:
    """A server as the tests start it."""
    sys.path.insert(0, str(ROOT))
    import pytest
    from tests.data.sources.postgresql import PASSWORD, USER, server

    try:
        with server() as port:
            yield f"postgresql://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"
    except pytest.skip.Exception as reason:
        raise LookupError(str(reason)) from None


_ALL = "select * from log"
_BY_SQLITE = f"pl.read_database({_ALL!r}, __import__('sqlite3').connect(at / 'log.db'), infer_schema_length=None)"
_BY_DUCKDB = f"pl.from_arrow(__import__('duckdb').connect(str(at / 'log.duckdb'), read_only=True).sql({_ALL!r}).to_arrow_table())"
_BY_COLONS = "pl.read_csv(at / 'ml-1m' / 'ratings.dat', separator=':', has_header=False, columns=[0, 2, 4, 6])"
_MANY = ("csv", "parquet")
"""Forms that are also read with many rows."""
FORMS = (
    Form("csv", lambda frame, folder: frame.write_csv(folder / "log.csv"), {"path": "log.csv"}, "pl.read_csv(at / 'log.csv')"),
    Form("csv.gz", as_gzip, {"path": "log.csv.gz"}, "pl.read_csv(at / 'log.csv.gz')"),
    Form("csv.zst", as_zstd, {"path": "log.csv.zst"}, "pl.read_csv(at / 'log.csv.zst')"),
    Form(f"{FILES} csv files", in_parts("csv"), {"path": "parts/*.csv"}, "pl.read_csv(at / 'parts' / '*.csv')"),
    Form("jsonl", as_jsonl, {"path": "log.jsonl"}, "pl.read_ndjson(at / 'log.jsonl')"),
    Form("parquet", as_parquet, {"path": "log.parquet"}, "pl.read_parquet(at / 'log.parquet')"),
    Form(f"{FILES} parquet files", in_parts("parquet"), {"path": "parts"}, "pl.read_parquet(at / 'parts' / '*.parquet')"),
    Form("movielens csv", movielens, {"path": "ml"}, "pl.read_csv(at / 'ml' / 'ratings.csv')"),
    Form("movielens ::", ratings_dat, {"path": "ml-1m"}, _BY_COLONS),
    Form("recbole", atomic, {"path": "log/log.inter"}, "pl.read_csv(at / 'log' / 'log.inter', separator='\\t')"),
    Form("sqlite", sqlite, {"url": "sqlite:///log.db", "query": _ALL}, _BY_SQLITE),
    Form("duckdb", duckdb, {"url": "duckdb:///log.duckdb", "query": _ALL}, _BY_DUCKDB),
)  # fmt: skip

_FRAME = "pl.read_parquet(at / 'log.parquet').rename({'userId': 'user_id', 'itemId': 'item_id'})"
FRAMES = {
    "polars frame": (_FRAME, "given"),
    "pandas frame": (f"{_FRAME}.to_pandas()", "pl.from_pandas(given)"),
    "arrow frame": (f"{_FRAME}.to_arrow()", "pl.from_arrow(given)"),
}
"""How a frame in memory is made before the clock starts, and what polars alone does with it."""


# One load, in a process of its own.


@dataclass(frozen=True)
class Load:
    """What one process does.

    Attributes:
        imports: Statements before everything.
        steps: Statements by name, each timed; they see the folder `at`.
        rows: An expression, of how many rows came of it.
        before: A statement that is not timed.
        python: Who runs it.
    """

    imports: str
    steps: dict[str, str]
    rows: str
    before: str = ""
    python: str = sys.executable


_PROGRAM = """
import json, sys, time
from pathlib import Path
at = Path(sys.argv[1])
try:
    Path("/proc/self/oom_score_adj").write_text("1000")  # where memory ends, this process goes and no other
except OSError:
    pass
{imports}
def peak(anew=True):
    # Not ru_maxrss: a new process inherits its parent's.
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        told = round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)
        Path("/proc/self/clear_refs").write_text("5")  # from here on the peak is counted anew
        return told
    except OSError:
        import resource
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024))
{before}
peak()
held, steps = peak(), {{}}
{steps}
print(json.dumps({{"rows": {rows}, "held_mib": held, "steps": steps}}))
"""
_STEP = """
begun, busy = time.perf_counter(), time.process_time()
{statement}
steps[{name!r}] = {{"seconds": time.perf_counter() - begun, "cpu_seconds": time.process_time() - busy, "peak_mib": peak()}}
"""


def measured(load: Load, folder: Path) -> Measured:
    """What a load costs in all and step by step; `{"failed": why}` when it ends in an error."""
    steps = "".join(_STEP.format(name=name, statement=statement) for name, statement in load.steps.items())
    program = _PROGRAM.format(imports=load.imports, before=load.before, steps=steps, rows=load.rows)
    environment = os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    command = [load.python, "-c", program, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=_LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"still at it after {_LONGEST} s"}
    if done.returncode:
        why = "killed: not enough memory" if done.returncode == -9 else (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]
        return {"failed": why}
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    spent = found["steps"].values()
    return (
        found
        | {name: sum(one[name] for one in spent) for name in ("seconds", "cpu_seconds")}
        | {"peak_mib": max(one["peak_mib"] for one in spent)}
    )


def in_turns(loads: dict[str, Load], folder: Path, runs: int) -> dict[str, Measured]:
    """The medians of each reader's runs; readers take turns, and each has its ratio to the last one, turn by turn."""
    found: dict[str, list[Measured]] = {reader: [] for reader in loads}
    for _ in range(runs):
        for reader, load in loads.items():
            if not any("failed" in one for one in found[reader]):
                found[reader].append(measured(load, folder))
    return {reader: _middle(turns, list(found.values())[-1]) for reader, turns in found.items()}


def _middle(turns: list[Measured], beside: list[Measured]) -> Measured:
    if failed := [one for one in turns if "failed" in one]:
        return failed[0]
    middle: Measured = {"rows": turns[0]["rows"], "runs": len(turns), "held_mib": turns[0]["held_mib"]} | _medians(turns)
    middle["steps"] = {name: _medians([one["steps"][name] for one in turns]) for name in turns[0]["steps"]}
    if all("failed" not in one and one["seconds"] > LEAST for one in beside):
        ratios = [one["seconds"] / other["seconds"] for one, other in zip(turns, beside, strict=True)]
        middle["times_polars"] = round(statistics.median(ratios), 2)
    return middle


def _medians(turns: list[Measured]) -> Measured:
    found = {name: round(statistics.median(one[name] for one in turns), 3) for name in ("seconds", "cpu_seconds")}
    return found | {"peak_mib": round(statistics.median(one["peak_mib"] for one in turns))}


# The parts: each takes what was asked and gives rows for the table; one more part is one more function in `PARTS`.


def sources(asked: argparse.Namespace) -> Iterator[Measured]:
    """Every form by Penchant and by polars; of many rows only some."""
    for rows in asked.rows or ((QUICK_ROWS,) if asked.quick else (*ROWS, MANY_ROWS)):
        frame = events(rows)
        with _folder() as folder:
            for form in FORMS:
                if rows < MANY_ROWS or form.name in _MANY:
                    form.write(frame, folder)
                    yield from _told("sources", form.name, by_settings(form.settings, form.bare), folder, rows, runs_of(asked))
            if rows < MANY_ROWS:
                as_parquet(frame, folder)
                for name, (made, bare) in FRAMES.items():
                    yield from _told("sources", name, of_frame(made, bare), folder, rows, runs_of(asked))
                yield from of_server(frame, folder, asked)


def by_settings(settings: dict[str, Any], bare: str) -> dict[str, Load]:
    """A source of a recipe."""
    imports = "from penchant.data.sources import read_table\nfrom penchant.schema.sections.data import SourceSettings"
    ours = Load(imports, {"read": f"frame = read_table(SourceSettings(**{settings!r}), at, 'events').frame"}, "frame.height")
    return {"penchant": ours, "polars": Load("import polars as pl", {"read": f"frame = {bare}"}, "frame.height")}


def of_frame(made: str, bare: str) -> dict[str, Load]:
    """A frame in memory, as `Dataset.from_frames` takes it before the check."""
    before = f"given = {made}"
    imports = "import polars as pl\nfrom penchant.data.dataset import _canonical_events"
    ours = Load(imports, {"read": "frame, _ = _canonical_events(given)"}, "frame.height", before)
    return {"penchant": ours, "polars": Load("import polars as pl", {"read": f"frame = {bare}"}, "frame.height", before)}


def of_server(frame: pl.DataFrame, folder: Path, asked: argparse.Namespace) -> Iterator[Measured]:
    """PostgreSQL, where there is one."""
    query = "select * from penchant_benchmark"
    try:
        with postgresql(frame, asked.postgresql) as url:
            bare = f"pl.read_database({query!r}, __import__('psycopg').connect({url!r}), infer_schema_length=None)"
            loads = by_settings({"url": url, "query": query}, bare)
            yield from _told("sources", "postgresql", loads, folder, frame.height, runs_of(asked))
    except LookupError as reason:
        row = {"part": "sources", "source": "postgresql", "events": frame.height, "reader": "penchant"}
        yield told(row | {"failed": f"not measured: {reason}; or name one with --postgresql"})


RECIPE = """
[data.events]
path = "log.csv"
[tasks.next]
kind = "next_item"
[tasks.stars]
kind = "regression"
label = "stars"
"""
_OURS = """import time
import polars as pl
from penchant.data.check import check
from penchant.data.clean import clean
from penchant.data.dataset import Dataset, Tables
from penchant.schema.recipe import Recipe
recipe, now = Recipe.parse({recipe!r}, at), time.time()"""
_OUR_STEPS = {
    "read": "tables = Tables.read(recipe)",
    "check": "report = check(tables.events, tables.users, tables.items, recipe, now=now)",
    "clean": "cleaned = clean(tables.events, tables.users, tables.items, recipe.data.clean, now=now)",
    "pack": "data = Dataset._packed(recipe, cleaned.events, cleaned.users, cleaned.items, report, cleaned.actions, ())",
}
_STREAM = """data = Dataset.pack(recipe, at / f"packed-{time.time_ns()}", pl.scan_csv(at / "log.csv").rename(
    {"userId": "user_id", "itemId": "item_id"}))"""
_RECBOLE = {
    "read": "data = create_dataset(config)",
    "prepare": "parts = data_preparation(config, data)",
}
_RECBOLE_SETTINGS = """import warnings; warnings.simplefilter("ignore")
from recbole.config import Config; from recbole.data import create_dataset, data_preparation
config = Config(model="Pop", dataset="log", config_dict={{"data_path": str(at), "show_progress": False, "state": "ERROR",
    "load_col": {{"inter": ["user_id", "item_id", "timestamp", "stars"]}}, "eval_args": {{"order": "TO"}}}})"""
_RECTOOLS = {
    "read": "table = pandas.read_csv(at / 'log.csv')",
    "prepare": "data = Dataset.construct(table.rename(columns={'userId': 'user_id', 'itemId': 'item_id', 'stars': 'weight', "
    "'timestamp': 'datetime'}).assign(datetime=lambda log: pandas.to_datetime(log['datetime'], unit='s')))",
}
_POLARS = {"read": "frame = pl.read_csv(at / 'log.csv')", "sort": "frame = frame.sort('userId', 'timestamp')"}
ROADS = {
    "penchant": Load(_OURS, _OUR_STEPS, "len(data)"),
    "penchant, streamed": Load(_OURS, {"pack": _STREAM}, "len(data)"),
    "recbole": Load(_RECBOLE_SETTINGS, _RECBOLE, "data.inter_num"),
    "rectools": Load("import pandas; from rectools.dataset import Dataset", _RECTOOLS, "len(data.interactions.df)"),
    "polars": Load("import polars as pl", _POLARS, "frame.height"),
}
"""Who brings `log.csv` (RecBole: `log/log.inter`) with user, item, time and stars to where a model can be trained; polars comes last."""
DOES = {
    "penchant": "types, ids and times made canonical; every kind of defect looked for; doubles, missing ids and times, future events taken "
    "out; ids numbered; sorted by user and time; all in memory",
    "penchant, streamed": "the same without the check, written to disk as it goes, opened memory-mapped",
    "recbole": "ids numbered, sorted by time, split 8:1:1, sets of used items for negative sampling, loaders; no check, doubles stay",
    "rectools": "ids numbered, times parsed, an interaction frame in file order; no sort, no split, no check, doubles stay",
    "polars": "numbers parsed, sorted by user and time; no ids numbered, no check",
}
PEERS = {"recbole": "recbole==1.2.1 'numpy<2' 'pandas<3' 'scipy<1.14'", "rectools": "rectools==0.19.0"}


def roads(asked: argparse.Namespace) -> Iterator[Measured]:
    """Everybody's whole road, of generated events and of MovieLens-1M."""
    if not asked.quick:
        ratings = asked.data / "ml-1m" / "ratings_rebuilt.parquet"
        if ratings.exists():
            # Half of the times were lost; the order of the events was not.
            told_when = pl.read_parquet(ratings).drop_nulls("chron_rank").with_columns(timestamp=956_703_932 + pl.col("chron_rank"))
            frame = told_when.select(userId="userID", itemId="movieID", timestamp="timestamp", stars="rating")
            yield from of_everybody("movielens-1m", frame, asked)
        else:
            row = {"part": "roads", "source": "movielens-1m", "events": 0, "reader": "everybody"}
            yield told(row | {"failed": f"not measured: no '{ratings.name}' in 'ml-1m' of --data"})
    for rows in asked.rows or ((QUICK_ROWS,) if asked.quick else (*ROWS, MANY_ROWS)):
        yield from of_everybody("generated", events(rows), asked)


def of_everybody(source: str, frame: pl.DataFrame, asked: argparse.Namespace) -> Iterator[Measured]:
    """The roads of those who are installed, in turns."""
    frame = frame.select("userId", "itemId", "timestamp", "stars")
    with _folder() as folder:
        frame.write_csv(folder / "log.csv")
        atomic(frame, folder)
        known = {name: replace(load, imports=load.imports.format(recipe=RECIPE)) for name, load in ROADS.items()}
        for name, packages in PEERS.items():
            python = Path(asked.peers or "", name, "bin", "python")
            if asked.peers and python.exists():
                known[name] = replace(known[name], python=str(python.absolute()))
            else:
                del known[name]
                how = f"python -m venv PEERS/{name} && PEERS/{name}/bin/pip install {packages}, then --peers PEERS"
                yield told({"part": "roads", "source": source, "events": frame.height, "reader": name, "failed": f"not installed: {how}"})
        yield from _told("roads", source, known, folder, frame.height, 1 if frame.height >= MANY_ROWS else runs_of(asked))


def runs_of(asked: argparse.Namespace) -> int:
    """How often a load is run."""
    return 1 if asked.quick else int(asked.runs)


def _told(part: str, source: str, loads: dict[str, Load], folder: Path, rows: int, runs: int) -> Iterator[Measured]:
    """A source's rows, printed as they come."""
    for reader, found in in_turns(loads, folder, runs).items():
        yield told({"part": part, "source": source, "events": rows, "reader": reader} | found)


def told(row: Measured) -> Measured:
    """The row, printed."""
    begin = f"{row['source']:16} {row['events']:>10,} {row['reader']:18}"
    if "failed" in row:
        print(f"{begin} {row['failed']}", flush=True)
        return row
    steps = "  ".join(f"{name} {one['seconds']:.2f} s {one['peak_mib']:,} MiB" for name, one in row["steps"].items())
    beside = f"{row['times_polars']:6.2f} x polars" if "times_polars" in row else ""
    memory = f"{row['peak_mib']:7,} MiB at most ({row['held_mib']:,} before)"
    shown = f"{begin} {row['seconds']:8.2f} s {row['cpu_seconds']:8.2f} CPU {memory} {beside}"
    print(shown + (f"   {steps}" if len(row["steps"]) > 1 else ""), flush=True)
    return row


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="data-") as name:
        yield Path(name)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Measured]]] = {"sources": sources, "roads": roads}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows, one run: under a minute")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--part", choices=list(PARTS), help="only this part")
    parser.add_argument("--rows", type=int, nargs="+", help=f"how many generated events; {ROWS} and {MANY_ROWS:,} when absent")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each load; {RUNS} when absent")
    parser.add_argument("--peers", help="a folder with virtual environments named recbole and rectools")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder that holds the data sets")
    parser.add_argument("--postgresql", help="the URL of a server where a table may be made and dropped; one is started when absent")
    asked = parser.parse_args()
    begun = time.perf_counter()
    rows = [row for name, part in PARTS.items() if asked.part in (None, name) for row in part(asked)]
    broken = [row for row in rows if "failed" in row and not row["failed"].startswith("not ")]
    if asked.part != "sources":
        print("\n".join(f"{reader}: {does}" for reader, does in DOES.items()))
    if asked.json:
        machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "polars_threads": pl.thread_pool_size()}
        spent = {
            "seconds": round(time.perf_counter() - begun, 1),
            "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        }
        print(json.dumps({"benchmark": "data", "quick": asked.quick, **machine, **spent, "rows": rows}))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
