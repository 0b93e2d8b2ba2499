"""Penchant: from an event log to served, explained, learning recommendations.

Names are loaded when first used, so that `import penchant` stays light.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penchant.data.dataset import Dataset as Dataset
    from penchant.models.collaborative.item_knn import ItemKNN as ItemKNN
    from penchant.models.collaborative.popularity import Popularity as Popularity
    from penchant.models.network_recommender import NetworkRecommender as NetworkRecommender
    from penchant.schema.errors import PenchantError as PenchantError
    from penchant.schema.recipe import Recipe as Recipe
    from penchant.studies.cross_validation import cross_validate as cross_validate
    from penchant.studies.workflow import evaluate as evaluate
    from penchant.studies.workflow import train as train

__version__ = "0.1.0"

_PLACES = {
    "Dataset": "penchant.data.dataset",
    "ItemKNN": "penchant.models.collaborative.item_knn",
    "NetworkRecommender": "penchant.models.network_recommender",
    "PenchantError": "penchant.schema.errors",
    "Popularity": "penchant.models.collaborative.popularity",
    "Recipe": "penchant.schema.recipe",
    "cross_validate": "penchant.studies.cross_validation",
    "evaluate": "penchant.studies.workflow",
    "train": "penchant.studies.workflow",
}
__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'penchant' has no attribute '{name}'")
    found = globals()[name] = getattr(import_module(_PLACES[name]), name)  # asked for once
    return found
