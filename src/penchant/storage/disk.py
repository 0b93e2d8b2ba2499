"""Writing that survives a power cut: sync the bytes, rename, sync the folder."""

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Returns once the file's bytes are on the disk."""
    _sync(path, os.O_RDONLY)


def sync_folder(path: Path) -> None:
    """Returns once the folder's entries (new names, renames) are on the disk."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file at once: a reader, or a crash, sees the old content or the new, never a part."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    sync_file(fresh)
    fresh.replace(path)
    sync_folder(path.parent)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
