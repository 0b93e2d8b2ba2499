"""The two calls most people need: train a recipe, evaluate what came out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penchant.data.dataset import Dataset
from penchant.evaluation.summary import Evaluation
from penchant.fitting.loop import Report
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.studies.baselines import fit_baselines
from penchant.studies.evaluate import evaluate as evaluate_models
from penchant.studies.fit import fit


def train(
    recipe: Recipe | Path | str,
    train: Dataset,
    valid: Dataset | None = None,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> Recommender:
    """The recipe's model, fitted: the network or a classic one.

    Args:
        recipe: A recipe or its path.
        train: What is learnt from.
        valid: What early stopping looks at; without it all planned epochs are run.
        checkpoint: Folder for checkpoints; with `resume` training goes on from there.
        resume: Go on from the checkpoint.
        report: Called after every batch.
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
    return fit(recipe, train, valid, checkpoint=checkpoint, resume=resume, report=report)


def evaluate(
    model: Recommender,
    test: Dataset,
    baselines: Sequence[str] = ("popularity", "item_knn"),
    *,
    train: Dataset | None = None,
    **settings: Any,
) -> Evaluation:
    """The model beside named baselines on a part it has not seen.

    Args:
        model: A fitted model.
        test: The part to judge on.
        baselines: Kinds of classic models ("popularity", "item_knn", …) with default settings, fitted on what the model was fitted on.
        train: That part, for a model that was loaded and not fitted here.
        settings: As in `penchant.studies.evaluate.evaluate`.

    Raises:
        NotFittedError, TargetError: for a model without weights, an unknown baseline, or no training part.
    """
    part = train if train is not None else getattr(model, "data_", None)
    trainer = getattr(model, "trainer", None)
    progress = getattr(trainer, "progress", None)
    settings.setdefault("curves", progress.curves if progress else ())
    return evaluate_models(model, test, fit_baselines(part, list(baselines), model), train=part, **settings)
