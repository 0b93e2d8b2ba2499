"""What about the data or the split would make numbers look better, or mean something else, than a reader thinks."""

from collections.abc import Iterator

import numpy as np

from penchant.data.dataset import Dataset
from penchant.schema.errors import DataError

DRAWN = ("ratio", "cold_user", "cold_item", "cold_both")


def warnings_of(train: Dataset, test: Dataset) -> tuple[str, ...]:
    """Warnings in sentences, for the head of a report.

    Raises:
        DataError: when an event is both learnt from and judged.
    """
    shared = np.intersect1d(train.rows, test.rows)
    if len(shared):
        came = f"{len(shared):,} events in both, first at row {shared[0]:,}"
        raise DataError("the training and test parts", must="without common events", came=came, do="Split again, by time for example.")
    return (*_future(train, test), *_repeats(train, test))


def _future(train: Dataset, test: Dataset) -> Iterator[str]:
    if train.recipe.split.kind not in DRAWN or not len(train) or not len(test):
        return
    later = float((train.log.time[train.rows] > train.log.time[test.rows].min()).mean())
    if later:
        yield (
            f"The split '{train.recipe.split.kind}' draws at random from data that have times: {later:.0%} of what was learnt from lies "
            "after the first judged event, which a service could not have known. Numbers are likely to be too high."
        )


def _repeats(train: Dataset, test: Dataset) -> Iterator[str]:
    """Judged pairs of user and item that were learnt from: given away where repeats count, out of reach where they are left out."""
    log, count = test.log, len(test.log.items)
    learnt, judged = (np.unique(log.user[part.positives].astype(np.int64) * count + log.item[part.positives]) for part in (train, test))
    both = int(np.isin(judged, learnt).sum())
    if not both:
        return
    share = f"{both:,} of {len(judged):,} judged pairs of user and item were learnt from too"
    if test.recipe.serving.exclude_seen:
        yield f"{share}; as items the user had before are left out, no model can find them. Numbers are too low for all alike."
    else:
        yield f"{share} and stay in the lists: repeating a history finds them."
