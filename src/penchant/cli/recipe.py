"""A recipe from its file, checked as far as it can be without data."""

from pathlib import Path

from penchant.features.feature_set import FeatureSet
from penchant.models.classic import NETWORK, classic, sources
from penchant.schema.kinds import choose
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part


def read_recipe(path: Path) -> Recipe:
    """A recipe whose every part (feature, task, network) has read its own keys, so that a misspelling is told before data are read.

    Raises:
        RecipeError: naming the key, what it must be, what came and what to do.
    """
    recipe = Recipe.read(path)
    FeatureSet(recipe)
    for name, task in recipe.tasks.items():
        choose(task, "penchant.tasks", f"task '{name}'")
    for slot, part in recipe.network:
        if isinstance(part, Part):
            choose(part, f"penchant.models.blocks.{slot}", f"network.{slot}")
    if recipe.model.kind != NETWORK:
        classic(recipe.model)
    sources(recipe)
    return recipe
