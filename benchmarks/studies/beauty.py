"""Amazon Beauty as S3-Rec was measured on it: each user's last item is asked for, every item ranked that the user has not had.

The last but one of each user chooses epochs and settings; models learn from what lies before it, and read it when asked for the last.
"""

from pathlib import Path

import numpy as np

from penchant.models.sequential.two_tower import TwoTower
from studies.sequences import Parts, Sequences, Settings, dataset_of, lines_of

SASREC = {"length": 50, "dropout": 0.4, "epochs": 12, "batch_events": 1024}
SETTINGS = Settings(
    sasrec={"sasrec": SASREC, "sasrec_gbce": SASREC | {"loss": "gbce"}},
    network="[history]\nlength = 50\n[network]\nwidth = 64\ndropout = 0.3\n[training]\nepochs = 8\nbatch_events = 2048\n",
    item_knn=[
        {"neighbours": neighbours, "shrinkage": shrinkage, "recency": recency}
        for neighbours, shrinkage, recency in [(200, 0.0, 1.0), (200, 5.0, 0.8), (500, 1.0, 0.8), (500, 1.0, 0.6), (500, 5.0, 0.7)]
    ],
    others={"two_tower": lambda: TwoTower(epochs=12, batch_events=1024, dropout=0.3)},
)


def read(folder: Path) -> Parts:
    """Train, valid and test; a line is a user and that user's items."""
    lines = lines_of((folder / "Beauty.txt").read_text(encoding="utf8"))
    data, from_end = dataset_of([items for _, *items in lines])
    return tuple(data.part(np.flatnonzero(which)) for which in (from_end > 2, from_end == 2, from_end == 1))  # type: ignore[return-value]


def study(split: str, data: Path) -> Sequences:
    """s3rec-beauty."""
    return Sequences(lambda: read(data / split), SETTINGS)
