"""Texts and images being encoded, and encoders being fitted, which may take minutes, shown as progress while a command runs."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from penchant.cli.terminal import Terminal
from penchant.features.kept_vectors import Progress

TELL = ("penchant.features.kept_vectors", "penchant.training.tuning.steps")
"""Whose progress is shown; named, because the second would load torch."""


@contextmanager
def encoding_shown(terminal: Terminal) -> Iterator[None]:
    """While it lasts, progress that goes to the log is shown in its place."""

    def show(record: logging.LogRecord) -> bool:
        told = record.args[0] if isinstance(record.args, tuple) and record.args else None
        if not isinstance(told, Progress):
            return True
        text = f"{told.what}: {told.done:,} of {told.total:,} {told.did}, {told.rate:,.0f} a second"
        terminal.progress("encode", told.done, told.total, text, time.monotonic() - told.seconds)
        return False

    loggers = [logging.getLogger(name) for name in TELL]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addFilter(show)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
            logger.removeFilter(show)
