"""Text encoders fitted to the training events, each feature as its recipe says, and kept in the cache and the bundle."""

import json
import logging
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from penchant.data.dataset import Dataset
from penchant.features.feature_set import FeatureSet
from penchant.features.language_model import LanguageModel
from penchant.features.text import ENCODERS, Text, language_model
from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.kinds import choose
from penchant.training.tuning.contrast import Contrast
from penchant.training.tuning.preferences import Preferences
from penchant.training.tuning.shared import Shared
from penchant.training.tuning.steps import Report, Stand, Steps

logger = logging.getLogger(__name__)
KEPT_SUFFIXES = (".json", ".safetensors")
"""Files of an encoder that a bundle may hold; it needs no others."""
ROWS = 10
"""Of a curve, each the mean over as many steps."""


@dataclass(frozen=True)
class Tuned:
    """An encoder that was fitted to the events.

    Attributes:
        feature: The items' feature that it reads.
        kind: How it was fitted.
        encoder: The name of its folder, which is that of its weights.
        seconds: What it cost, when it was fitted.
        steps: How many there were.
        curve: Mean losses of a tenth of the steps each, with the `seconds` until then.
        reused: Whether it was fitted before, to the same texts and events, and only read again.
    """

    feature: str
    kind: str
    encoder: str
    seconds: float
    steps: int
    curve: list[dict[str, float]]
    reused: bool = False

    def __str__(self) -> str:
        losses = [name for name in self.curve[0] if name != "seconds"]
        told = ", ".join(f"{name} {self.curve[0][name]:.3f} to {self.curve[-1][name]:.3f}" for name in losses)
        again = ", fitted before" if self.reused else ""
        return f"encoder of {self.feature} by {self.kind}: {self.steps:,} steps in {self.seconds:.0f} s{again}, loss of {told}"

    def rows(self) -> list[dict[str, float]]:
        """The curve as rows of the training's curves; its last row is epoch 0, before the first of the network."""
        return [
            {f"loss.encoder of {self.feature}, {name}": value for name, value in row.items() if name != "seconds"}
            | {"epoch": float(place - len(self.curve) + 1), "seconds": row["seconds"]}
            for place, row in enumerate(self.curve)
        ]


def tune(features: FeatureSet, data: Dataset, seed: int, report: Report | None = None) -> list[Tuned]:
    """Fit the encoders that the recipe wants fitted, and let their features read by them; nothing where it wants none.

    What was fitted to the same texts, events, settings and seed before is read from the cache; what was interrupted goes on.

    Args:
        features: Not yet fitted.
        data: The training part; no other event is looked at.
        seed: Of what is drawn and dropped.
        report: Told the stand after every step.

    Raises:
        RecipeError: for an unknown kind or setting, tuning of what is no feature of items, or a package that is not there.
        DataError: when the events hold nothing to learn from.
        Interrupted: on Ctrl-C; the next call with the same arguments goes on.
    """
    wishes, found = list(_wishes(features)), []
    for owner, name, feature, kind in wishes:
        if isinstance(kind, Shared):
            continue
        if owner != "item":
            do = 'Tune a text of the items, and write here, for example: tuning = { kind = "shared", item = "plot" }'
            raise RecipeError(f"features, {owner}.{name}, tuning", must="of an item's text, or shared", came=f"'{kind.kind}'", do=do)
        texts = feature.texts(features.values("item", name, data.log.items))
        tuned = _tuned(name, feature, kind, texts, data, seed, report)
        feature.read_by(_folder(feature) / tuned.encoder)
        logger.info("%s", tuned)
        found.append(tuned)
    for owner, name, feature, kind in wishes:
        if isinstance(kind, Shared):
            feature.read_by(_encoder_of(features, kind.settings.item, f"features, {owner}.{name}, tuning"))
    return found


def _wishes(features: FeatureSet) -> Iterator[tuple[str, str, Text, Any]]:
    """The features that are to be tuned: owner, name, feature and how."""
    for owner, each in features.features.items():
        for name, feature in each.items():
            if isinstance(feature, Text) and feature.settings.tuning is not None:
                kind, settings = choose(feature.settings.tuning, __package__ or "", f"features, {owner}.{name}, tuning")
                yield owner, name, feature, kind(settings)


