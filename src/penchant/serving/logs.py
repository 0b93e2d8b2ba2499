"""Lines of the log: one per request and one per fault, as JSON or as text, without personal data.

Lines are written by a thread of their own: a reader of stderr that stops reading holds up nobody; what it does not take in time is dropped
and counted.
"""

import hashlib
import logging
import logging.handlers
import queue
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson

from penchant.serving.noted import Noted

LogFormat = Literal["json", "text", "faults"]
"""One line per request and fault, as an object or for people; or faults only, for people."""
WAITING = 10_000
"""Lines that wait to be written; those beyond are dropped."""
_LAST = 1.0  # seconds that lines have to be written when all ends
_FACTS = "facts"
_requests = logging.getLogger("penchant.requests")


def request_line(noted: Noted, method: str, route: str, status: int, seconds: float) -> None:
    """The line of an answered request."""
    if not _requests.isEnabledFor(logging.INFO):
        return
    facts: dict[str, Any] = {"request_id": noted.request_id, "method": method, "route": route, "status": status}
    facts |= {"ms": round(seconds * 1000, 2)} | noted.facts
    if noted.user_id is not None:
        facts["user"] = user_hash(noted.user_id)
    _requests.info("request", extra={_FACTS: facts})


_KEY = secrets.token_bytes(32)


def user_hash(user_id: str) -> str:
    """The same for the same user until this process ends; nobody can tell from it who that is, for the key is kept nowhere."""
    return hashlib.blake2b(user_id.encode("utf8", "surrogatepass"), key=_KEY, digest_size=8).hexdigest()


@contextmanager
def written(form: LogFormat, dropped: Callable[[], None], stream: TextIO | None = None) -> Iterator[None]:
    """Until it ends, lines go to stderr in this form; those that wait are written before it does.

    Args:
        form: Of each line.
        dropped: Told of a line that found no room.
        stream: In place of stderr.
    """
    waiting: queue.Queue[logging.LogRecord | None] = queue.Queue(WAITING)
    target = logging.StreamHandler(stream or sys.stderr)
    target.setFormatter(_JsonLines() if form == "json" else _TextLines())
    writer = threading.Thread(target=_write, args=(waiting, target), name="log-writer", daemon=True)
    root = logging.getLogger()
    before, level = root.handlers[:], _requests.level
    root.handlers = [_Dropping(waiting, dropped)]
    _requests.setLevel(logging.WARNING if form == "faults" else logging.INFO)
    writer.start()
    try:
        yield
    finally:
        root.handlers = before
        _requests.setLevel(level)
        with suppress(queue.Full):  # nobody reads: the process must be able to end
            waiting.put(None, timeout=_LAST)
        writer.join(_LAST)


def _write(waiting: "queue.Queue[logging.LogRecord | None]", target: logging.Handler) -> None:
    while (record := waiting.get()) is not None:
        target.handle(record)


class _Dropping(logging.handlers.QueueHandler):
    """Hands lines on, or drops them."""

    def __init__(self, waiting: "queue.Queue[logging.LogRecord | None]", dropped: Callable[[], None]) -> None:
        super().__init__(waiting)
        self._dropped = dropped

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """The record as it is: it is formatted by the thread that writes it."""
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        """Drops what finds no room."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._dropped()


class _JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message and what else is told."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name, "message": _message(record)}
        return orjson.dumps(told | getattr(record, _FACTS, {}), default=str).decode()


class _TextLines(logging.Formatter):
    """The same for people."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        facts = " ".join(f"{name}={value}" for name, value in getattr(record, _FACTS, {}).items())
        line = f"{_time(record)} {record.levelname} {record.name} {_message(record)} {facts}".rstrip()
        return line.translate(_ONE_LINE)


_ONE_LINE = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    """What was logged; of an error its kind only, for its message and its traceback may hold what a caller sent."""
    kind = record.exc_info[0] if record.exc_info else None
    return record.getMessage() + (f" ({kind.__name__})" if kind else "")
