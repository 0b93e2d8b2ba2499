"""What a policy of exploration is: for one place at a time, how likely each candidate is to be drawn."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Chances:
    """How likely each candidate is.

    Attributes:
        of: Chances that add up to 1 `[n]`.
        error: Their standard error where draws have told them `[n]`; None where they are exact.
        draws: How many draws; 0 where they are exact.
    """

    of: Floats
    error: Floats | None = None
    draws: int = 0


@dataclass(frozen=True)
class Unsure:
    """What is known of candidates.

    Attributes:
        scores: What they are ordered by, higher first `[n]`.
        spread: How unsure each score is, its standard deviation `[n]`.
        together: Whether the scores are unsure in one direction all: one draw moves all of them, each by its own spread.
        unit: What temperatures are told in; the spread among the scores themselves where it is None.
    """

    scores: Floats
    spread: Floats
    together: bool = False
    unit: float | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def take(self, places: NDArray[np.int64]) -> "Unsure":
        """Of the candidates at these places."""
        return Unsure(self.scores[places], self.spread[places], self.together, self.scale)

    @property
    def scale(self) -> float:
        """The unit of temperatures, the same for every place of a list."""
        return float(self.scores.std()) if self.unit is None else self.unit


class Policy(Protocol):
    """Draws a candidate for a place."""

    def chances(self, known: Unsure, rng: np.random.Generator) -> Chances:
        """How likely each of the candidates is to be drawn, one at least; `rng` where that takes draws."""
        ...
