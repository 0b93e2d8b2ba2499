"""The index beside plain products and faiss: python benchmarks/index.py [--quick] [--json] [--threads N].

The 100 best of so many items of 64 numbers, for one query and for 256 at once: every product and `topk` by torch, every product by faiss
(`flat`), our exact index by blocks, and our lists of near items. Milliseconds per query are the best of several turns, by the clock and by
the processor. The bound is what reading all vectors once takes (their sum, in the same run) or what all products take, at the speed of one
that stays near the processor, whichever is more; near items need not keep to it. Recall@100 of near items is against every product,
on queries that the lists read were not chosen by.

Vectors are drawn: items around topics of 200, with popular ones longer; every other query is near an item, the rest amid four.
`--quick` leaves out the million and takes few turns.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import torch
from numpy.typing import NDArray

from penchant.funnel.exact import Exact
from penchant.funnel.index import EXACT_UP_TO
from penchant.funnel.near import Near

SIZES = (3_706, 50_000, 200_000, 1_000_000)
QUICK_SIZES = SIZES[:3]
WIDTH, K, BATCH, TRIED = 64, 100, 256, 256
LARGEST = 60_000_000  # products that plain torch is asked for at once: 240 MB
SPREAD = (np.arange(1, WIDTH + 1) ** -0.5).astype(np.float32)  # of a vector's numbers: some directions tell more than others

Floats = NDArray[np.float32]
Row = dict[str, Any]


def drawn(items: int) -> tuple[Floats, Floats]:
    """Item vectors `[items, width]` and queries `[TRIED + BATCH, width]`."""
    random = np.random.default_rng(0)
    topics = random.standard_normal((max(items // 200, 10), WIDTH), dtype=np.float32) * SPREAD
    vectors = 0.7 * topics[random.integers(len(topics), size=items)]
    vectors += 0.6 * random.standard_normal((items, WIDTH), dtype=np.float32) * SPREAD
    vectors *= random.lognormal(0, 0.3, size=(items, 1)).astype(np.float32)
    amid = random.integers(items, size=(TRIED + BATCH, 4))
    amid[::2] = amid[::2, :1]
    queries = vectors[amid].mean(axis=1) + 0.2 * random.standard_normal((len(amid), WIDTH), dtype=np.float32) * SPREAD
    return vectors, queries


def spent(work: Callable[[], object], turns: int) -> tuple[float, float]:
    """The best of some turns after a first: milliseconds by the clock, and by the processor."""
    work()
    found = []
    for _ in range(turns):
        clock, processor = time.perf_counter(), time.process_time()
        work()
        found.append(((time.perf_counter() - clock) * 1e3, (time.process_time() - processor) * 1e3))
    return min(each[0] for each in found), min(each[1] for each in found)


def operations(turns: int) -> float:
    """Multiplications and additions per millisecond."""
    left, right, out = torch.ones(BATCH, WIDTH), torch.ones(WIDTH, 4096), torch.empty(BATCH, 4096)
    return 2 * BATCH * WIDTH * 4096 / spent(lambda: torch.mm(left, right, out=out), 10 * turns)[1]


def measured(items: int, turns: int, speed: float) -> list[Row]:
    """Rows of one size: each way of searching, one query and many."""
    vectors, queries = drawn(items)
    tried, asked = queries[:TRIED], queries[TRIED:]
    begun = time.process_time()
    near = Near(vectors, tried)
    built, every, plain, flat = time.process_time() - begun, Exact(vectors), torch.from_numpy(vectors), faiss.IndexFlatIP(WIDTH)
    flat.add(vectors)
    best, listed = every.search(asked, K)[0], near.search(asked, K)[0]
    recall = float(np.mean([np.isin(own, other).mean() for own, other in zip(best, listed, strict=True)]))
    reading = spent(plain.sum, turns)[1]
    rows: list[Row] = []
    for count in (1, BATCH):
        some = asked[:count]
        bound = max(reading, 2.0 * count * vectors.size / speed) / count
        ways: dict[str, Callable[[], object]] = {
            "torch": lambda some=some: (torch.from_numpy(some) @ plain.T).topk(K),
            "faiss flat": lambda some=some: flat.search(some, K),
            "exact": lambda some=some: every.search(some, K),
            "near": lambda some=some: near.search(some, K),
        }
        for way, work in ways.items():
            row: Row = {"items": items, "queries": count, "way": way, "bound_ms": round(bound, 4)}
            if way == "torch" and count * items > LARGEST:
                row["failed"] = f"not measured: {count * items / 1e6:,.0f} million products at once"
            else:
                clock, processor = (value / count for value in spent(work, turns))
                row |= {"ms": round(clock, 4), "cpu_ms": round(processor, 4)}
            chosen = way == ("exact" if items <= EXACT_UP_TO else "near")
            row |= {"ours": True} if chosen else {}
            if way == "near":
                row |= {"recall@100": round(recall, 4), "lists": near.faiss.nlist, "read": near.probes, "build_cpu_s": round(built, 2)}
            rows.append(row)
            print(told(row), flush=True)
    return rows


def told(row: Row) -> str:
    """A row as a line."""
    start = f"{row['items']:9,} items {row['queries']:4} queries  {row['way']:10}"
    if "failed" in row:
        return f"{start} {row['failed']}"
    more = f"  recall@100 {row['recall@100']:.3f}, {row['read']} of {row['lists']} lists" if "read" in row else ""
    more += f", built in {row['build_cpu_s']:.1f} s" if "read" in row else ""
    return f"{start} {row['ms']:8.3f} ms a query ({row['cpu_ms']:.3f} CPU), bound {row['bound_ms']:.3f} CPU{more}" + (
        "  <- ours" if "ours" in row else ""
    )


def main() -> int:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="up to 200,000 items: under a minute")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    faiss.omp_set_num_threads(asked.threads)
    begun, turns = time.perf_counter(), 2 if asked.quick else 5
    speed = operations(turns)
    print(f"{speed / 1e6:.0f} GFLOP/s in products", flush=True)
    rows = [row for items in (QUICK_SIZES if asked.quick else SIZES) for row in measured(items, turns, speed)]
    if asked.json:
        machine = {"cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1), "threads": asked.threads}
        spent_here = {"seconds": round(time.perf_counter() - begun, 1)}
        speeds_told = {"products_gflop_s": round(speed / 1e6)}
        print(json.dumps({"benchmark": "index", "quick": asked.quick, **machine, **speeds_told, **spent_here, "rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
