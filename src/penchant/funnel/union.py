"""Candidates of several sources as one table."""

from collections.abc import Sequence

import numpy as np

from penchant.funnel.candidates import Candidates


def union(parts: Sequence[Candidates]) -> Candidates:
    """Every item of the parts once, with the score of the first part that holds it; in the order of the parts.

    Sources score each on a scale of its own: the scores of a union order nothing before a ranker has judged it.
    """
    items = np.concatenate([part.items for part in parts])
    first = np.sort(np.unique(items, return_index=True)[1])
    return Candidates(items[first], np.concatenate([part.scores for part in parts])[first])
