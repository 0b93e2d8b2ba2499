"""Windows: one slice of a user's history and the events that are predicted from within it.

One causal encoding of a window serves all its targets, so that a user's history is encoded once, not once per event.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penchant.data.log import Log

TARGETS_AT_ONCE = 1_000_000
"""Whole users with about so many targets are divided into windows together, so that memory holds little beside the result."""


@dataclass(frozen=True)
class Windows:
    """Windows over a log, each at most `length` history events long, with its targets.

    Attributes:
        start: Where each window's history begins in `log.history_rows`, `[windows]`.
        length: How many history events it holds (0 for a user without history), `[windows]`.
        user: The user row, `[windows]`.
        rows: Target event rows, grouped by window, `[targets]`.
        visible: How many of the window's history events each target may see, `[targets]`.
        offsets: Where each window's targets begin in `rows`, `[windows + 1]`.
    """

    start: NDArray[np.int64]
    length: NDArray[np.int64]
    user: NDArray[np.int64]
    rows: NDArray[np.int64]
    visible: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def targets(self) -> NDArray[np.int64]:
        """Targets in each window, `[windows]`."""
        return np.diff(self.offsets)

    def take(self, chosen: NDArray[np.integer]) -> "Windows":
        """These windows with their targets, in this order."""
        counts = self.targets[chosen]
        offsets = np.append(0, np.cumsum(counts))
        targets = np.repeat(self.offsets[chosen] - offsets[:-1], counts) + np.arange(offsets[-1])
        return Windows(self.start[chosen], self.length[chosen], self.user[chosen], self.rows[targets], self.visible[targets], offsets)


def windows_of(log: Log, rows: NDArray[np.integer], length: int) -> Windows:
    """Windows for these target events; every target lies in exactly one window.

    A user's first window reaches from the first event on; each further one moves on by half a window, so that every
    target sees all of the past or at least half a window of it.

    Args:
        log: The log.
        rows: Target event rows in ascending order, `[targets]`.
        length: Most history events (and most targets) in a window.
    """
    starts = np.searchsorted(log.user[rows], log.user[rows[TARGETS_AT_ONCE::TARGETS_AT_ONCE]])
    parts = [_windows_of(log, part, length) for part in np.split(rows.astype(np.int64, copy=False), np.unique(starts))]
    start, lengths, user, targets, visible = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("start", "length", "user", "rows", "visible")
    )
    offsets = np.append(0, np.cumsum(np.concatenate([part.targets for part in parts])))
    return Windows(start, lengths, user, targets, visible, offsets)


def _windows_of(log: Log, rows: NDArray[np.int64], length: int) -> Windows:
    user = log.user[rows].astype(np.int64)
    begin, end = log.history_offsets[user], log.history_end(rows)
    step = max(length // 2, 1)
    turn = np.maximum(0, -(-(end - begin - length) // step))
    start = begin + turn * step
    crowd = _place_in_group(user, turn) // length
    return _grouped(rows, user, start, end - start, crowd)


def single_windows(log: Log, rows: NDArray[np.integer]) -> Windows:
    """One window per event row `[targets]`, with no history at all: for what reads no past."""
    none = np.zeros(len(rows), dtype=np.int64)
    return Windows(none, none, log.user[rows].astype(np.int64), rows.astype(np.int64), none, np.arange(len(rows) + 1))


def cut_windows(log: Log, rows: NDArray[np.integer], length: int, first: NDArray[np.integer]) -> Windows:
    """Windows laid end to end, which cost no event twice; a target sees what lies before it in its own window, at times little.

    Args:
        log: The log.
        rows: Target event rows in ascending order, `[targets]`.
        length: Most history events (and most targets) in a window.
        first: Where each user's history is cut first, from 0 to below `length`: after so many events, and then every `length`, `[users]`.
    """
    user = log.user[rows].astype(np.int64)
    begin, end = log.history_offsets[user], log.history_end(rows)
    shift = (length - first[user]) % length
    turn = np.maximum(end - begin + shift - 1, 0) // length
    start = np.maximum(begin, begin + turn * length - shift)
    crowd = _place_in_group(user, turn) // length
    return _grouped(rows.astype(np.int64), user, start, end - start, crowd)


def latest_windows(log: Log, rows: NDArray[np.integer], end: NDArray[np.integer], length: int) -> Windows:
    """One window per event row, holding the last `length` history events before `end`: what a request sees online.

    Args:
        log: The log.
        rows: The events asked about, `[n]`.
        end: For each, the end (exclusive) of its past in `log.history_rows`, `[n]`; `log.history_end(rows)` is the strict past.
        length: Most history events in a window.
    """
    user = log.user[rows].astype(np.int64)
    start = np.maximum(log.history_offsets[user], end - length)
    return _grouped(rows.astype(np.int64), user, start, end - start, np.arange(len(rows)))


def _place_in_group(user: NDArray[np.int64], turn: NDArray[np.int64]) -> NDArray[np.int64]:
    first = _changes(user, turn)
    return np.arange(len(user)) - np.maximum.accumulate(np.where(first, np.arange(len(user)), 0))


def _changes(*keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Where any key differs from the one before; the first always does."""
    first = np.ones(len(keys[0]), dtype=bool)
    if len(first):
        first[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return first


def _grouped(
    rows: NDArray[np.int64], user: NDArray[np.int64], start: NDArray[np.int64], visible: NDArray[np.int64], crowd: NDArray[np.int64]
) -> Windows:
    heads = np.flatnonzero(_changes(user, start, crowd))
    offsets = np.append(heads, len(rows))
    length = np.maximum.reduceat(visible, heads) if len(heads) else np.zeros(0, dtype=np.int64)
    return Windows(start[heads], length, user[heads], rows, visible, offsets)
