"""Histories of like length together, so that little of a batch is padding."""

import numpy as np
from numpy.typing import NDArray

MIXING = 0.15  # windows of like length share a batch; this much noise keeps batches different from epoch to epoch


def packs(sizes: NDArray[np.integer], limit: int) -> list[slice]:
    """Cut a row of ascending sizes into runs whose padded size (largest x count) stays within `limit`."""
    cuts, start = [], 0
    if len(sizes) and sizes[0] == sizes[-1]:  # as rows without a past are: no need to look at millions of them one by one
        step = max(limit // max(int(sizes[0]), 1), 1)
        return [slice(place, min(place + step, len(sizes))) for place in range(0, len(sizes), step)]
    for place, size in enumerate(sizes):
        if place > start and int(size) * (place - start + 1) > limit:
            cuts.append(slice(start, place))
            start = place
    return [*cuts, slice(start, len(sizes))] if len(sizes) else []


def mixed_packs(sizes: NDArray[np.integer], limit: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """Places of sizes in batches, in random order: like sizes together, padded within `limit`, each place once."""
    order = np.argsort(sizes * np.exp(random.normal(0, MIXING, len(sizes))), kind="stable")
    batches = [order[pack] for pack in packs(np.maximum.accumulate(sizes[order]), limit)]
    return [batches[place] for place in random.permutation(len(batches))]
