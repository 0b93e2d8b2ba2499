"""Cross-validation: every event is judged once, by what was learnt without it.

`penchant evaluate --folds` and `penchant.cross_validate` fit and judge a recipe on them.

Parts share the log, so that a history is what the log holds before an event, whichever part that is in. What that shows of judged
events to a model: with folds by *user* nothing of a judged user is learnt from, yet each judged event sees the user's own past; by
*record* a training event may have judged ones in its past, which are then known as history, never as labels; by *time* only what lies
before the judged block is learnt from, whose events see all that happened before them.
"""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from penchant.data.log import Log
from penchant.schema.errors import DataError

Rows = NDArray[np.int64]
By = Literal["user", "record", "time"]


def folds(log: Log, rows: Rows, count: int, by: By = "user", *, seed: int = 0) -> Iterator[tuple[Rows, Rows]]:
    """Training and judged rows of each fold, both ascending.

    Args:
        log: The log.
        rows: Event rows, ascending.
        count: How many folds.
        by: What a fold is made of. `user`: whole users, drawn; `record`: single events, drawn; `time`: blocks of as many events, equal
            times together. By time the oldest block is only ever learnt from, so that there are `count` + 1 blocks.
        seed: Of the drawing.

    Yields:
        `count` pairs. By user and record every row is judged in exactly one; by time every row after the oldest block.

    Raises:
        DataError: when there are fewer than two folds, or too few users, events or times to fill them.
    """
    if count < 2:
        raise DataError("folds", must="at least 2", came=f"{count}", do="Ask for 5, for example.")
    block = _blocks(log, rows, count, by, np.random.default_rng(seed))
    for number in range(block.max(initial=0) + 1 - count, block.max(initial=0) + 1):
        yield rows[block < number if by == "time" else block != number], rows[block == number]


def _blocks(log: Log, rows: Rows, count: int, by: By, random: np.random.Generator) -> NDArray[np.int64]:
    """The block of each row, `[rows]`; by time the first block is number 0 and judged in no fold."""
    if by == "time":
        times = np.sort(log.time[rows])
        edges = np.unique(times[np.arange(1, count + 1) * len(rows) // (count + 1)]) if len(rows) else times
        _check(len(edges[edges > times[0]]) if len(rows) else 0, count, "moments far enough apart")
        return np.searchsorted(edges, log.time[rows], side="right").astype(np.int64)
    unit = np.unique(log.user[rows], return_inverse=True)[1] if by == "user" else np.arange(len(rows))
    units = int(unit.max(initial=-1)) + 1
    _check(units, count, "users" if by == "user" else "events")
    drawn: NDArray[np.int64] = random.permutation(units) % count
    return drawn[unit]


def _check(found: int, count: int, what: str) -> None:
    if found < count:
        raise DataError(f"{count} folds", must=f"filled by as many {what}", came=f"{found}", do="Ask for fewer folds.")
