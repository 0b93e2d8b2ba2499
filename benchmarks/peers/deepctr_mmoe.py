"""DeepCTR-Torch's MMoE for benchmarks/training.py, run in its own environment.

Its `fit` trains. It makes its loader itself, of which no one can take a few batches: the same loader is made here and put in its place.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from deepctr_torch.inputs import SparseFeat
from deepctr_torch.models import basemodel
from deepctr_torch.models.multitask import MMOE
from multitask import serve
from numpy.typing import NDArray
from torch.utils.data import DataLoader, TensorDataset


class DeepCTR:
    """The library's model; no penalty on its weights, which would read whole tables every step."""

    def __init__(self, settings: dict[str, Any]) -> None:
        sizes = dict(zip(settings["fields"], settings["sizes"], strict=True))
        columns = [SparseFeat(name, size, embedding_dim=settings["embedding"]) for name, size in sizes.items()]
        self.tasks = len(settings["tasks"])
        self.model = MMOE(
            columns, settings["experts"], tuple(settings["hidden"]), (), tuple(settings["tower"]), l2_reg_embedding=0.0,
            l2_reg_linear=0.0, task_types=["binary"] * self.tasks, task_names=settings["tasks"],
        )  # fmt: skip
        self.model.compile(torch.optim.Adam(self.model.parameters(), settings["learning_rate"]), ["binary_crossentropy"] * self.tasks)
        self.names = settings["fields"]

    def train(self, batches: Iterable[Any]) -> None:
        basemodel.DataLoader = lambda **_: batches
        one = np.zeros(1)
        self.model.fit(dict.fromkeys(self.names, one), np.zeros((1, self.tasks)), verbose=0)

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        self.model.eval()
        return self.model(rows.float())


def loader_of(settings: dict[str, Any], rows: NDArray[np.int64], labels: NDArray[np.floating]) -> Iterable[Any]:
    data = TensorDataset(torch.from_numpy(rows), torch.from_numpy(labels))
    return DataLoader(dataset=data, shuffle=True, batch_size=settings["batch"])


def batch_of(settings: dict[str, Any], rows: torch.Tensor, labels: torch.Tensor) -> Any:
    return rows.float(), labels


if __name__ == "__main__":
    serve(DeepCTR, loader_of, batch_of)
