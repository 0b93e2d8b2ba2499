"""Tries the rivals' settings on KuaiRand's 30 April, learnt from the days before.

    python benchmarks/tune_kuairand.py --peers FOLDER [RIVAL …]

Appends a line per trial to benchmarks/results/kuairand-trials.jsonl; what is on record is not tried again, so a stopped run goes on.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from studies.kuairand_days import LABELS, TUNED_ON, Days, what_is_read
from studies.kuairand_export import Export
from studies.study import mark_of

from penchant.evaluation.metrics.auc import auc
from studies import kuairand_rivals as rivals

HERE = Path(__file__).resolve().parent


def trial(rival: str, peers: Path, folder: Path, setting: rivals.Setting) -> rivals.Trial:
    """One setting, fitted for every task and judged."""
    told = rivals.order(rival, dict.fromkeys(rivals.LEARNT, setting), seed=0)
    if not rivals.RIVALS[rival].seeded:
        told |= {"tasks": {task: told["tasks"][task] for task in rivals.LEARNT}, "tuning": True}
    found, spent = rivals.run(rival, peers, folder, told)
    label, judged = np.load(folder / "label.npy"), np.load(folder / "judged.npy")
    place = {task: list(LABELS).index(task) for task in rivals.LEARNT}
    reached = {task: round(auc(label[judged, each], found[:, each]), 5) for task, each in place.items()}
    row: rivals.Trial = {
        "rival": rival,
        "read": mark_of(what_is_read()),
        "setting": dict(setting),
        "auc": reached,
        "cpu_seconds": round(spent["cpu_seconds"], 1),
    }
    return row | ({"rounds": spent["rounds"]} if "rounds" in spent else {})


def main() -> int:
    """Read the command line and try."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rivals", nargs="*", metavar="RIVAL", help=f"of {', '.join(rivals.RIVALS)}; all unless told")
    parser.add_argument("--peers", type=Path, required=True, help="a folder with the rivals' virtual environments")
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data", help="the folder that holds the data sets")
    parser.add_argument("--trials", type=int, default=rivals.MOST, help="of each rival, at most")
    given = parser.parse_args()
    folder = Export(Days(given.data / "kuairand"), HERE / "cache" / "kuairand" / "days").write(TUNED_ON)
    for rival in given.rivals or rivals.RIVALS:
        if (why := rivals.missing(rival, given.peers)) is not None:
            print(why, file=sys.stderr)
            continue
        for setting in rivals.untried(rival)[: given.trials]:
            row = trial(rival, given.peers, folder, setting)
            with rivals.TRIALS.open("a", encoding="utf8") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
