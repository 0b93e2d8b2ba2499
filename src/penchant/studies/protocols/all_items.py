"""Every item is ranked for every user: the way of asking unless another is named."""

from collections.abc import Mapping
from dataclasses import dataclass

from penchant.data.dataset import Dataset
from penchant.models.recommender import Recommender
from penchant.studies.lists import Lists, measure_lists
from penchant.studies.protocols.protocol import TIES, cut_at, left_out


@dataclass(frozen=True)
class AllItems:
    """One query per user, at the user's first wanted event of the part; all the user's wanted events of the part are relevant.

    Values come in slices too: per scenario, with and without a past, by how long that is.

    Attributes:
        cutoffs: List lengths; the first one's NDCG is the headline.
    """

    cutoffs: tuple[int, ...] = (10, 5, 20)

    def measure(self, models: Mapping[str, Recommender], part: Dataset) -> Lists:
        """Values per user."""
        return measure_lists(models, part, self.cutoffs)

    def told(self, part: Dataset) -> tuple[str, ...]:
        """What was done, in sentences."""
        asked = f"Lists: all {len(part.log.items):,} items ranked at each user's first test event, {cut_at(self.cutoffs)}"
        return (f"{asked}; {left_out(part)}.", TIES)
