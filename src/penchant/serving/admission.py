"""Who may wait: as many as can be answered in time. Those beyond are told so at once, which costs them and us next to nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from penchant.schema.errors import PenchantError
from penchant.serving.limits import Limits
from penchant.serving.metrics import Metrics

SHARE = 0.5
"""Of the deadline that a request may expect to wait for those before it; the rest is for itself, and for being wrong."""
_NEWEST = 0.1  # what the newest measurement counts in what a request is expected to take


class OverloadedError(PenchantError):
    """Too many wait; nothing was done."""

    code = "overloaded"


class Admission:
    """Counts who waits.

    Args:
        limits: How many may, and for how long.
        metrics: Where it counts those refused.

    Attributes:
        waiting: Requests under way that the engine answers.
        writing: Calls with events under way.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._seconds = 0.0
        self.waiting = self.writing = 0

    def took(self, seconds: float, requests: int) -> None:
        """The engine has answered so many requests; from its own thread."""
        self._seconds += _NEWEST * (seconds / requests - self._seconds)

    @contextmanager
    def wait(self, free: bool) -> Iterator[None]:
        """While a request is under way.

        Args:
            free: Whether it will be answered from memory, which is always possible.

        Raises:
            OverloadedError: when those before it would keep it waiting too long.
        """
        crowded = self.waiting >= self._limits.waiting or self.waiting * self._seconds > SHARE * self._limits.deadline
        if crowded and self.waiting and not free:
            self._refuse("waiting")
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    @contextmanager
    def write(self) -> Iterator[None]:
        """While a call with events is under way. Raises OverloadedError when too many are."""
        if self.writing >= self._limits.writing:
            self._refuse("writing")
        self.writing += 1
        try:
            yield
        finally:
            self.writing -= 1

    def _refuse(self, what: str) -> NoReturn:
        self._metrics.refused(what)
        raise OverloadedError(f"requests {what}", must="few enough to be answered in time", came="more", do="Try again after a second.")
