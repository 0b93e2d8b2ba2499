"""What the peers of benchmarks/training.py share: the rows they are told, and the orders they take.

FOLDER holds settings.json, rows.npy `[rows, fields]` (indices), labels.npy `[rows, tasks]`, test.npy `[tests, fields]`. Batches are made
before the clock starts. Orders come one a line: `time N` trains N batches of the epoch, `epoch` trains a fresh model for one epoch and
writes predictions.npy `[tests, tasks]`. Each is answered by a line of JSON with the seconds it took.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

SEED = 0


class Peer(Protocol):
    """A library's MMoE with its own training step."""

    def train(self, batches: list[Any]) -> None:
        """One pass over the batches."""

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        """Probabilities `[rows, tasks]`."""


def serve(build: Callable[[dict[str, Any]], Peer], batch_of: Callable[[dict[str, Any], torch.Tensor, torch.Tensor], Any]) -> None:
    """Take orders until there are none.

    Args:
        build: A fresh model from the settings.
        batch_of: A batch in the library's own form from rows `[n, fields]` and labels `[n, tasks]`.
    """
    folder, answers = Path(sys.argv[1]), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print; answers go where they cannot be mixed up
    settings = json.loads((folder / "settings.json").read_text(encoding="utf8"))
    rows, labels = (torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("rows", "labels"))
    order = torch.from_numpy(np.random.default_rng(SEED).permutation(len(rows)))
    batches = [batch_of(settings, rows[some], labels[some]) for some in order.split(settings["batch"])]
    peer, done = build(settings), 0
    for line in sys.stdin:
        order_given, *count = line.split()
        if order_given == "epoch":
            torch.manual_seed(SEED)
            peer = build(settings)
        some = batches if order_given == "epoch" else [batches[place % (len(batches) - 1)] for place in range(done, done + int(count[0]))]
        begun = time.perf_counter()
        peer.train(some)
        told = {"seconds": time.perf_counter() - begun}
        done += len(some)
        if order_given == "epoch":
            with torch.no_grad():
                found = [peer.predict(part) for part in torch.from_numpy(np.load(folder / "test.npy")).split(65_536)]
            np.save(folder / "predictions.npy", torch.cat(found).numpy())
        print(json.dumps(told), file=answers, flush=True)
