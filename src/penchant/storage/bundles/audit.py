"""The audit trail: who pointed which alias where, and when. Lines are added, never changed."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from penchant.schema.errors import BundleError
from penchant.storage.disk import sync_folder

Action = Literal["promote", "rollback", "refused"]
LONGEST_NAME = 256
"""Characters kept of who did it."""
NEWEST = 2**18
"""Bytes read from the end when the newest lines are asked for."""


class Audit:
    """One JSON object a line: `time` (ISO 8601, UTC), `action`, `by`, `alias`, `version`, `before`, and `code` of what was refused.

    Args:
        path: The file; made with its first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, action: Action, *, by: str, alias: str, version: str, before: str | None, code: str | None = None) -> None:
        """Adds a line, on the disk when this returns.

        Args:
            action: What was done.
            by: Who did it: a key's name, a command.
            alias: The alias that moved, or should have.
            version: Where to.
            before: Where it pointed until then.
            code: Why it was refused; of what was done, None.

        Raises:
            BundleError: when it cannot be kept; what it tells of must not be done then.
        """
        line: dict[str, Any] = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "action": action, "by": by[:LONGEST_NAME]}
        line |= {"alias": alias, "version": version, "before": before} | ({"code": code} if code else {})
        try:
            self._write(json.dumps(line, ensure_ascii=False).encode("utf8", "replace") + b"\n")
        except OSError as error:
            came, do = f"'{error.strerror}'", "Check who owns it, and the free space."
            raise BundleError(f"audit trail '{self.path}'", must="a file that can be added to", came=came, do=do) from None

    def newest(self, most: int = 100) -> list[dict[str, Any]]:
        """The newest lines, the newest first; a line that a crash cut short is left out."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, self.path.stat().st_size - NEWEST))
                lines = file.read().split(b"\n")
        except FileNotFoundError:
            return []
        return [line for line in map(_read, reversed(lines)) if line is not None][:most]

    def _write(self, line: bytes) -> None:
        fresh = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"  # a crash in the middle of a line spoils that line only
            os.write(descriptor, b"\n" * torn + line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if fresh:
            sync_folder(self.path.parent)


def _read(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
