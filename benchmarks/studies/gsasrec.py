"""MovieLens-1M as gSASRec was measured on it: each user's last film is asked for, every film ranked that the user has not had.

Models learn from the committed training lines alone; the committed validation films of 512 users choose settings. They are too few to
choose between epochs (a standard error of .014), so that SASRec keeps its last weights, when its learning rate has come down.
"""

from pathlib import Path

import numpy as np

from studies.sequences import Parts, Sequences, Settings, dataset_of, lines_of

SASREC = {"width": 128, "epochs": 12, "learning_rate": 0.0015}
SETTINGS = Settings(
    sasrec={"sasrec": SASREC, "sasrec_gbce": SASREC | {"loss": "gbce"}},
    stops=False,
    network="[history]\nlength = 200\n[network]\nwidth = 64\n[training]\nepochs = 8\nbatch_events = 2048\n",
    item_knn=[
        {"neighbours": neighbours, "shrinkage": shrinkage, "recency": recency}
        for neighbours, shrinkage, recency in [
            (200, 0.0, 0.8), (500, 0.0, 0.7), (1500, 0.0, 0.8), (1500, 0.0, 0.7), (1500, 0.0, 0.5),
        ]
    ],
    others={},
)  # fmt: skip


def read(folder: Path) -> Parts:
    """Train, valid (512 users) and test.

    A user's line is the test input and the test film; the training line is its beginning. Where the validation film follows it, the user is
    one of the 512.
    """
    train, test, wanted = (
        lines_of((folder / name).read_text(encoding="utf8")) for name in ("train/input.txt", "test/input.txt", "test/output.txt")
    )
    data, from_end = dataset_of([*before, *last] for before, last in zip(test, wanted, strict=True))
    held_back = np.array([len(whole) - len(part) for whole, part in zip(test, train, strict=True)])[data.log.user]
    learnt = from_end > 1 + held_back
    judged = (held_back == 2) & (from_end == 2)
    return tuple(data.part(np.flatnonzero(which)) for which in (learnt, judged, from_end == 1))  # type: ignore[return-value]  # three


def study(split: str, data: Path) -> Sequences:
    """ml-1m-gsasrec."""
    return Sequences(lambda: read(data / split), SETTINGS)
