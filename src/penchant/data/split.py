"""Dividing events into what is learnt from, what is tuned on and what is judged.

By time and by last events, what is learnt from lies before what is judged. The others are drawn: single events (`ratio`), or whole users
and items that are new to what is learnt from (`cold_user`, `cold_item`, `cold_both`). Parts share the log: whatever the split, a judged
event sees its user's own past as history, those of a cold user too, which is what a new user's second request looks like.
"""

from datetime import UTC, datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.log import Log
from penchant.schema.errors import DataError
from penchant.schema.sections.split import SplitSettings

Part = NDArray[np.int64]
COLD = {"cold_user": (True, False), "cold_item": (False, True), "cold_both": (True, True)}
"""Whether users and whether items are drawn."""


def split_by_time(log: Log, rows: Part, valid_from: float, test_from: float) -> tuple[Part, Part, Part]:
    """Rows before `valid_from`, from there to `test_from`, and after (seconds since 1970)."""
    if not valid_from <= test_from:
        raise DataError("valid_from", must="not later than test_from", came=f"{valid_from} > {test_from}", do="Swap them.")
    time = log.time[rows]
    return rows[time < valid_from], rows[(time >= valid_from) & (time < test_from)], rows[time >= test_from]


def split_by_column(log: Log, rows: Part, column: str, valid_from: str, test_from: str) -> tuple[Part, Part, Part]:
    """As `split_by_time`, with the period told by a numeric column; events without a period are learnt from."""
    period = log.series(column, rows).cast(pl.Float64, strict=False).fill_null(float("-inf")).to_numpy()
    edges = [float(edge) for edge in (valid_from, test_from) if edge.replace(".", "", 1).isdigit()]
    if len(edges) < 2 or edges[0] > edges[1]:
        came = f"{valid_from} and {test_from}"
        raise DataError("split.valid_from and test_from", must=f"ascending numbers like those of '{column}'", came=came, do="Mend [split].")
    return rows[period < edges[0]], rows[(period >= edges[0]) & (period < edges[1])], rows[period >= edges[1]]


def split_by_time_share(log: Log, rows: Part, valid: float, test: float) -> tuple[Part, Part, Part]:
    """The newest `test` share of events, the `valid` share before it, and the rest; equal times stay together."""
    time = np.append(np.sort(log.time[rows]), np.inf)
    valid_from, test_from = (time[round(len(rows) * share)] for share in (1 - valid - test, 1 - test))
    return split_by_time(log, rows, float(valid_from), float(test_from))


def split_last(log: Log, rows: Part, valid: float | int, test: float | int) -> tuple[Part, Part, Part]:
    """Each user's newest events in order.

    Args:
        log: The log.
        rows: Event rows, ascending.
        valid, test: A share of each user's events (float, rounded to the nearest count) or a number of events (int: leave-n-out).
            A user with fewer than three events stays in training whole; of any other the oldest event does.
    """
    user = log.user[rows]
    count = np.bincount(user, minlength=len(log.users))[user]
    first = np.searchsorted(user, user)
    place = np.arange(len(rows)) - first

    def amount(part: float | int) -> NDArray[np.float64]:
        return np.where(count < 3, 0, np.rint(count * part) if isinstance(part, float) else np.minimum(part, count // 3))

    in_test = (place >= count - amount(test)) & (place > 0)
    in_valid = ~in_test & (place >= count - amount(test) - amount(valid)) & (place > 0)
    return rows[~in_test & ~in_valid], rows[in_valid], rows[in_test]


def split_by_ratio(log: Log, rows: Part, valid: float, test: float, seed: int) -> tuple[Part, Part, Part]:
    """Single events, drawn; what is learnt from may lie after what is judged."""
    place = _drawn(len(rows), valid, test, seed)
    return rows[place == 0], rows[place == 1], rows[place == 2]


def split_cold(log: Log, rows: Part, valid: float, test: float, seed: int, *, users: bool, items: bool) -> tuple[Part, Part, Part]:
    """Whole users, whole items or both are drawn, and the judged parts hold only events of theirs.

    With both, an event is judged when its user and its item are drawn for the same part; events of one known and one drawn side are left
    out, as are those of sides drawn for different parts.

    Args:
        log: The log.
        rows: Event rows, ascending.
        valid, test: Shares of the users, of the items, or of each.
        seed: Of the drawing.
        users, items: Which are drawn.
    """
    sides = [array[rows] for array, asked in ((log.user, users), (log.item, items)) if asked]
    places = [_drawn_wholes(side, valid, test, seed + number) for number, side in enumerate(sides)]
    same = places[0] == places[-1]
    return rows[same & (places[0] == 0)], rows[same & (places[0] == 1)], rows[same & (places[0] == 2)]


def _drawn_wholes(side: NDArray[np.integer], valid: float, test: float, seed: int) -> NDArray[np.int64]:
    """The part of each event, drawn for its user or item, `[rows]`."""
    names, which = np.unique(side, return_inverse=True)
    return _drawn(len(names), valid, test, seed)[which]


def _drawn(count: int, valid: float, test: float, seed: int) -> NDArray[np.int64]:
    """0, 1 or 2 for training, validation and test, in these shares, `[count]`."""
    place = np.zeros(count, dtype=np.int64)
    judged = np.random.default_rng(seed).permutation(count)
    tests, valids = round(count * test), round(count * valid)
    place[judged[:tests]], place[judged[tests : tests + valids]] = 2, 1
    return place


def split(log: Log, rows: Part, settings: SplitSettings) -> tuple[Part, Part, Part]:
    """Train, valid and test rows as the recipe says.

    Raises:
        DataError: when nothing is left to train on.
    """
    if settings.kind == "last":
        parts = split_last(log, rows, settings.valid, settings.test)
    elif settings.kind == "ratio":
        parts = split_by_ratio(log, rows, settings.valid, settings.test, settings.seed)
    elif settings.kind in COLD:
        users, items = COLD[settings.kind]
        parts = split_cold(log, rows, settings.valid, settings.test, settings.seed, users=users, items=items)
    elif settings.column is not None and settings.valid_from is not None and settings.test_from is not None:
        parts = split_by_column(log, rows, settings.column, settings.valid_from, settings.test_from)
    elif settings.valid_from is not None and settings.test_from is not None:
        parts = split_by_time(log, rows, seconds(settings.valid_from), seconds(settings.test_from))
    else:
        parts = split_by_time_share(log, rows, settings.valid, settings.test)
    if not len(parts[0]):
        raise DataError("the training part", must="at least one event", came="none", do="Move [split] valid_from or lower the shares.")
    return parts


def seconds(text: str) -> float:
    """An ISO date or time as seconds since 1970; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DataError("a split's date", must="ISO 8601 (2022-05-04)", came=f"'{text}'", do="Write it as YYYY-MM-DD.") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
