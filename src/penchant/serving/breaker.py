"""A circuit breaker: what fails again and again is left alone for a while, then tried with one request."""

import time
from collections.abc import Callable
from typing import Literal

FAILURES = 5
"""Failures in a row that open it."""
REST = 5.0
"""Seconds until one request is let through again."""

BreakerState = Literal["closed", "open", "half_open"]


class Breaker:
    """Closed: everybody passes. Open: nobody does. Half open: one has passed, and how that one fares closes or opens it.

    One thread uses it.

    Args:
        failures: In a row, that open it.
        rest: Seconds that it stays open.
        clock: Seconds; they never go back.
    """

    def __init__(self, failures: int = FAILURES, rest: float = REST, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._rest, self._clock = failures, rest, clock
        self._failures, self._trying = 0, False
        self._until: float | None = None  # None = closed; else when the next one may try

    @property
    def state(self) -> BreakerState:
        """How it stands now."""
        if self._until is None:
            return "closed"
        return "half_open" if self._trying or self._clock() >= self._until else "open"

    def admits(self) -> bool:
        """Whether this request may pass; whoever passes tells how it went."""
        if self._until is None:
            return True
        if self._clock() < self._until:
            return False
        self._trying = True
        self._until = self._clock() + self._rest  # one that never tells does not keep all others out
        return True

    def succeeded(self) -> None:
        """One that passed was answered in time."""
        self._failures, self._trying, self._until = 0, False, None

    def failed(self) -> None:
        """One that passed was not."""
        self._failures += 1
        if self._until is not None or self._failures >= self._most:
            self._trying, self._until = False, self._clock() + self._rest
