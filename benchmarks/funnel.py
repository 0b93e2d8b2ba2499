"""The funnel offline: what variety costs in NDCG and gives in diversity and coverage, and what its steps cost in time.

    python benchmarks/funnel.py [--quick] [--json] [--split ml-100k|ml-1m] [--data FOLDER] [--figure FILE] [--threads N]

EASE and implicit ALS on MovieLens, the last 10 % of each user as test, all films ranked for every user of that part; each method at several
strengths, by genres (EASE has no vectors) or by the model's vectors (ALS). Intervals draw users; differences are from the order of scores,
paired. Then filters over 100,000 items and the three methods over 100 candidates of 64 numbers, milliseconds, the best of several turns.

`--quick`: two strengths, few turns. `--figure`: where NDCG against diversity and coverage is drawn, as SVG. The last line is one JSON
object with --json.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from studies.study import BOOTSTRAP, text_of

from penchant.data.dataset import Dataset
from penchant.funnel.condition import Told
from penchant.funnel.diversity.calibrated import calibrated
from penchant.funnel.diversity.dpp import dpp
from penchant.funnel.diversity.mmr import mmr
from penchant.funnel.item_table import ItemTable
from penchant.models.collaborative.als import ALS
from penchant.models.collaborative.ease import EASE
from penchant.models.recommender import Recommender
from penchant.report.charts import WIDTH
from penchant.schema.filter import read_filter
from penchant.schema.recipe import Recipe
from penchant.schema.sections.funnel import DiversitySettings
from penchant.studies.funnel import Point, charts, variety

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SPLITS = {"ml-100k": "movielens-100k", "ml-1m": "movielens-1m"}
STRENGTHS, QUICK_STRENGTHS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9), (0.1, 0.5)
METHODS = ("mmr", "dpp", "calibrated")
TOLD = ("ndcg@10", "diversity@10", "coverage@10", "miscalibration@10", "novelty@10")
ITEMS, POOL, LIST, WIDE = 100_000, 100, 10, 64
FILTERS = {
    "one column": "price < 0.5",
    "two columns and the user": "price < 0.5 and kind == user.likes",
    "a list": "'k3' in kinds and price < user.most",
}
HIGH = 300  # of one drawing
STYLE = (
    "svg{font:12px sans-serif;background:#fff}.axis{fill:#555}.grid{stroke:#ddd}.tick{stroke:#888}.line{fill:none;stroke-width:2}"
    ".mark{fill:#fff;stroke-width:2}.s1{stroke:#1f6f8b}.s2{stroke:#c2571a}.s3{stroke:#5b7f2b}"
)

Row = dict[str, Any]


def models(train: Dataset) -> dict[str, Recommender]:
    """Fitted; one without vectors of items, one with."""
    return {"ease": EASE().fit(train), "als": ALS(seed=0).fit(train)}


def ways(strengths: tuple[float, ...]) -> list[DiversitySettings]:
    """Every method at every strength."""
    return [DiversitySettings(method=method, strength=strength) for method in METHODS for strength in strengths]


def row_of(name: str, point: Point) -> Row:
    """A point as it is printed and kept."""
    way = point.settings
    row: Row = {"model": name, "method": way.method if way else "score", "strength": way.strength if way else 0.0}
    row |= {key: {"value": point.metrics[key].value, "low": point.metrics[key].low, "high": point.metrics[key].high} for key in TOLD}
    if point.difference is not None:
        gap = point.difference.metric
        row["difference"] = {"value": gap.value, "low": gap.low, "high": gap.high}
    return row


def spent(work: Callable[[], object], turns: int) -> float:
    """Milliseconds, the best of some turns after a first."""
    work()
    found = []
    for _ in range(turns):
        begun = time.perf_counter()
        work()
        found.append((time.perf_counter() - begun) * 1e3)
    return min(found)


def costs(turns: int) -> dict[str, float]:
    """What steps cost, in milliseconds."""
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "price": random.random(ITEMS),
            "kind": [f"k{kind}" for kind in random.integers(20, size=ITEMS)],
            "kinds": [f"k{one}|k{other}" for one, other in random.integers(20, size=(ITEMS, 2))],
        }
    )
    users = pl.DataFrame({"user_id": ["u"], "likes": ["k1"], "most": [0.7]})
    told = Told({"likes": "k1", "most": 0.7}, {})

    def table() -> ItemTable:
        made = ItemTable(frame, {"kinds": "|"}, users)
        for name in frame.columns:
            made.column(name)
        return made

    kept, found = table(), {}
    for name, text in FILTERS.items():
        asked = read_filter(text)
        kept.mask(asked, told)
        found[f"filter of {ITEMS:,} items, {name}"] = spent(lambda asked=asked: kept.mask(asked, told), turns)
    fresh = [table() for _ in range(turns + 1)]
    asked = read_filter(FILTERS["one column"])
    found[f"filter of {ITEMS:,} items, one column, never asked before"] = spent(lambda: fresh.pop().mask(asked, told), turns)
    vectors = random.standard_normal((POOL, WIDE))
    unit, relevance = vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.sort(random.random(POOL))[::-1]
    shares = np.eye(20)[random.integers(20, size=POOL)]
    found[f"mmr, {LIST} of {POOL}"] = spent(lambda: mmr(relevance, unit, 0.3, LIST), turns)
    found[f"dpp, {LIST} of {POOL}"] = spent(lambda: dpp(relevance, unit, 0.3, LIST), turns)
    found[f"calibrated, {LIST} of {POOL}"] = spent(lambda: calibrated(relevance, shares, shares[:30].sum(axis=0), 0.3, LIST), turns)
    return found


def drawn(points: dict[str, list[Point]]) -> str:
    """NDCG over diversity and over coverage, a row of drawings for each model, as one SVG."""
    parts = []
    for down, (name, own) in enumerate(points.items()):
        for across, chart in enumerate(charts(own, name)):
            parts.append(f'<svg x="{across * WIDTH}" y="{down * HIGH + 20}" width="{WIDTH}" height="{HIGH - 20}">{chart.svg()}</svg>')
        parts.append(f'<text x="8" y="{down * HIGH + 16}">{name}</text>')
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * WIDTH} {HIGH * len(points)}">'
    return f"{frame}<style>{STYLE}</style>{''.join(parts)}</svg>\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two strengths, few turns")
    parser.add_argument("--json", action="store_true", help="end with one JSON object")
    parser.add_argument("--split", choices=SPLITS, default="ml-100k")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the data sets")
    parser.add_argument("--figure", type=Path, help="where NDCG against variety is drawn, as SVG")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = Recipe.parse(text_of(SPLITS[asked.split]), asked.data / asked.split, asked.split)
    train, _, test = Dataset.read(recipe).split()
    points, rows = {}, []
    for name, model in models(train).items():
        begun = time.perf_counter()
        points[name] = variety(model, train, test, ways(QUICK_STRENGTHS if asked.quick else STRENGTHS), BOOTSTRAP)
        rows += [row_of(name, point) for point in points[name]]
        print(f"{name}  {len(points[name])} ways in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
    for row in rows:
        less = (
            f"  {row['difference']['value']:+.4f} [{row['difference']['low']:+.4f}, {row['difference']['high']:+.4f}]"
            if "difference" in row
            else ""
        )
        values = "  ".join(f"{key.partition('@')[0]} {row[key]['value']:.4f}" for key in TOLD)
        print(f"{row['model']:<5} {row['method']:<10} {row['strength']:<4g}  {values}{less}")
    spending = costs(10 if asked.quick else 100)
    for name, milliseconds in spending.items():
        print(f"{name:<70} {milliseconds:8.3f} ms")
    if asked.figure is not None:
        asked.figure.parent.mkdir(parents=True, exist_ok=True)
        asked.figure.write_text(drawn(points), encoding="utf8")
    if asked.json:
        print(
            json.dumps(
                {
                    "benchmark": "funnel",
                    "split": asked.split,
                    "queries": len(np.unique(test.log.user[test.positives])),
                    "ways": rows,
                    "costs": spending,
                }
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
