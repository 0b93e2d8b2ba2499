"""Which file names a bundle may hold: plain ones that mean the same file on every system."""

import re
from collections.abc import Iterable

from penchant.storage.bundles.refusal import BundleRefusedError

SUFFIXES = (".json", ".safetensors", ".parquet")
MOST_FILES = 1000
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_DEEPEST = 4


def check_names(names: Iterable[str], where: str) -> None:
    """Checks relative paths with `/` between their parts.

    Raises:
        BundleRefusedError: too_many_files, unsafe_name, suffix, or name_clash (two names that differ by case only).
    """
    listed = list(names)
    if len(listed) > MOST_FILES:
        raise BundleRefusedError("too_many_files", where, must=f"{MOST_FILES} files at most", came=f"{len(listed)}")
    for name in listed:
        _check_name(name, where)
    if len({name.lower() for name in listed}) != len(listed):
        raise BundleRefusedError("name_clash", where, must="files whose names differ by more than case", came="two that do not")


def _check_name(name: str, where: str) -> None:
    parts = name.split("/")
    if len(parts) > _DEEPEST or not all(_is_plain(part) for part in parts):
        must = f"letters, digits, '_', '-' and '.' in at most {_DEEPEST} parts"
        raise BundleRefusedError("unsafe_name", f"{where}, file {name[:80]!r}", must=must, came="another name")
    if not name.endswith(SUFFIXES):
        raise BundleRefusedError("suffix", f"{where}, file '{name[:80]}'", must=" or ".join(SUFFIXES), came="another kind of file")


def _is_plain(part: str) -> bool:
    return bool(_PLAIN.fullmatch(part)) and not part.endswith(".") and not _RESERVED.fullmatch(part)
