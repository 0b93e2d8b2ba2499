"""FuxiCTR's MMoE for benchmarks/training.py, run in its own environment.

The package on the index has the multi-task base, blocks and training step, but not the models of its repository: MMoE (Ma et al. 2018)
is put together here from those blocks as theirs is. Its loader reads a file, and has one process of its own to collate rows.
"""

import tempfile
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.dataloaders import RankDataLoader
from fuxictr.pytorch.layers import FeatureEmbedding, MLP_Block
from fuxictr.pytorch.models import MultiTaskModel
from multitask import serve
from numpy.typing import NDArray
from torch import nn


class MMoE(MultiTaskModel):
    """Experts, a softmax gate and a tower per task."""

    def __init__(self, told: FeatureMap, settings: dict[str, Any]) -> None:
        tasks = len(settings["tasks"])
        super().__init__(
            told, task=["binary_classification"] * tasks, num_tasks=tasks, verbose=0, metrics=["AUC"], model_root=tempfile.gettempdir()
        )
        wide, hidden = settings["embedding"] * len(settings["fields"]), settings["hidden"]
        self.embedding_layer = FeatureEmbedding(told, settings["embedding"])
        self.experts = nn.ModuleList([MLP_Block(wide, hidden_units=list(hidden)) for _ in range(settings["experts"])])
        self.gates = nn.ModuleList([nn.Linear(wide, settings["experts"]) for _ in range(tasks)])
        self.towers = nn.ModuleList([MLP_Block(hidden[-1], hidden_units=list(settings["tower"]), output_dim=1) for _ in range(tasks)])
        self.compile("adam", "binary_crossentropy", settings["learning_rate"])
        self.reset_parameters()
        self.model_to_device()
        # what `fit` sets before its first epoch
        self._max_gradient_norm, self._eval_steps, self._total_steps, self._stop_training = 10.0, 10**9, 0, False

    def forward(self, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        values = self.embedding_layer(self.get_inputs(inputs), flatten_emb=True)
        experts = torch.stack([expert(values) for expert in self.experts], dim=1)
        outputs = {}
        for name, gate, tower, activation in zip(self.feature_map.labels, self.gates, self.towers, self.output_activation, strict=True):
            weights = gate(values).softmax(-1)
            outputs[f"{name}_pred"] = activation(tower(torch.matmul(weights.unsqueeze(1), experts).squeeze(1)))
        return outputs


class Fuxi:
    """The library's `train_epoch`."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings, self.model = settings, MMoE(told(settings), settings)

    def train(self, batches: Iterable[Any]) -> None:
        self.model.train_epoch(batches)

    def predict(self, rows: torch.Tensor) -> torch.Tensor:
        self.model.eval()
        outputs = self.model(dict(zip(self.settings["fields"], rows.unbind(1), strict=True)))
        return torch.cat([outputs[f"{name}_pred"] for name in self.settings["tasks"]], dim=1)


def told(settings: dict[str, Any]) -> FeatureMap:
    """The fields and tasks as the library describes them."""
    found = FeatureMap("benchmark", "")
    for name, size in zip(settings["fields"], settings["sizes"], strict=True):
        found.features[name] = {"type": "categorical", "source": "", "vocab_size": size}
    found.labels, found.num_fields = settings["tasks"], len(settings["fields"])
    found.set_column_index()
    return found


def loader_of(settings: dict[str, Any], rows: NDArray[np.int64], labels: NDArray[np.floating]) -> Iterable[Any]:
    columns = dict(zip(settings["fields"], rows.T, strict=True)) | dict(zip(settings["tasks"], labels.T, strict=True))
    np.savez("train.npz", **columns)
    batches, _ = RankDataLoader(told(settings), stage="train", train_data="train.npz", batch_size=settings["batch"], shuffle=True)
    return batches


def batch_of(settings: dict[str, Any], rows: torch.Tensor, labels: torch.Tensor) -> Any:
    values = {name: column.contiguous() for name, column in zip(settings["fields"], rows.unbind(1), strict=True)}
    return values | dict(zip(settings["tasks"], labels.unbind(1), strict=True))


if __name__ == "__main__":
    serve(Fuxi, loader_of, batch_of)
