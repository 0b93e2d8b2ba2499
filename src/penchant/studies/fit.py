"""A recipe and its parts in, whatever the recipe chose fitted out."""

from pathlib import Path

from penchant.data.dataset import Dataset
from penchant.fitting.loop import Report
from penchant.models.classic import NETWORK, classic
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.schema.recipe import Recipe
from penchant.training.trainer import NetworkTrainer


def fit(
    recipe: Recipe,
    train: Dataset,
    valid: Dataset | None = None,
    *,
    checkpoint: Path | None = None,
    resume: bool = False,
    report: Report | None = None,
) -> Recommender:
    """The recipe's `[model]`, fitted: the flagship network, or a classic model.

    Args:
        recipe: What is fitted, to what; its seed is a classic model's too, where that has one and names none.
        train: What is learnt from.
        valid: What early stopping looks at; without it all planned epochs are run.
        checkpoint, resume, report: For the network, as in `penchant.fitting.loop.train`.

    Raises:
        RecipeError: for an unknown model or setting.
    """
    if recipe.model.kind == NETWORK:
        return NetworkRecommender(recipe, NetworkTrainer(valid, checkpoint, resume, report)).fit(train, valid)
    return classic(recipe.model, seed=recipe.training.seed).fit(train, valid)


def with_seed(recipe: Recipe, seed: int | None) -> Recipe:
    """The recipe with another seed."""
    return recipe if seed is None else recipe.model_copy(update={"training": recipe.training.model_copy(update={"seed": seed})})
