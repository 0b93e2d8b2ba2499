"""What the peers of benchmarks/training.py share: the rows they are told, and the orders they take.

    python PEER_mmoe.py FOLDER DESCRIPTOR

FOLDER holds settings.json, rows.npy `[rows, fields]` (indices), labels.npy `[rows, tasks]`, test.npy `[tests, fields]`. Orders come one
a line: `shipped N` trains the next N batches that the library's own loader makes, `ready N` trains N batches made before the clock
starts, both after some that are not timed; `epoch` trains a fresh model for one epoch of the library's own loader and writes
predictions.npy `[tests, tasks]`. Each is answered on the DESCRIPTOR, where nothing that a library prints can be taken for an answer, by a
line of JSON with the seconds it took.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from itertools import chain, cycle, islice, repeat
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

SEED = 0
LEAD = 2
"""Batches before the clock starts: as many as a loader with a process of its own has ready after others had their turn."""

Settings = dict[str, Any]


class Peer(Protocol):
    """A library's MMoE with its own training step."""

    def train(self, batches: Iterable[Any]) -> None:
        """One pass over the batches."""

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        """Probabilities `[rows, tasks]`."""


def serve(
    build: Callable[[Settings], Peer],
    loader_of: Callable[[Settings, NDArray[np.int64], NDArray[np.floating]], Iterable[Any]],
    batch_of: Callable[[Settings, torch.Tensor, torch.Tensor], Any],
) -> None:
    """Take orders until there are none.

    Args:
        build: A fresh model from the settings.
        loader_of: The library's own loader of all rows `[rows, fields]` and labels `[rows, tasks]` in random order.
        batch_of: A batch in the library's own form from rows `[n, fields]` and labels `[n, tasks]`.
    """
    folder, answers = Path(sys.argv[1]), os.fdopen(int(sys.argv[2]), "w")
    settings = json.loads((folder / "settings.json").read_text(encoding="utf8"))
    rows, labels = (np.load(folder / f"{name}.npy") for name in ("rows", "labels"))
    loader, ready = loader_of(settings, rows, labels), _ready(settings, rows, labels, batch_of)
    sources = {"shipped": chain.from_iterable(repeat(loader)), "ready": cycle(ready)}
    peer: Peer | None = build(settings)
    for line in sys.stdin:
        order, *count = line.split()
        if order != "epoch":
            peer.train(islice(sources[order], LEAD))
        if order == "epoch":
            peer = None  # two at once would need twice the memory
            torch.manual_seed(SEED)
            peer = build(settings)
        some = loader if order == "epoch" else islice(sources[order], int(count[0]))
        begun = time.perf_counter()
        peer.train(some)
        told = {"seconds": time.perf_counter() - begun}
        if order == "epoch":
            np.save(folder / "predictions.npy", _predicted(peer, np.load(folder / "test.npy")))
        print(json.dumps(told), file=answers, flush=True)


def _ready(settings: Settings, rows: NDArray[np.int64], labels: NDArray[np.floating], batch_of: Callable[..., Any]) -> list[Any]:
    """All whole batches in random order."""
    order = torch.from_numpy(np.random.default_rng(SEED).permutation(len(rows)))
    whole = order.split(settings["batch"])[:-1]
    return [batch_of(settings, torch.from_numpy(rows)[some], torch.from_numpy(labels)[some]) for some in whole]


def _predicted(peer: Peer, rows: NDArray[np.int64]) -> NDArray[np.floating]:
    with torch.no_grad():
        return torch.cat([peer.predict(part) for part in torch.from_numpy(rows).split(65_536)]).numpy()
