"""The table every step of the funnel takes and gives: items and what is known of them so far."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Candidates:
    """Items for one request.

    Attributes:
        items: Item rows `[n]`.
        scores: What they are ordered by at this step, higher first `[n]`.
        tasks: Each task's prediction `{task: [n]}`.
        sources: Who proposed each, a bit per source `[n]`; None where nobody asked.
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    tasks: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    sources: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.items)

    def take(self, places: NDArray[Any]) -> "Candidates":
        """The candidates at these places (or where a mask holds), in that order."""
        return Candidates(
            self.items[places],
            self.scores[places],
            {name: values[places] for name, values in self.tasks.items()},
            None if self.sources is None else self.sources[places],
        )

    def best(self, n: int) -> "Candidates":
        """The n with the highest finite scores, best first; equal scores by item row."""
        kept = self.take(np.isfinite(self.scores))
        if 0 < 4 * n < len(kept):  # sorting a whole catalogue for its best few costs more than finding them
            edge = np.partition(kept.scores, len(kept) - n)[len(kept) - n]
            kept = kept.take(kept.scores >= edge)
        return kept.take(np.lexsort((kept.items, -kept.scores))[:n])
