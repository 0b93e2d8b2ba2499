"""Fits the flagship network: features first, then one run for all tasks."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from penchant.data.dataset import Dataset
from penchant.data.skipped import skipped_steps
from penchant.fitting.loop import Progress, Report, train
from penchant.models.network_recommender import NetworkRecommender
from penchant.schema.recipe import Recipe
from penchant.training.calibration import fit_calibration
from penchant.training.distillation import fit_student
from penchant.training.final_score import fit_final_score
from penchant.training.objective import NetworkObjective
from penchant.training.tuning.tuning import Tuned, tune
from penchant.training.warm_start import begin_from

logger = logging.getLogger(__name__)


@dataclass
class NetworkTrainer:
    """Our trainer of `NetworkRecommender`.

    Attributes:
        valid: What early stopping looks at; None trains all planned epochs.
        checkpoint: Folder for checkpoints; none are kept when absent.
        resume: Go on from the checkpoint there.
        report: Called after every batch.
        earlier: What the network begins from, with its features grown (`penchant.training.incremental`); afresh when None.
        progress: How the last run went.
        tuned: The text encoders that were fitted before it.
    """

    valid: Dataset | None = None
    checkpoint: Path | None = None
    resume: bool = False
    report: Report | None = None
    earlier: NetworkRecommender | None = None
    progress: Progress | None = None
    tuned: Sequence[Tuned] = ()

    def fit(self, recommender: NetworkRecommender, data: Dataset) -> None:
        """Fit features and network in place."""
        settings = recommender.recipe.training
        for step in skipped_steps(data):
            logger.info(step.warning if step.too_many else step.sentence)
        self.fit_features(recommender, data)
        _tell_of_strange_scenarios(recommender)
        torch.manual_seed(settings.seed)
        recommender.build()
        objective = NetworkObjective(recommender, data, self.valid, settings)
        if self.earlier is not None:
            begin_from(recommender.network, self.earlier.network)
        before = [row for tuned in self.tuned for row in tuned.rows()]
        self.progress = train(objective, settings, checkpoint=self.checkpoint, resume=self.resume, report=self.report, before=before)
        recommender.refresh()
        self._fit_what_is_said(recommender)
        if recommender.recipe.distillation is not None:
            recommender.student = fit_student(recommender, data)

    def fit_features(self, recommender: NetworkRecommender, data: Dataset) -> None:
        """Fit its features in place; whoever fits many networks to the same part may give each what one has fitted."""
        if self.earlier is not None:
            recommender.features = self.earlier.features.grown(recommender.recipe, data)
            return
        self.tuned = tune(recommender.features, data, recommender.recipe.training.seed)
        recommender.features.fit(data)

    def _fit_what_is_said(self, recommender: NetworkRecommender) -> None:
        """Calibration and the final score's weights, where the recipe asks for them and there is a validation part."""
        recipe, valid = recommender.recipe, self.valid
        if self.earlier is not None:
            recommender.calibration, recommender.learnt_score = self.earlier.calibration, self.earlier.learnt_score
        if valid is None or not len(valid):
            return
        if recipe.training.calibrate:
            recommender.calibration = fit_calibration(recommender, valid)
        if recipe.serving.rank_by_learnt is not None:
            recommender.learnt_score = fit_final_score(recommender, valid, recipe.serving.rank_by_learnt)


def _tell_of_strange_scenarios(recommender: NetworkRecommender) -> None:
    """Warn of weights for scenarios that no request can be known to come from."""
    named = recommender.scenario_codes
    strange = [name for name in recommender.recipe.serving.rank_by_scenario if named.code_of(named.named(name)) is None]
    if strange:
        told, columns = ", ".join(f"'{name}'" for name in strange), ", ".join(named.columns)
        logger.warning(
            "serving.rank_by_scenario: no training event's %s is %s; requests from there are ranked by serving.rank_by. "
            "Check the spelling, or train on events from there.",
            columns, told,
        )  # fmt: skip


def fit_network(
    recipe: Recipe,
    train_part: Dataset,
    valid_part: Dataset | None = None,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> NetworkRecommender:
    """A fitted network for a recipe.

    Args:
        recipe: What is learnt.
        train_part: What it is learnt from.
        valid_part: What early stopping looks at.
        checkpoint, resume, report: As in `penchant.fitting.loop.train`.
    """
    trainer = NetworkTrainer(valid_part, checkpoint, resume, report)
    return NetworkRecommender(recipe, trainer).fit(train_part)
