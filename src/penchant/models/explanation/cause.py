"""What may have moved a score, and by how much it did."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["history", "earlier_history", "profile", "context", "scenario", "item"]


@dataclass(frozen=True)
class Cause:
    """Something that a score was given with and can be given without.

    Attributes:
        kind: `history`: an event of the past; `earlier_history`: all events read that are older than those told one by one; a column
            of the `profile`, of the `context`, of the `scenario`, or of the `item`.
        name: The column; "" for events.
        value: What the column says; None for events.
        item: The catalogue row of an event's item; -1 for anything else.
        events: How many events it is; 0 for anything but events.
        time: When the event happened, seconds since 1970; None for anything else.
        told: The event: a row of the log, or its columns; None for anything else.
    """

    kind: Kind
    name: str = ""
    value: Any = None
    item: int = -1
    events: int = 0
    time: float | None = None
    told: int | Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Effect:
    """What a cause adds to an item's score: the score with it less the score without it.

    Attributes:
        cause: What is taken away.
        score: On the scale that items are ordered by; above 0 where the cause raised it.
        tasks: The same of each task's own prediction; none of a model that predicts nothing, and not that of `next_item` where the
            catalogue is too large to be asked anew for each cause.
    """

    cause: Cause
    score: float
    tasks: Mapping[str, float] = field(default_factory=dict)


def by_size(effects: list[Effect]) -> list[Effect]:
    """The strongest first, whatever their signs."""
    return sorted(effects, key=lambda effect: -abs(effect.score))
