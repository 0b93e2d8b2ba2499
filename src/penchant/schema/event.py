"""One event as it comes in online, and as the event log keeps it."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """What a user did to an item, when and where.

    Attributes:
        event_id: Given by the client; the same id is stored once.
        user_id: Who. At most 256 characters, like every id.
        item_id: To what.
        timestamp: Seconds since 1970 (UTC).
        event: What was done ("click", "rating").
        value: How much (stars, seconds, price); None when it has no amount.
        scenario: Where in the product; None when the recipe has one scenario.
        context: Column values known at that moment.
        request_id: The recommendation that showed the item, if one did.
        impressions: Item ids shown together with it.
    """

    event_id: str
    user_id: str
    item_id: str
    timestamp: float
    event: str = "event"
    value: float | None = None
    scenario: str | None = None
    context: dict[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    impressions: tuple[str, ...] = ()
