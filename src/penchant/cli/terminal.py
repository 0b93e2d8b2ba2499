"""What people see: short lines with a first word, progress when there is a terminal, one JSON object when asked."""

import json
import shutil
import sys
import time
from typing import Any

from penchant.schema.errors import PenchantError


class Terminal:
    """Where a command prints.

    Args:
        as_json: Print nothing for people; print the result as one JSON object at the end.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.live = sys.stdout.isatty() and not as_json
        self.width = shutil.get_terminal_size().columns if self.live else None
        self._shown = 0.0
        self._open = False

    def line(self, word: str, text: str) -> None:
        """A line that begins with what is being done ("data", "train")."""
        self._close()
        if not self.as_json:
            first, *rest = text.split("\n")
            print(f"{word:<8} {first}", *(f"{'':<8} {line}" for line in rest), sep="\n", flush=True)

    def note(self, text: str) -> None:
        """A line for people beside the result."""
        self._close()
        print(text, file=sys.stderr if self.as_json else sys.stdout, flush=True)

    def text(self, text: str) -> None:
        """Plain text, a table for example."""
        self._close()
        if not self.as_json:
            print(text, flush=True)

    def progress(self, word: str, done: int, total: int, text: str, started: float) -> None:
        """One line that renews itself in a terminal; elsewhere a plain line every ten seconds. A total of 0 is one nobody knows."""
        now = time.monotonic()
        if self.as_json or now - self._shown < (0.1 if self.live else 10):
            return
        self._shown = now
        message = f"{word:<8} {text}" if total == 0 else f"{word:<8} {_share(done, total, text, now - started)}"
        if self.live:
            print(f"\r\x1b[2K{message}", end="", flush=True)
            self._open = True
        else:
            print(message, flush=True)

    def result(self, **facts: Any) -> None:
        """The command's result; printed only with --json."""
        if self.as_json:
            print(json.dumps(facts, default=str, ensure_ascii=False), flush=True)

    def fail(self, error: PenchantError) -> None:
        """An error that is the caller's to mend, in its four parts."""
        self._close()
        if self.as_json:
            parts = {"code": error.code, "thing": error.thing, "must": error.must, "came": error.came, "do": error.do}
            print(json.dumps({"error": parts}, ensure_ascii=False), flush=True)
        else:
            print(f"error    {error}", file=sys.stderr, flush=True)

    def _close(self) -> None:
        if self._open:
            print(flush=True)
            self._open = False


def _share(done: int, total: int, text: str, seconds: float) -> str:
    share = done / total
    bar = "=" * int(10 * share)
    return f"[{bar + '>' * (len(bar) < 10):<10}] {share:4.0%}  {text}  {_clock(seconds * (1 - share) / max(share, 1e-9))} left"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
