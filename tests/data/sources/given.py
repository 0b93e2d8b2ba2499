"""Small files for the tests of sources."""

from pathlib import Path
from typing import Any

from penchant.data.sources import Role, Table, read_table
from penchant.schema.sections.data import SourceSettings


def written(folder: Path, name: str, content: str | bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, name: str, content: str | bytes, role: Role = "events", **settings: Any) -> Table:
    """The table that a file with this content gives."""
    written(folder, name, content)
    return read_table(SourceSettings(path=name, **settings), folder, role)