def _encoder_of(features: FeatureSet, item: str, where: str) -> Path:
    tuned: dict[str, Path] = {}
    for name, each in features.features["item"].items():
        if isinstance(each, Text) and each.tuned is not None:
            tuned[name] = each.tuned
    if item not in tuned:
        do = did_you_mean(item, tuned) if tuned else f'Write it there: item.{item} = {{ kind = "text", tuning = {{ kind = "lora" }} }}'
        raise RecipeError(f"{where}, key 'item'", must="an item's text that is tuned", came=f"'{item}'", do=do)
    return tuned[item]


def _folder(feature: Text) -> Path:
    return language_model(feature.settings).cache / ENCODERS


def _tuned(name: str, feature: Text, kind: Any, texts: list[str], data: Dataset, seed: int, report: Report | None) -> Tuned:
    """The feature's encoder, from the cache or fitted now."""
    folder, own = _folder(feature), language_model(feature.settings)
    key = _key(own, kind, texts, data, seed)
    if (before := _read(folder, key)) is not None:
        return replace(before, feature=name, reused=True)
    preferences = Preferences(data, np.array([bool(text) for text in texts]))
    encoder = LanguageModel(own.name, own.cache, prefix=own.prefix, precision="float32", maximum_pieces=1)
    torch.manual_seed(seed)
    network = kind.wrap(encoder.network.float())
    steps = Steps(encoder, network, texts, Contrast(preferences, kind.settings), kind.settings, seed, folder / f"{key}.safetensors")
    stand = steps.go(report)
    written = _write(encoder, kind.merged(network).to(getattr(torch, own.precision)), folder)
    tuned = Tuned(name, kind.kind, written, stand.seconds, stand.steps, _curve(stand))
    (folder / f"{key}.json").write_text(json.dumps(asdict(tuned), ensure_ascii=False), encoding="utf8")
    steps.kept.unlink(missing_ok=True)
    return tuned


def _key(encoder: LanguageModel, kind: Any, texts: list[str], data: Dataset, seed: int) -> str:
    """What decides the weights, hashed; 32 characters."""
    told = sha256(f"{encoder.fingerprint}\0{kind.kind}\0{kind.settings.model_dump_json()}\0{seed}\0".encode())
    for text in texts:
        told.update(f"{text}\0".encode())
    for array in (data.log.user, data.log.item, data.log.time):
        told.update(np.ascontiguousarray(array[data.positives]).tobytes())
    return told.hexdigest()[:32]


def _read(folder: Path, key: str) -> Tuned | None:
    """What was fitted before; None where it is not there whole."""
    file = folder / f"{key}.json"
    if not file.is_file():
        return None
    told: Mapping[str, Any] = json.loads(file.read_text(encoding="utf8"))
    return Tuned(**told) if (folder / told["encoder"]).is_dir() else None


def _write(encoder: LanguageModel, network: Any, folder: Path) -> str:
    """A folder of the encoder with these weights, which appears whole or not at all; its name is that of the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as place:
        fresh = Path(place) / "encoder"
        encoder.save(network, fresh)
        for file in fresh.rglob("*"):
            if file.is_file() and file.suffix not in KEPT_SUFFIXES:
                file.unlink()
        told = sha256()
        for file in sorted(fresh.glob("model*.safetensors")):
            told.update(file.read_bytes())
        name = told.hexdigest()[:32]
        if not (folder / name).exists():  # the same weights may have been found before
            fresh.rename(folder / name)
    return name


def _curve(stand: Stand) -> list[dict[str, float]]:
    """At most `ROWS` rows, each with the means of as many steps."""
    parts = np.array_split(np.arange(stand.steps), min(ROWS, stand.steps))
    return [
        {name: float(np.mean([values[step] for step in part])) for name, values in stand.losses.items()}
        | {"seconds": stand.seconds * (int(part[-1]) + 1) / stand.steps}
        for part in parts
    ]
