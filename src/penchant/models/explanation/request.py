"""A request with everything it was made of, so that it can be made again without some of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from penchant.models.network import Items

Array = NDArray[Any]


@dataclass(frozen=True)
class PastEvent:
    """An event of the user's past.

    Attributes:
        item: The item's catalogue row.
        time: Seconds since 1970.
        columns: What histories read of it `{name: [*]}`.
        told: The event itself: a row of the log, or its columns.
        counted: Whether counters have counted it; those of a visit they have not.
    """

    item: int
    time: float
    columns: Mapping[str, Array]
    told: int | Mapping[str, Any]
    counted: bool = True


@dataclass(frozen=True)
class Request:
    """Who asks, when.

    Attributes:
        record: The columns of the user's profile.
        profile: What the network reads of it `{name: [1, *]}`.
        moment: The circumstances: `timestamp`, `user_id`, columns of context and scenario.
        given: What was made of words and pictures in them `{name: [1, *]}`; None where the network's own features make it.
        past: The history, oldest first, and the event before it: one more than histories hold, as far as there are so many.
    """

    record: Mapping[str, Any]
    profile: Mapping[str, Array]
    moment: Mapping[str, Any]
    given: Mapping[str, Array] | None
    past: Sequence[PastEvent]


@dataclass(frozen=True)
class ItemsAsked:
    """The items that are asked about.

    Attributes:
        rows: Of the catalogue `[n]`.
        records: The columns of each `[n]`.
        untold: All of them as the network reads them without the first part of their columns, then all without the second, and so on,
            in the order of `removals.parts`, `[parts * n]`.
    """

    rows: Array
    records: Sequence[Mapping[str, Any]]
    untold: Items
