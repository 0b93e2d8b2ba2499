"""FuxiCTR's DCN-v2 and FinalMLP (its model zoo) on KuaiRand, one model per task, in its own environment; see kuairand.py.

SETTINGS: `{"model": "dcn_v2" | "finalmlp", "own": {task: {"seed", "epochs", "rate", "decay", "dropout", "width", "embedding"}}}`. Both pool
the sequence of past items as the zoo's versions do. Steps are FuxiCTR's own (`train_step`), Adam with its regularisation of embeddings.
"""

import tempfile
from collections import OrderedDict

import kuairand
import numpy as np
import torch
from fuxictr.features import FeatureMap
from fuxictr.pytorch.models import BaseModel
from kuairand_torch import KINDS, SHOWN, Rows, Tensors, learn, predicted, started
from model_zoo.LongCTR.DCNv2.DCNv2 import DCNv2
from model_zoo.LongCTR.FinalMLP.FinalMLP import FinalMLP

ITEM = "item_item_id"


def map_of(tensors: Tensors, width: int) -> FeatureMap:
    """The fields as FuxiCTR describes them; `item` and `kind` are what it reads of each past item and of the one asked about."""
    pooled = {"type": "sequence", "source": "", "padding_idx": 0, "feature_encoder": "layers.MaskedAveragePooling()"}
    item = {"vocab_size": tensors.sizes[ITEM], "padding_idx": 0}
    count = tensors.number.shape[1]
    features = OrderedDict(
        (name, {"type": "categorical", "source": "", "vocab_size": size}) for name, size in tensors.sizes.items() if name != ITEM
    )
    features["number"] = {
        "type": "embedding",
        "source": "",
        "pretrain_dim": count,
        "embedding_dim": count,
        "feature_encoder": "nn.Identity()",
    }
    features["item"] = {"type": "categorical", "source": "item", **item}
    features["kind"] = {"type": "categorical", "source": "item", "vocab_size": KINDS, "padding_idx": 0}
    for name, size in tensors.bags.items():
        features[name] = {**pooled, "vocab_size": size}
    for name in ("past_long", "past_liked"):
        features[name] = {**pooled, **item, "share_embedding": "item"}
    told = FeatureMap("kuairand", tempfile.gettempdir())
    told.features, told.labels, told.default_emb_dim = features, ["label"], width
    told.num_fields = told.get_num_fields()
    return told


def built(tensors: Tensors, settings: dict) -> BaseModel:
    width, dropout = settings["width"], settings["dropout"]
    given = {
        "feature_map": map_of(tensors, settings["embedding"]), "gpu": -1, "learning_rate": settings["rate"], "optimizer": "adam",
        "loss": "binary_crossentropy", "embedding_dim": settings["embedding"], "embedding_regularizer": settings["decay"],
        "verbose": 0, "model_root": tempfile.gettempdir(), "metrics": ["AUC"],
    }  # fmt: skip
    if settings["model"] == "dcn_v2":
        return DCNv2(
            **given, model_structure="parallel", num_cross_layers=settings.get("crosses", 2), parallel_dnn_hidden_units=[width, width // 2],
            net_dropout=dropout, batch_norm=True,
        )  # fmt: skip
    return FinalMLP(
        **given, mlp1_hidden_units=[width, width // 2], mlp2_hidden_units=[width], mlp1_dropout=dropout, mlp2_dropout=dropout,
        mlp1_batch_norm=True, mlp2_batch_norm=True, use_fs=False, num_heads=2,
    )  # fmt: skip


def inputs(rows: Rows, tensors: Tensors, label: torch.Tensor) -> tuple:
    """What the zoo's models take: the fields, the past with the item asked about behind it, and where the past is."""
    shown = torch.full((len(label), 1), SHOWN)
    item = torch.cat([rows["past"], rows[ITEM][:, None]], dim=1)
    kind = torch.cat([rows["past_kind"], shown], dim=1)
    fields = {name: rows[name] for name in (*tensors.sizes, *tensors.bags, "number", "past_long", "past_liked") if name != ITEM}
    return fields | {"label": label}, {"item": item.flatten(), "kind": kind.flatten()}, rows["past_kind"] > 0


def fit(day: kuairand.Day, settings: dict) -> tuple[np.ndarray, dict]:
    found = np.full((int(day.judged.sum()), len(day.columns["tasks"])), np.nan)
    tensors = {history: Tensors(day, {"history": history}) for history in {own.get("history", True) for own in settings["own"].values()}}
    for task, own in settings["own"].items():
        place = day.task(task)
        found[:, place] = fit_task(tensors[own.get("history", True)], {"model": settings["model"], **own}, place)
    return found, {}


def fit_task(tensors: Tensors, settings: dict, place: int) -> np.ndarray:
    started(settings)
    model = built(tensors, settings)
    model._max_gradient_norm, model._batch_index = 10.0, 0  # what its own fit sets before the first step
    model.train()

    def step(rows: Rows, label: torch.Tensor) -> None:
        model.train_step(inputs(rows, tensors, label[:, place]))

    learn(tensors, settings, model.optimizer, step)
    return predicted(tensors, model, lambda rows: model(inputs(rows, tensors, torch.zeros(len(rows["past"]))))["y_pred"][:, 0])


if __name__ == "__main__":
    kuairand.run(fit)
