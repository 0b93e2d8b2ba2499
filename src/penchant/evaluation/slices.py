"""Parts of the test rows or users that are looked at on their own: name -> mask [n].

Every slicer drops empty slices and keeps a fixed order; with no entries it returns none.
"""

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Mask = NDArray[np.bool_]
Slices = dict[str, Mask]

ALL = "all"
"""The slice that holds everything."""


def by_scenario(scenario: Sequence[Hashable]) -> Slices:
    """One slice per scenario [n], the largest first, equals by name; None is "unknown"."""
    names = np.array(["unknown" if name is None else str(name) for name in scenario], dtype=object)
    largest_first = sorted(Counter(names.tolist()).items(), key=lambda pair: (-pair[1], pair[0]))
    return {name: names == name for name, _ in largest_first}


def by_training_events(events: ArrayLike, cold_below: int = 1) -> Slices:
    """Cold and warm by the number of training events of the user or item [n]."""
    cold = np.asarray(events) < cold_below
    return _filled({"cold": cold, "warm": ~cold})


def by_cold_start(user_events: ArrayLike, item_events: ArrayLike, cold_below: int = 1) -> Slices:
    """The four-way split of rows: users and items, each cold or warm, by their training events [n]."""
    new_user, new_item = np.asarray(user_events) < cold_below, np.asarray(item_events) < cold_below
    return _filled(
        {
            "warm user, warm item": ~new_user & ~new_item,
            "cold user, warm item": new_user & ~new_item,
            "warm user, cold item": ~new_user & new_item,
            "cold user, cold item": new_user & new_item,
        }
    )


def by_activity(events: ArrayLike) -> Slices:
    """Thirds of the users by their number of training events [n]; equal numbers stay in one slice."""
    counts = np.asarray(events)
    if not len(counts):
        return {}
    low, high = np.quantile(counts, [1 / 3, 2 / 3], method="inverted_cdf")
    return _filled({"least active": counts <= low, "middle": (counts > low) & (counts <= high), "most active": counts > high})


def _filled(slices: Slices) -> Slices:
    return {name: mask for name, mask in slices.items() if mask.any()}
