"""The best list so far: left by the engine's thread while it goes on, taken by whoever can wait no longer."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class Draft(Generic[Answer]):
    """One request's.

    Args:
        until: When its answer is too late, by `time.monotonic()`.
    """

    def __init__(self, until: float) -> None:
        self._until = until
        self._make: Callable[[], Answer] | None = None

    def offer(self, make: Callable[[], Answer]) -> bool:
        """Leaves a list; whether there is time to make a better one.

        Args:
            make: Makes the answer of it, in any thread and only when it is needed.
        """
        self._make = make
        return time.monotonic() < self._until

    def answer(self) -> Answer | None:
        """What was left; None when nothing was."""
        return None if self._make is None else self._make()
