"""How long a request may take and how much is kept for when the engine cannot answer."""

import math
from dataclasses import dataclass

RESERVED = 0.1
"""The share of a deadline kept for the answer from memory."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a service holds itself to.

    Attributes:
        deadline: Seconds in which a recommendation is answered, by the engine or from memory; without a bound the engine is waited for.
        remembered: Users whose last good list is kept.
        cache_seconds: How long an answer stands for the same request; 0 = every request is answered anew.
        cached: The most answers that are kept for that.
        waiting: The most requests that wait for the engine; those beyond are refused at once.
        writing: The most calls with events that are under way; those beyond are refused at once.
        drain: Seconds between SIGTERM, from when the service says that it is not ready, and the end of listening.
    """

    deadline: float = math.inf
    remembered: int = 10_000
    cache_seconds: float = 0.0
    cached: int = 10_000
    waiting: int = 256
    writing: int = 128
    drain: float = 0.0

    @property
    def patience(self) -> float | None:
        """Seconds that the engine is waited for; None = as long as it takes."""
        return None if math.isinf(self.deadline) else self.deadline * (1 - RESERVED)
