"""RecBole's SASRec for benchmarks/sequential.py, run in RecBole's own environment: python recbole_sasrec.py FOLDER.

Reads FOLDER/events.npy (user, item, time) and settings.json; writes lists.npy (ten items per user, -1 where fewer) and told.json.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.interaction import Interaction
from recbole.model.sequential_recommender import SASRec
from recbole.utils import init_seed

BATCH = 256  # RecBole's own 2,048 histories take most of a minute on one core


def config_of(folder: Path, settings: dict) -> Config:
    (folder / "events").mkdir(exist_ok=True)
    np.savetxt(
        folder / "events" / "events.inter", np.load(folder / "events.npy"), fmt="%d", delimiter="\t", comments="",
        header="user_id:token\titem_id:token\ttimestamp:float",
    )  # fmt: skip
    given = {
        "data_path": str(folder), "USER_ID_FIELD": "user_id", "ITEM_ID_FIELD": "item_id", "TIME_FIELD": "timestamp",
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]}, "MAX_ITEM_LIST_LENGTH": settings["length"], "use_gpu": False,
        "hidden_size": settings["width"], "inner_size": 4 * settings["width"], "n_layers": settings["layers"], "n_heads": settings["heads"],
        "hidden_dropout_prob": settings["dropout"], "attn_dropout_prob": settings["dropout"], "loss_type": "CE",
        "train_neg_sample_args": None, "train_batch_size": BATCH, "eval_args": {"split": {"RS": [1, 0, 0]}, "order": "TO", "mode": "full"},
        "show_progress": False, "state": "ERROR", "seed": 0, "worker": 0,
    }  # fmt: skip
    return Config(model="SASRec", dataset="events", config_dict=given)


def learn(model: SASRec, batches, seconds: float, rate: float) -> dict:
    """Epochs until the time is over."""
    optimiser = torch.optim.Adam(model.parameters(), lr=rate)
    begun, processor, done = time.monotonic(), time.process_time(), 0
    model.train()
    while time.monotonic() - begun < seconds:
        for batch in batches:
            optimiser.zero_grad()
            model.calculate_loss(batch).backward()
            optimiser.step()
            done += 1
            if time.monotonic() - begun >= seconds:
                break
    spent = time.monotonic() - begun
    epoch = spent / done * len(batches)
    return {"epoch_seconds": epoch, "epochs": spent / epoch, "seconds": spent, "cpu_seconds": time.process_time() - processor}


@torch.no_grad()
def lists(model: SASRec, dataset, events: np.ndarray, length: int) -> np.ndarray:
    """Ten items per user out of those not had."""
    model.eval()
    to_token = dataset.field2id_token["item_id"]
    inner = {int(token): place for place, token in enumerate(to_token) if place}
    had = np.array([inner[item] for item in events[:, 1]])
    order = np.lexsort((events[:, 2], events[:, 0]))
    users, starts = np.unique(events[order, 0], return_index=True)
    found = np.full((users.max() + 1, 10), -1)
    for user, past in zip(users, np.split(had[order], starts[1:]), strict=True):
        last = past[-length:]
        sequence = torch.zeros(1, length, dtype=torch.int64)
        sequence[0, : len(last)] = torch.from_numpy(last)
        asked = Interaction({"item_id_list": sequence, "item_length": torch.tensor([len(last)])})
        scores = model.full_sort_predict(asked)[0]
        scores[0] = -torch.inf  # the padding
        scores[torch.from_numpy(past)] = -torch.inf
        found[user] = [int(to_token[place]) for place in scores.topk(10).indices.tolist()]
    return found


def main(folder: Path) -> None:
    settings = json.loads((folder / "settings.json").read_text())
    config = config_of(folder, settings)
    init_seed(0, True)
    dataset = create_dataset(config)
    batches, _, _ = data_preparation(config, dataset)
    model = SASRec(config, batches.dataset)
    told = learn(model, batches, settings["seconds"], config["learning_rate"])
    np.save(folder / "lists.npy", lists(model, dataset, np.load(folder / "events.npy"), settings["length"]))
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
