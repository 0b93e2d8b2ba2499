"""Whether a bundle folder is whole and unaltered: looked at before anything in it is used."""

import stat
from collections.abc import Iterator
from pathlib import Path

from penchant.storage.bundles.contents import check_content
from penchant.storage.bundles.manifest import NAME, Manifest, entry_of, read_manifest
from penchant.storage.bundles.names import MOST_FILES, check_names
from penchant.storage.bundles.refusal import BundleRefusedError


def verify(folder: Path) -> Manifest:
    """The manifest of a folder whose every file is as the manifest says and inside as its suffix says.

    Raises:
        BundleRefusedError: with the first reason found.
    """
    try:
        manifest = read_manifest(folder)
        check_names(manifest.files, str(folder))
        _check_listing(folder, manifest)
        for name in manifest.files:
            _check_file(folder / name, manifest, name)
            check_content(folder / name)
    except OSError as error:
        raise BundleRefusedError("unreadable", str(folder), must="readable", came=error.strerror or "an error") from None
    return manifest


def file_names(folder: Path) -> list[str]:
    """Every file in a bundle folder but the manifest, relative, `/` between parts.

    Raises:
        BundleRefusedError: not_a_file on a link or anything else that is no plain file or folder; too_many_files.
    """
    names = []
    for name in _walk(folder, folder):
        names.append(name)
        if len(names) > MOST_FILES + 1:
            raise BundleRefusedError("too_many_files", str(folder), must=f"{MOST_FILES} files at most", came="more")
    return [name for name in names if name != NAME]


def _walk(folder: Path, root: Path) -> Iterator[str]:
    for path in sorted(folder.iterdir()):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield from _walk(path, root)
        elif stat.S_ISREG(mode):
            yield path.relative_to(root).as_posix()
        else:
            raise BundleRefusedError("not_a_file", str(path), must="a plain file", came="a link or a special file")


def _check_listing(folder: Path, manifest: Manifest) -> None:
    found, listed = set(file_names(folder)), set(manifest.files)
    if missing := sorted(listed - found):
        raise BundleRefusedError("missing_file", str(folder), must="complete", came=f"no '{missing[0]}' ({len(missing)} missing)")
    if extra := sorted(found - listed):
        raise BundleRefusedError("extra_file", str(folder), must="only the listed files", came=f"{extra[0][:80]!r} ({len(extra)} more)")


def _check_file(path: Path, manifest: Manifest, name: str) -> None:
    listed = manifest.files[name]
    size = path.stat().st_size
    if size != listed.size:
        raise BundleRefusedError("wrong_size", str(path), must=f"{listed.size} bytes", came=f"{size}")
    if entry_of(path).sha256 != listed.sha256:
        raise BundleRefusedError("wrong_hash", str(path), must="unaltered", came="other bytes than when it was made")
