"""Waiting for what another thread or process will have done."""

import time
from collections.abc import Callable
from typing import Any

LONG = 60.0
"""Seconds that nothing here takes, on however busy a machine."""


def until(holds: Callable[[], Any]) -> None:
    """Waits for it."""
    end = time.monotonic() + LONG
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
