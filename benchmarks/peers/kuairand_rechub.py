"""Torch-RecHub's MMoE and PLE on KuaiRand, all tasks in one, and a PPNet on its layers, in its own environment; see kuairand.py.

SETTINGS: `{"model": "mmoe" | "ple" | "ppnet", "seed", "epochs", "rate", "decay", "dropout", "width", "embedding"}`. None of the peers'
packages ships a PPNet: it is written here after Chang et al. 2023 (PEPNet), figure 3, from the package's embeddings and layers.
"""

from itertools import pairwise

import kuairand
import numpy as np
import torch
from kuairand_torch import KINDS, Rows, Tensors, learn, predicted, started
from torch import nn
from torch_rechub.basic.features import DenseFeature, SequenceFeature, SparseFeature
from torch_rechub.basic.layers import EmbeddingLayer
from torch_rechub.models.multi_task import MMOE, PLE

ITEM, TAB = "item_item_id", "context_tab"
WHO = (ITEM, "item_author_id", "user_user_active_degree", "user_onehot_feat3", "user_onehot_feat8", TAB)


def features(tensors: Tensors, width: int) -> list:
    """Every field, the numbers, and the past pooled: all of it, what was watched long, what was liked, what became of it."""
    found = [SparseFeature(name, size, width) for name, size in tensors.sizes.items()]
    found += [SequenceFeature(name, size, width, padding_idx=0) for name, size in tensors.bags.items()]
    found += [
        SequenceFeature(name, tensors.sizes[ITEM], width, shared_with=ITEM, padding_idx=0) for name in ("past", "past_long", "past_liked")
    ]
    found += [SequenceFeature("past_kind", KINDS, width, padding_idx=0)]
    return [*found, DenseFeature("number", tensors.number.shape[1])]


def layers(width: int, dropout: float, *more: int) -> dict:
    return {"dims": [width, *more], "activation": "relu", "dropout": dropout}


def built(tensors: Tensors, settings: dict, tasks: int) -> nn.Module:
    given, width, dropout = features(tensors, settings["embedding"]), settings["width"], settings["dropout"]
    kinds, towers = ["classification"] * tasks, [layers(width // 2, dropout)] * tasks
    if settings["model"] == "mmoe":
        return MMOE(given, kinds, 4, layers(width, dropout, width // 2), towers)
    if settings["model"] == "ple":
        return PLE(given, kinds, 1, 2, 2, layers(width, dropout, width // 2), towers)
    return PPNet(given, tensors, settings, tasks)


class PPNet(nn.Module):
    """A tower per task whose every layer is gated by who asks, what for and where; the embeddings gated by the scenario (EPNet)."""

    def __init__(self, given: list, tensors: Tensors, settings: dict, tasks: int) -> None:
        super().__init__()
        width = settings["embedding"]
        self.features, self.who = given, [SparseFeature(name, tensors.sizes[name], width) for name in WHO]
        self.where = [SparseFeature(TAB, tensors.sizes[TAB], width)]
        self.embedding, self.prior, self.scenario = EmbeddingLayer(given), EmbeddingLayer(self.who), EmbeddingLayer(self.where)
        told = sum(feature.embed_dim for feature in given)
        sizes = [told, settings["width"], settings["width"] // 2]
        self.gate = gate(width + told, told)
        self.towers = nn.ModuleList(Tower(sizes, told + width * len(WHO), settings["dropout"]) for _ in range(tasks))

    def forward(self, rows: Rows) -> torch.Tensor:
        told = self.embedding(rows, self.features, squeeze_dim=True)
        where = self.scenario(rows, self.where, squeeze_dim=True)
        told = told * 2 * self.gate(torch.cat([where, told.detach()], dim=1))
        prior = torch.cat([self.prior(rows, self.who, squeeze_dim=True), told.detach()], dim=1)
        return torch.cat([tower(told, prior) for tower in self.towers], dim=1).sigmoid()


class Tower(nn.Module):
    """Layers with a gate before each."""

    def __init__(self, sizes: list[int], prior: int, dropout: float) -> None:
        super().__init__()
        self.gates = nn.ModuleList(gate(prior, size) for size in sizes)
        self.layers = nn.ModuleList(
            nn.Sequential(nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU(), nn.Dropout(dropout))
            for before, after in pairwise(sizes)
        )
        self.last = nn.Linear(sizes[-1], 1)

    def forward(self, hidden: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        for gated, layer in zip(self.gates, self.layers, strict=False):
            hidden = layer(hidden * 2 * gated(prior))
        return self.last(hidden * 2 * self.gates[-1](prior))


def gate(told: int, size: int) -> nn.Module:
    return nn.Sequential(nn.Linear(told, 32), nn.ReLU(), nn.Linear(32, size), nn.Sigmoid())


def fit(day: kuairand.Day, settings: dict) -> tuple[np.ndarray, dict]:
    started(settings)
    tensors = Tensors(day, settings)
    tasks = [day.task(task) for task in settings["tasks"]]
    model = built(tensors, settings, len(tasks))
    optimiser = torch.optim.AdamW(model.parameters(), settings["rate"], weight_decay=settings["decay"])

    def step(rows: Rows, label: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy(model(rows), label[:, tasks])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()

    learn(tensors, settings, optimiser, step)
    found = np.full((len(tensors.judged), len(day.columns["tasks"])), np.nan)
    found[:, tasks] = predicted(tensors, model, model)
    return found, {"parameters": sum(each.numel() for each in model.parameters())}


if __name__ == "__main__":
    kuairand.run(fit)
