"""What is noted of a request while it is answered, for its line in the log."""

import secrets
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Noted:
    """One request's.

    Attributes:
        request_id: Ours; what a caller sends as one may hold anything.
        facts: What the line tells beside its route and time; no ids of users or items, and nothing a caller sent.
        user_id: Who is answered, for whoever keeps it as a keyed hash only.
    """

    request_id: str = field(default_factory=lambda: secrets.token_hex(12))
    facts: dict[str, Any] = field(default_factory=dict)
    user_id: str | None = None


_noted: ContextVar[Noted | None] = ContextVar("noted", default=None)


def begin() -> Noted:
    """From now on, what is noted in this request's tasks is noted here."""
    noted = Noted()
    _noted.set(noted)
    return noted


def noted() -> Noted:
    """Of the request that is answered now; something that nobody reads where there is none."""
    return _noted.get() or Noted()
