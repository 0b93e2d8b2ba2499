"""Exploration: the declared places of an arranged list are drawn; all others stay as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.explore.policy import Policy, Unsure

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Drawn:
    """Who stands where, and by what chance.

    Attributes:
        places: Which candidate stands where `[k]`.
        propensities: The chance of each given all places before; 1 where nothing was drawn `[k]`.
        errors: The standard error of those that draws have told; 0 elsewhere `[k]`.
        draws: How many draws told them; 0 where all are exact.
        explored: Places that were drawn, from 0, in their order.
    """

    places: Places
    propensities: NDArray[np.float64]
    errors: NDArray[np.float64]
    draws: int
    explored: Sequence[int]


def explore(
    listed: Places,
    known: Unsure,
    open_to: Places,
    places: Sequence[int],
    policy: Policy,
    rng: np.random.Generator,
    kinds: NDArray[np.integer] | None = None,
) -> Drawn:
    """Draws who takes the declared places of a list.

    A place is drawn among the candidates that may be explored and stand nowhere else: those behind the list, and those that the list has in
    declared places itself. A place with fewer than two to choose from keeps its own.

    Args:
        listed: Candidates by place, as everything before has arranged them `[k]`.
        known: Of all candidates `[n]`.
        open_to: Candidates that may be explored, each once.
        places: Declared places, from 0; those beyond the list are passed over.
        policy: How likely each is.
        rng: What draws.
        kinds: Of the candidates `[n]`: a place is drawn among those of the kind that it had. All are of one when None.
    """
    placed, propensities, errors = listed.copy(), np.ones(len(listed)), np.zeros(len(listed))
    may = np.zeros(len(known), dtype=bool)
    may[open_to] = True
    declared = [place for place in sorted(set(places)) if place < len(listed) and may[listed[place]]]
    fixed = np.ones(len(listed), dtype=bool)
    fixed[declared] = False
    may[listed[fixed]] = False
    draws, explored = 0, []
    for place in declared:
        choices = np.flatnonzero(may if kinds is None else may & (kinds == kinds[listed[place]]))
        if len(choices) < 2:
            placed[place] = choices[0]
            may[choices[0]] = False
            continue
        chances = policy.chances(known.take(choices), rng)
        which = int(rng.choice(len(choices), p=chances.of))
        placed[place] = choices[which]
        propensities[place] = chances.of[which]
        errors[place] = 0.0 if chances.error is None else chances.error[which]
        may[choices[which]] = False
        draws = max(draws, chances.draws)
        explored.append(place)
    return Drawn(placed, propensities, errors, draws, explored)
