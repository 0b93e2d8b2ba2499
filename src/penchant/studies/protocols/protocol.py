"""What every way of asking for lists has in common."""

from collections.abc import Mapping
from typing import Protocol

from penchant.data.dataset import Dataset
from penchant.models.recommender import Recommender
from penchant.studies.lists import Lists


class ListProtocol(Protocol):
    """Which queries are asked, which items are ranked, which are left out, what counts as found."""

    def measure(self, models: Mapping[str, Recommender], part: Dataset) -> Lists:
        """Every model's values on the same queries of a part; empty where the part wants nothing."""

    def told(self, part: Dataset) -> tuple[str, ...]:
        """The same for people, in sentences."""


TIES = "Ties: items of equal score count at their expected rank."


def cut_at(cutoffs: tuple[int, ...]) -> str:
    """The cutoffs in words.

    >>> cut_at((10, 5))
    'cut at 5, 10'
    """
    return f"cut at {', '.join(map(str, sorted(cutoffs)))}"


def left_out(part: Dataset) -> str:
    """What becomes of items that a user has had, in words."""
    return "items the user had before are left out" if part.recipe.serving.exclude_seen else "items the user had before stay in"
