"""One wanted item among items that were drawn once and published: only to stand beside a table that was made so.

Rankings among drawn negatives order models otherwise than rankings of all items do (Krichene and Rendle, On sampled metrics for item
recommendation, KDD 2020), which is why the report says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.evaluation.metrics.hits import PerUser
from penchant.evaluation.metrics.one_wanted import expected_hit_rate, expected_ndcg, places
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.errors import DataError

Candidates = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class CommittedNegatives:
    """What a published list of negatives asks.

    Attributes:
        queries: One per user, as of the moment of the wanted item.
        candidates: Item rows, the wanted one first `[queries, 1 + negatives]`.
        cutoffs: List lengths.
    """

    queries: Queries
    candidates: Candidates
    cutoffs: tuple[int, ...] = (10,)

    def measure(self, model: Recommender) -> dict[str, PerUser]:
        """Hit rate and NDCG at each cutoff, per query."""
        return committed_negatives(model, self.queries, self.candidates, self.cutoffs)

    def told(self) -> tuple[str, ...]:
        """What was done, in sentences."""
        return (
            f"Lists: one wanted item among {self.candidates.shape[1] - 1:,} committed negatives for each of {len(self.queries):,} users, "
            f"cut at {', '.join(map(str, sorted(self.cutoffs)))}. Sampled: these numbers stand beside tables of the same negatives only.",
            "Ties: an item's rank is any of its tied ones', so that values are expected ones.",
        )


def committed_negatives(model: Recommender, queries: Queries, candidates: Candidates, cutoffs: Sequence[int] = (10,)) -> dict[str, PerUser]:
    """Hit rate and NDCG of one wanted item among its candidates, per query.

    An item that stands in a row twice, the wanted one too, is one candidate: the published evaluations keep scores by item.

    Args:
        model: Fitted.
        queries: `[queries]`.
        candidates: Item rows `[queries, 1 + negatives]`, the wanted one first.
        cutoffs: List lengths.

    Returns:
        `{"hit_rate@k" | "ndcg@k": [queries]}`, ties at their expected rank.

    Raises:
        DataError: when there is not one row of candidates per query.
    """
    if candidates.ndim != 2 or len(candidates) != len(queries):
        must, came = f"[{len(queries):,} queries, 1 + negatives]", str(candidates.shape)
        raise DataError("committed candidates", must=must, came=came, do="Give one row per query, its wanted item first.")
    scores = model.scores_of(queries, candidates)
    scores[_repeats(candidates)] = -np.inf
    before, tied = places(scores[:, 0], scores[:, 1:])
    hit_rate = {f"hit_rate@{k}": expected_hit_rate(before, tied, k) for k in cutoffs}
    return hit_rate | {f"ndcg@{k}": expected_ndcg(before, tied, k) for k in cutoffs}


def _repeats(candidates: Candidates) -> NDArray[np.bool_]:
    """Whether the same item stands further to the left in the row."""
    order = np.argsort(candidates, axis=1, kind="stable")
    ordered = np.take_along_axis(candidates, order, axis=1)
    repeats = np.zeros(candidates.shape, dtype=bool)
    np.put_along_axis(repeats, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    return repeats
