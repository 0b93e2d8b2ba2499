"""What every published split shares: rows of results, and how a recipe, a folder and a seed become fitted models."""

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import isnan
from pathlib import Path
from typing import Any, Protocol

from penchant.data.dataset import Dataset
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.summary import Difference, Metric
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.recipe import Recipe
from penchant.training.trainer import NetworkTrainer

ROOT = Path(__file__).resolve().parents[2]
READY = ROOT / "src" / "penchant" / "cli" / "recipes"
OWN = Path(__file__).resolve().parents[1] / "recipes"
BOOTSTRAP = Bootstrap(draws=2000)

Numbers = dict[str, float | None]
Changes = Mapping[str, Any]
"""Tables and keys of a recipe to replace, nested as in its file; a part (a table with a `kind`) is replaced whole, None takes a key out."""


@dataclass
class Outcome:
    """What one model reached with one setting and one seed.

    Attributes:
        setting: What was chosen for it, and where.
        metrics: `{name: value with interval}`.
        differences: `{rival: {name: this model minus the rival, paired}}`.
        notes: Anything else worth keeping (tuning trials, epochs).
    """

    setting: str
    metrics: dict[str, Numbers]
    differences: dict[str, dict[str, Numbers]] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


class Study(Protocol):
    """One split with its models."""

    @property
    def headline(self) -> str:
        """The metric that is quoted."""

    @property
    def models(self) -> Sequence[str]:
        """In the order they run; deterministic ones run once."""

    @property
    def seeded(self) -> Sequence[str]:
        """Those of them that learn from a random start."""

    @property
    def quick(self) -> str:
        """The one of them whose capped fit `--quick` shows beside the first."""

    def mark(self, model: str) -> str:
        """Changes when what a model learns or how it learns does, so that rows of before no longer count as this model's."""

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        """Fit and measure one model; `seconds` caps training that takes steps."""


def processor_seconds() -> float:
    """What this program and the ones it ran have taken."""
    return sum(os.times()[:4])


@cache
def commit() -> str:
    """The commit the code was at when the program started, marked when files other than results had changed on top."""
    found, changed = (
        subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        for words in (["describe", "--always"], ["status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/results"])
    )
    return (found or "unknown") + ("-dirty" if changed else "")


def mark_of(settings: str) -> str:
    """A short mark of settings as text."""
    return hashlib.sha256(settings.encode()).hexdigest()[:8]


def text_of(name: str) -> str:
    """A ready recipe's text, or one of the benchmarks' own."""
    path = READY / f"{name}.toml"
    return (path if path.is_file() else OWN / f"{name}.toml").read_text(encoding="utf8")


def recipe_mark(name: str) -> str:
    """The mark of a recipe; `[serving]` is not part of it."""
    learnt = text_of(name).partition("\n[serving")[0]
    return mark_of(learnt.rstrip())


def numbers(metric: Metric) -> Numbers:
    """A metric with its interval as plain numbers; None where there is none."""
    edges = {"value": metric.value, "low": metric.low, "high": metric.high}
    return {name: None if isnan(edge) else round(edge, 5) for name, edge in edges.items()} | {"n": metric.n}


def gap(difference: Difference) -> Numbers:
    """A paired difference with its interval as plain numbers."""
    return numbers(difference.metric)


def recipe_of(name: str, folder: Path, training: Mapping[str, Any], network: Mapping[str, Any] | None = None) -> Recipe:
    """A recipe over a data folder, with some training and network settings replaced."""
    recipe = Recipe.parse(text_of(name), folder, name)
    changed = {name: value for name, value in training.items() if value is not None}
    return recipe.model_copy(
        update={
            "training": recipe.training.model_copy(update=changed),
            "network": recipe.network.model_copy(update=dict(network or {})),
        }
    )


def changed(raw: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
    """What a recipe's file says, with changes."""
    merged = dict(raw)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping) and "kind" not in value:
            merged[key] = changed(merged.get(key, {}), value)
        else:
            merged[key] = value
    return merged


def fit_counting(recipe: Recipe, train: Dataset, valid: Dataset) -> tuple[NetworkRecommender, int]:
    """A fitted network, and the epoch whose weights were the best on the validation part."""
    trainer = NetworkTrainer(valid)
    network = NetworkRecommender(recipe, trainer).fit(train)
    return network, trainer.progress.best_epoch + 1 if trainer.progress else 0
