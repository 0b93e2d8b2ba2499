"""What bringing data in costs: seconds and peak memory, each load in a process of its own, beside a bare polars load of the same bytes.

sources  Every kind of source, generated from the same Zipf-like events, read by `read_table` (ids as text, times in seconds, names
         mapped) and by polars alone, which does none of that. RecBole and RecTools load the same events where --peers names a folder
         with their virtual environments (`recbole`, `rectools`); --postgresql names a server that may be asked for generated rows.

    python benchmarks/data.py [--quick] [--json] [--part PART] [--rows ROWS] [--peers FOLDER] [--postgresql URL]

Seconds count the load alone, after imports, by the clock and of all cores together; the peak is of the whole process, beside what it
held before the load.
The last line is one JSON object with --json.
"""

import argparse
import gzip
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from backports import zstd

QUICK_ROWS, ROWS = 200_000, 5_000_000
FILES = 8
"""How many a pattern or a folder has."""
_LONGEST = 600
"""Seconds after which a load is given up."""

Measured = dict[str, Any]


# Events: who, what, when, how, like a shop's.


def events(rows: int) -> pl.DataFrame:
    """`userId, itemId, timestamp, stars, tab, event`: users and items by Zipf's law, times ascending."""
    random = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "userId": random.zipf(1.3, rows) % max(rows // 20, 10),
            "itemId": random.zipf(1.2, rows) % max(rows // 100, 10),
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


_ALL = "select * from log"
_BY_SQLITE = f"pl.read_database({_ALL!r}, __import__('sqlite3').connect(at / 'log.db'), infer_schema_length=None)"
_BY_DUCKDB = f"pl.from_arrow(__import__('duckdb').connect(str(at / 'log.duckdb'), read_only=True).sql({_ALL!r}).to_arrow_table())"
FORMS = (
    Form("csv", lambda frame, folder: frame.write_csv(folder / "log.csv"), {"path": "log.csv"}, "pl.read_csv(at / 'log.csv')"),
    Form("csv.gz", as_gzip, {"path": "log.csv.gz"}, "pl.read_csv(at / 'log.csv.gz')"),
    Form("csv.zst", as_zstd, {"path": "log.csv.zst"}, "pl.read_csv(at / 'log.csv.zst')"),
    Form(f"{FILES} csv files", in_parts("csv"), {"path": "parts/*.csv"}, "pl.read_csv(at / 'parts' / '*.csv')"),
    Form("jsonl", as_jsonl, {"path": "log.jsonl"}, "pl.read_ndjson(at / 'log.jsonl')"),
    Form("parquet", lambda frame, folder: frame.write_parquet(folder / "log.parquet"), {"path": "log.parquet"},
         "pl.read_parquet(at / 'log.parquet')"),
    Form(f"{FILES} parquet files", in_parts("parquet"), {"path": "parts"}, "pl.read_parquet(at / 'parts' / '*.parquet')"),
    Form("movielens", movielens, {"path": "ml"}, "pl.read_csv(at / 'ml' / 'ratings.csv')"),
    Form("recbole", atomic, {"path": "log/log.inter"}, "pl.read_csv(at / 'log' / 'log.inter', separator='\\t')"),
    Form("sqlite", sqlite, {"url": "sqlite:///log.db", "query": _ALL}, _BY_SQLITE),
    Form("duckdb", duckdb, {"url": "duckdb:///log.duckdb", "query": _ALL}, _BY_DUCKDB),
)  # fmt: skip

PEERS = {
    # RecBole builds its whole data set from atomic files; filters are off.
    "recbole": (
        "from recbole.config import Config; from recbole.data import create_dataset",
        "create_dataset(Config(model='Pop', dataset='log', config_dict={'data_path': str(at), 'load_col': {'inter': ['user_id', 'item_id', "
        "'timestamp', 'stars']}, 'show_progress': False, 'state': 'ERROR'})).inter_num",
        atomic,
    ),
    # RecTools takes pandas frames with these names.
    "rectools": (
        "import pandas; from rectools.dataset import Dataset",
        "len(Dataset.construct(pandas.read_csv(at / 'log.csv').rename(columns={'userId': 'user_id', 'itemId': 'item_id', "
        "'stars': 'weight', 'timestamp': 'datetime'}).assign(datetime=lambda log: "
        "pandas.to_datetime(log['datetime'], unit='s'))).interactions.df)",
        FORMS[0].write,
    ),
}


# One load, in a process of its own.

_LOAD = """
import json, resource, sys, time
from pathlib import Path
at = Path(sys.argv[1])
{imports}
def peak():
    # Not ru_maxrss where it can be helped: a new process inherits its parent's.
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)
    except OSError:
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024))
held, begun, busy = peak(), time.perf_counter(), time.process_time()
rows = {load}
spent = {{"seconds": round(time.perf_counter() - begun, 3), "cpu_seconds": round(time.process_time() - busy, 3)}}
print(json.dumps({{"rows": rows, **spent, "peak_mib": peak(), "held_mib": held}}))
"""


def measured(imports: str, load: str, folder: Path, python: str = sys.executable) -> Measured:
    """What a load costs; `{"failed": why}` when it ends in an error."""
    program = _LOAD.format(imports=imports, load=load)
    environment = os.environ | {"TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD": "1"}
    command = [python, "-c", program, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, timeout=_LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return {"failed": f"not done in {_LONGEST} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1][:200]}
    found: Measured = json.loads(done.stdout.splitlines()[-1])
    return found


def by_penchant(settings: dict[str, Any], folder: Path) -> Measured:
    """The load as a recipe's events."""
    imports = "from penchant.data.sources import read_table\nfrom penchant.schema.recipe import SourceSettings"
    return measured(imports, f"read_table(SourceSettings(**{settings!r}), at, 'events').frame.height", folder)


def by_polars(bare: str, folder: Path) -> Measured:
    """The load by polars alone."""
    return measured("import polars as pl", f"{bare}.height", folder)


# The parts: each takes what was asked and gives rows for the table; one more part is one more function in `PARTS`.


def sources(asked: argparse.Namespace) -> list[Measured]:
    """Every form by Penchant and by polars, then the peers."""
    rows = asked.rows or (QUICK_ROWS if asked.quick else ROWS)
    frame = events(rows)
    found = []
    for form in FORMS:
        with tempfile.TemporaryDirectory(prefix="data-") as name:
            folder = Path(name)
            form.write(frame, folder)
            for reader, one in (("penchant", by_penchant(form.settings, folder)), ("polars", by_polars(form.bare, folder))):
                found.append(told({"part": "sources", "source": form.name, "reader": reader} | one, asked))
    return found + postgresql(rows, asked) + peers(frame, asked)


def postgresql(rows: int, asked: argparse.Namespace) -> list[Measured]:
    """Rows that the server makes up, when one was named."""
    if not asked.postgresql:
        return [
            told({"part": "sources", "source": "postgresql", "reader": "penchant", "failed": "not measured: no --postgresql URL"}, asked)
        ]
    query = (
        f"select n % {rows // 20} as user_id, n % {rows // 100} as item_id, 1600000000 + n as timestamp, n % 10 / 2.0 as stars, "
        f"'home' as tab, 'click' as event from generate_series(1, {rows}) as n"
    )
    one = by_penchant({"url": asked.postgresql, "query": query}, Path())
    return [told({"part": "sources", "source": "postgresql", "reader": "penchant"} | one, asked)]


def peers(frame: pl.DataFrame, asked: argparse.Namespace) -> list[Measured]:
    """RecBole and RecTools, each in its own environment, where there is one."""
    found = []
    for name, (imports, load, write) in PEERS.items():
        python = Path(asked.peers or "", name, "bin", "python")
        row = {"part": "sources", "source": "recbole" if name == "recbole" else "csv", "reader": name}
        if asked.peers and python.exists():
            with tempfile.TemporaryDirectory(prefix="data-") as folder:
                write(frame, Path(folder))
                row |= measured(imports, load, Path(folder), str(python.absolute()))
        else:
            row |= {"failed": f"not measured: no environment '{name}' in --peers"}
        found.append(told(row, asked))
    return found


PARTS: dict[str, Callable[[argparse.Namespace], list[Measured]]] = {"sources": sources}


def told(row: Measured, asked: argparse.Namespace) -> Measured:
    """The row, printed as it comes."""
    if "failed" in row:
        print(f"{row['source']:16} {row['reader']:9} {row['failed']}", flush=True)
    else:
        memory = f"{row['peak_mib']:7,} MiB at most ({row['held_mib']:,} before)"
        print(
            f"{row['source']:16} {row['reader']:9} {row['rows']:>10,} rows {row['seconds']:8.2f} s {row['cpu_seconds']:8.2f} CPU {memory}",
            flush=True,
        )
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rows: under a minute")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--part", choices=list(PARTS), help="only this part")
    parser.add_argument("--rows", type=int, help=f"how many events; {ROWS:,} when absent")
    parser.add_argument("--peers", help="a folder with virtual environments named recbole and rectools")
    parser.add_argument("--postgresql", help="the URL of a server that may be asked for generated rows")
    asked = parser.parse_args()
    begun = time.perf_counter()
    rows = [row for name, part in PARTS.items() if asked.part in (None, name) for row in part(asked)]
    broken = [row for row in rows if "failed" in row and not row["failed"].startswith("not measured")]
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
