"""torch-rechub's MMoE for benchmarks/training.py, run in its own environment: python rechub_mmoe.py FOLDER."""

from typing import Any

import torch
from multitask import serve
from torch_rechub.basic.features import SparseFeature
from torch_rechub.models.multi_task import MMOE
from torch_rechub.trainers import MTLTrainer


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

    def train(self, batches: list[Any]) -> None:
        self.trainer.train_one_epoch(batches)

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        self.model.eval()
        return self.model(dict(zip(self.names, rows.unbind(1), strict=True)))


def batch_of(settings: dict[str, Any], rows: torch.Tensor, labels: torch.Tensor) -> Any:
    return {name: column.contiguous() for name, column in zip(settings["fields"], rows.unbind(1), strict=True)}, labels


if __name__ == "__main__":
    serve(Rechub, batch_of)
