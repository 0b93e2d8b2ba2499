"""What the rivals on KuaiRand share: reading a day's folder, and the order python kuairand_LIBRARY.py FOLDER OUT SETTINGS.

FOLDER is as studies/kuairand_export.py writes it, SETTINGS one line of JSON. Writes OUT/predictions.npy, probabilities
[impressions of the day, tasks], NaN for a task that the rival does not learn, and OUT/told.json.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


class Day:
    """One day's folder.

    Attributes:
        columns: The names of what the arrays hold; `index` and `bags` with their sizes.
        judged: Whether a row is the day's, [n]; the others are learnt from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.columns = json.loads((folder / "columns.json").read_text(encoding="utf8"))
        self.judged = self.read("judged")
        self.label = self.read("label")

    def read(self, name: str) -> np.ndarray:
        return np.load(self.folder / f"{name}.npy", allow_pickle=False)

    def task(self, name: str) -> int:
        return self.columns["tasks"].index(name)

    def numbers(self, history: bool, counters: bool = True) -> np.ndarray:
        """The numbers [n, columns]; without `history` those of the recipe alone, without `counters` none that the recipe counts."""
        left_out = () if history else ("past.",)
        left_out += () if counters else ("context.", "candidate.")
        return self.read("number")[:, [place for place, name in enumerate(self.columns["numbers"]) if not name.startswith(left_out)]]


def run(fit: Callable[[Day, dict], tuple[np.ndarray, dict]]) -> None:
    """Read the command line, fit, predict, and write both down."""
    folder, out, settings = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
    begun, processor = time.monotonic(), time.process_time()
    predictions, told = fit(Day(folder), settings)
    told |= {"seconds": time.monotonic() - begun, "cpu_seconds": time.process_time() - processor}
    out.mkdir(parents=True, exist_ok=True)
    np.save(out / "predictions.npy", predictions.astype(np.float32))
    (out / "told.json").write_text(json.dumps(told), encoding="utf8")
