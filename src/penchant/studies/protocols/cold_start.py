"""Known and new users asked for known and new items, each of the four apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from penchant.data.dataset import Dataset
from penchant.evaluation.slices import by_cold_start
from penchant.models.recommender import Recommender
from penchant.studies.lists import Asked, Lists, joined, measure
from penchant.studies.protocols.protocol import TIES, cut_at, left_out


@dataclass(frozen=True)
class ColdStart:
    """One query per user and state of items, at the user's first such event; only items of that state are ranked.

    Ranking new items among known ones would measure how boldly a model shows what nobody has had; this measures whether it can tell
    them apart. New is what has no event in the training part.

    Attributes:
        train: The training part.
        cutoffs: List lengths; the first one's NDCG is the headline.
    """

    train: Dataset
    cutoffs: tuple[int, ...] = (10, 5, 20)

    def measure(self, models: Mapping[str, Recommender], part: Dataset) -> Lists:
        """Values per user and state, the states as slices; empty where the part wants nothing."""
        log, rows = part.log, part.positives
        users, items = (
            np.bincount(side[self.train.rows], minlength=count) for side, count in ((log.user, len(log.users)), (log.item, len(log.items)))
        )
        states = by_cold_start(users[log.user[rows]], items[log.item[rows]])
        parts: dict[str, Lists] = {}
        for state, mask in states.items():
            new_item = items[log.item[rows[mask]][0]] == 0
            asked = Asked.at_first_wanted(part.part(rows[mask]), ranked=(items == 0) == new_item)
            parts[state] = measure(models, asked, self.cutoffs, {})
        return joined(parts)

    def told(self, part: Dataset) -> tuple[str, ...]:
        """What was done, in sentences."""
        return (
            f"Lists: users and items with and without a training event, each of the four states apart; the state's items ranked at each "
            f"user's first test event of it, {cut_at(self.cutoffs)}; {left_out(part)}.",
            TIES,
        )
