"""Leave one out of the past alone: what can be told of any model, which need only answer a query."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from penchant.models.explanation.cause import Cause, Effect, by_size
from penchant.models.queries import Queries

Scores = NDArray[np.float32]


def past_effects(score: Callable[[Queries], Scores], query: Queries, rows: NDArray[np.int64], one_by_one: int) -> list[list[Effect]]:
    """What each event of the past adds to each item's score, the strongest first, `[n]` lists.

    A model that reads no features can be asked about nothing else; one that has learnt a vector of the user, or none of the user at all
    (popularity), answers the same without any event, and its effects are 0.

    Args:
        score: Scores of the catalogue `[queries, items]`.
        query: Who asks, one.
        rows: Of the items `[n]`.
        one_by_one: How many of the newest events are causes by themselves; those before them are one together.
    """
    known = query.known()[1]
    newest, older = known[-one_by_one:], known[:-one_by_one]
    causes = [Cause("history", item=int(query.log.item[row]), events=1, time=float(query.log.time[row]), told=int(row)) for row in newest]
    pasts = [known, *(known[known != row] for row in newest)]
    if len(older):
        causes.append(Cause("earlier_history", events=len(older)))
        pasts.append(newest)
    scores = score(query.with_pasts(pasts))[:, rows].astype(np.float64)
    return [by_size([Effect(cause, float(own[0] - left)) for cause, left in zip(causes, own[1:], strict=True)]) for own in scores.T]
