"""Logged decisions, and how likely another policy would have made them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from penchant.schema.errors import PenchantError

Floats = NDArray[np.float64]
Between = Literal["independent", "cascade"]
_SURE = 1 - 1e-12


class NotRandomError(PenchantError):
    """The log's policy left nothing to chance where the other policy decides otherwise: nothing can be learnt of the other from it."""

    code = "not_random"


class DecisionsError(PenchantError):
    """Decisions that cannot be: a chance outside 0 to 1, a reward that is no number, arrays that do not fit."""

    code = "decisions"


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Decisions of a log as another policy would have made them. A decision fills one place, or each of several places of a list.

    Attributes:
        rewards: What came of them `[n]` or `[n, places]`; a list is worth the sum of its places.
        propensities: The chance with which the log's policy chose what it chose, above 0 `[n]` or `[n, places]`; of a later place given the
            earlier ones.
        chances: The chance with which the other policy would have chosen the same, as `propensities`.
        groups: Whose each decision is `[n]`; decisions of one group are not independent. Each its own when None.
        expected: A model's reward of what was chosen, as `rewards`; needed by the direct method and by doubly robust.
        expected_of_other: The model's reward of what the other policy would choose, the mean over its choices, as `rewards`.
        between: Whether a place's reward hangs on its own item alone ("independent") or on the earlier places too ("cascade"; McInerney and
            others, Counterfactual evaluation of slate recommendations with sequential reward interactions, KDD 2020).

    Raises:
        DecisionsError: on what cannot be.
    """

    rewards: Floats
    propensities: Floats
    chances: Floats
    groups: NDArray[np.integer] | None = None
    expected: Floats | None = None
    expected_of_other: Floats | None = None
    between: Between = "independent"

    def __post_init__(self) -> None:
        shape = self.rewards.shape
        if len(shape) not in (1, 2) or not len(self.rewards):
            raise DecisionsError("rewards", must="[decisions] or [decisions, places], one at least", came=f"shape {shape}", do="")
        for name in ("propensities", "chances", "expected", "expected_of_other"):
            array = getattr(self, name)
            if array is not None and array.shape != shape:
                raise DecisionsError(name, must=f"of the shape of rewards, {shape}", came=f"{array.shape}", do="Give one per reward.")
        if self.groups is not None and self.groups.shape != shape[:1]:
            raise DecisionsError("groups", must=f"one per decision, {shape[:1]}", came=f"{self.groups.shape}", do="Name whose each is.")
        self._each("rewards", np.isfinite(self.rewards), "a number", "Leave out decisions whose outcome is unknown.")
        propensities = (self.propensities > 0) & (self.propensities <= 1)
        self._each("propensities", propensities, "above 0 and at most 1", "What was shown had some chance of being shown.")
        self._each("chances", (self.chances >= 0) & (self.chances <= 1), "0 to 1", "")

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def weights(self) -> Floats:
        """How much more often the other policy would have come here `[n, places]`.

        Raises:
            NotRandomError: where the log's policy had no choice and the other would choose otherwise.
        """
        sure = self.propensities >= _SURE
        if sure.all():
            must, do = "drawn, with a propensity below 1", "Declare places to explore ([serving.exploration]) and log again."
            raise NotRandomError("logged decisions", must=must, came="propensity 1 in all of them", do=do)
        unlike = sure & (self.chances < _SURE)
        if unlike.any():
            came = f"{int(unlike.sum())} of {unlike.size} decisions with propensity 1 that the other policy would not surely make"
            raise NotRandomError("logged decisions", must="drawn wherever policies differ", came=came, do="Leave these decisions out.")
        weights = _places(self.chances / self.propensities)
        return np.cumprod(weights, axis=1, dtype=np.float64) if self.between == "cascade" else weights

    def _each(self, name: str, good: NDArray[np.bool_], must: str, do: str) -> None:
        if not good.all():
            first = np.argwhere(~good)[0]
            came = f"{getattr(self, name)[tuple(first)]} in {int((~good).sum())} of {good.size}, first at decision {int(first[0])}"
            raise DecisionsError(name, must=must, came=came, do=do)


def _places(values: Floats) -> Floats:
    """`[n, places]`."""
    return values.reshape(len(values), -1)
