"""torch-rechub's MMoE for benchmarks/training.py, run in its own environment."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from multitask import serve
from numpy.typing import NDArray
from torch_rechub.basic.features import SparseFeature
from torch_rechub.models.multi_task import MMOE
from torch_rechub.trainers import MTLTrainer
from torch_rechub.utils.data import DataGenerator


class Rechub:
    """The library's trainer, one `train_one_epoch` per order."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.names = settings["fields"]
        sizes = dict(zip(self.names, settings["sizes"], strict=True))
        features = [SparseFeature(name, size, embed_dim=settings["embedding"]) for name, size in sizes.items()]
        kinds = ["classification"] * len(settings["tasks"])
        self.model = MMOE(features, kinds, settings["experts"], {"dims": settings["hidden"]}, [{"dims": settings["tower"]} for _ in kinds])
        given = {"lr": settings["learning_rate"], "weight_decay": 0.0}
        self.trainer = MTLTrainer(self.model, kinds, optimizer_params=given, device="cpu")

    def train(self, batches: Iterable[Any]) -> None:
        self.trainer.train_one_epoch(batches)

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        self.model.eval()
        return self.model(dict(zip(self.names, rows.unbind(1), strict=True)))


def loader_of(settings: dict[str, Any], rows: NDArray[np.int64], labels: NDArray[np.floating]) -> Iterable[Any]:
    columns = {name: np.ascontiguousarray(column) for name, column in zip(settings["fields"], rows.T, strict=True)}
    batches, _, _ = DataGenerator(columns, labels).generate_dataloader(batch_size=settings["batch"])
    return batches


def batch_of(settings: dict[str, Any], rows: torch.Tensor, labels: torch.Tensor) -> Any:
    return {name: column.contiguous() for name, column in zip(settings["fields"], rows.unbind(1), strict=True)}, labels


if __name__ == "__main__":
    serve(Rechub, loader_of, batch_of)
