"""The models a recipe can choose beside the flagship network: every class with a `kind` in `collaborative` and `sequential`."""

from penchant.models.recommender import Recommender
from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.kinds import kinds_in
from penchant.schema.recipe import Recipe
from penchant.schema.sections.part import Part
from penchant.schema.settings import settings_of

PLACES = ("penchant.models.collaborative", "penchant.models.sequential")
NETWORK = "network"
"""The kind of the flagship, which its recipe describes and `penchant.training` fits."""


def classic_kinds() -> dict[str, type[Recommender]]:
    """Classes by what a recipe calls them.

    >>> {"item_knn", "popularity"} <= classic_kinds().keys()
    True
    """
    return {kind: found for place in PLACES for kind, found in kinds_in(place).items()}


def classic(part: Part, where: str = "model", seed: int | None = None) -> Recommender:
    """The model that a recipe's `[model]` describes, not fitted yet.

    Args:
        part: Its kind, and settings as the constructor's arguments.
        where: What to call the part in an error.
        seed: For a model that has one, when the part names none.

    Raises:
        RecipeError: for an unknown kind or setting.
    """
    known = classic_kinds()
    if part.kind not in known:
        do = did_you_mean(part.kind, [*known, NETWORK])
        raise RecipeError(f"{where}, kind", must="a known kind", came=f"'{part.kind}'", do=do)
    chosen = known[part.kind]
    model = chosen(**settings_of(chosen, where, part.settings))
    if seed is not None and "seed" in model.get_params() and "seed" not in part.settings:
        model.set_params(seed=seed)
    return model


def sources(recipe: Recipe) -> dict[str, Recommender]:
    """The models of `[serving.sources]` by name, not fitted yet; raises as `classic`."""
    parts = recipe.serving.sources.items()
    return {name: classic(part, f"serving.sources.{name}", recipe.training.seed) for name, part in parts}
