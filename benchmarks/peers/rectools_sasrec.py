"""RecTools' SASRec for benchmarks/sequential.py, run in RecTools' own environment: python rectools_sasrec.py FOLDER.

Reads FOLDER/events.npy (user, item, time) and settings.json; writes lists.npy (ten items per user, -1 where fewer) and told.json.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel
from rectools.models.nn.item_net import IdEmbeddingsItemNet


class Clock(Callback):
    """Counts batches and stops when the time is over."""

    def __init__(self, seconds: float) -> None:
        self.limit, self.batches, self.begun = seconds, 0, 0.0

    def on_train_start(self, trainer, module) -> None:
        self.begun = time.monotonic()
        self.in_epoch = trainer.num_training_batches

    def on_train_batch_end(self, trainer, module, *rest) -> None:
        self.batches, self.seconds = self.batches + 1, time.monotonic() - self.begun
        trainer.should_stop = trainer.should_stop or self.seconds >= self.limit


def main(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    events = pd.DataFrame(np.load(folder / "events.npy"), columns=[Columns.User, Columns.Item, Columns.Datetime])
    events[Columns.Datetime] = pd.to_datetime(events[Columns.Datetime], unit="s")
    events[Columns.Weight] = 1.0
    seed_everything(0)
    clock = Clock(settings["seconds"])
    model = SASRecModel(
        n_blocks=settings["layers"],
        n_heads=settings["heads"],
        n_factors=settings["width"],
        session_max_len=settings["length"],
        dropout_rate=settings["dropout"],
        loss="softmax",
        item_net_block_types=(IdEmbeddingsItemNet,),
        get_trainer_func=lambda: Trainer(
            max_epochs=10_000, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=[clock],
        ),
    )  # fmt: skip
    data = Dataset.construct(events)
    processor = time.process_time()
    model.fit(data)
    spent = time.process_time() - processor
    clock = next(each for each in model.fit_trainer.callbacks if isinstance(each, Clock))  # RecTools trains with a copy
    users = np.sort(events[Columns.User].unique())
    found = model.recommend(users, data, k=10, filter_viewed=True)
    lists = np.full((users.max() + 1, 10), -1)
    lists[found[Columns.User], found[Columns.Rank] - 1] = found[Columns.Item]
    np.save(folder / "lists.npy", lists)
    epoch = clock.seconds / clock.batches * clock.in_epoch
    told = {"epoch_seconds": epoch, "epochs": clock.seconds / epoch, "seconds": clock.seconds, "cpu_seconds": spent}
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
