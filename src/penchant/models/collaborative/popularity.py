"""Items by how many events they have: the baseline nothing may lose to."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penchant.data.dataset import Dataset
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.space import Range


class Popularity(Recommender):
    """The number of wanted events of each item.

    Args:
        window_days: Count only events this close to the newest one; all when None.
    """

    kind: ClassVar[str] = "popularity"
    space: ClassVar[Mapping[str, Range]] = {"window_days": Range(low=1.0, high=1000.0, log=True)}

    def __init__(self, window_days: Annotated[float, Field(gt=0)] | None = None) -> None:
        self.window_days = window_days

    def _learn(self, data: Dataset) -> None:
        rows = data.positives
        if self.window_days is not None and len(rows):
            time = data.log.time[rows]
            rows = rows[time >= time.max() - self.window_days * 86_400]
        self.counts_ = np.bincount(data.log.item[rows], minlength=len(data.log.items)).astype(np.float32)

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """The items' counts for everybody alike, `[queries, items]`."""
        return np.tile(self.counts_, (len(queries), 1))

    def state(self) -> dict[str, NDArray[Any]]:
        """The counts."""
        return {"counts": self.counts_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.counts_ = arrays["counts"]
