"""Versions of bundles in a folder, and aliases that say which one is meant.

`versions/1/` is whole or not there. `aliases.json` is `{"champion": ["1", "2"]}`: where the alias has pointed, the present last.
"""

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penchant.schema.errors import BundleError
from penchant.storage.bundles import strict_json
from penchant.storage.bundles.audit import Action, Audit
from penchant.storage.bundles.contents import check_content
from penchant.storage.bundles.manifest import NAME, SCHEMA_VERSION, Manifest, Metadata, entry_of, read_manifest
from penchant.storage.bundles.names import check_names
from penchant.storage.bundles.refusal import BundleRefusedError
from penchant.storage.bundles.verify import file_names, verify
from penchant.storage.disk import sync_file, sync_folder, write_whole

_ALIAS = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True)
class Bundle:
    """A verified bundle.

    Attributes:
        path: Its folder.
        version: Its version ("1").
        metadata: What its manifest says.
    """

    path: Path
    version: str
    metadata: Metadata


class BundleStore:
    """Bundles in a folder.

    Args:
        directory: The folder; made when absent.
    """

    def __init__(self, directory: Path | str) -> None:
        self.directory = Path(directory)
        self._versions = self.directory / "versions"
        self._aliases = self.directory / "aliases.json"
        self.audit = Audit(self.directory / "audit.jsonl")
        try:
            self._versions.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            came, do = f"'{error.strerror}'", "Check the path and who owns it."
            raise BundleError(f"bundle folder '{self.directory}'", must="a folder that can be written", came=came, do=do) from None

    def create(self, write: Callable[[Path], None], metadata: Metadata | None = None) -> str:
        """Makes a version; it is there whole, and on the disk, or not at all.

        Args:
            write: Given an empty folder, writes the files into it.
            metadata: What is known of it.

        Returns:
            The new version: one above the highest.

        Raises:
            BundleRefusedError: when `write` left files a bundle may not hold.
        """
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=self.directory))
        try:
            write(fresh)
            _seal(fresh, metadata or Metadata())
            version = self._publish(fresh)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        sync_folder(self._versions)
        return version

    def versions(self) -> list[str]:
        """Every version, oldest first."""
        return sorted((path.name for path in self._versions.iterdir() if _VERSION.fullmatch(path.name)), key=int)

    def open(self, version_or_alias: str) -> Bundle:
        """A bundle, after every byte of it was verified.

        Raises:
            BundleRefusedError: when there is none, or it is not exactly what was made.
        """
        version = self._resolve(version_or_alias)
        folder = self._versions / version
        if folder.is_symlink() or not folder.is_dir():
            raise self._unknown(version)
        return Bundle(folder, version, verify(folder).metadata)

    def aliases(self) -> dict[str, str]:
        """Each alias and the version it points to."""
        return {alias: past[-1] for alias, past in self._past().items()}

    def earlier(self, alias: str) -> str | None:
        """Where the alias pointed before, which is where `rollback` would point it; None when it never pointed elsewhere."""
        past = self._past().get(alias, [])
        return past[-2] if len(past) > 1 else None

    def look(self, version: str) -> Metadata:
        """What a version's manifest says; nothing else of it is verified. Raises as `open` does."""
        folder = self._versions / version
        if not _VERSION.fullmatch(version) or folder.is_symlink() or not folder.is_dir():
            raise self._unknown(version)
        return read_manifest(folder).metadata

    def marked(self) -> tuple[int, int] | None:
        """Changes whenever an alias does, and costs next to nothing to ask; None while there are no aliases."""
        try:
            found = self._aliases.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def promote(self, alias: str, version: str, by: str = "unnamed") -> None:
        """Points an alias to a version, which is verified first. Pointing it where it points already changes nothing.

        Args:
            alias: What is moved; made when there is none.
            version: Where to.
            by: Who does it, for the audit trail.

        Raises:
            BundleRefusedError: when the version is refused or the alias is not a lower-case name.
        """
        if not _ALIAS.fullmatch(alias):
            must = "lower-case letters, digits, '-' and '_', a letter first"
            raise BundleRefusedError("unknown_alias", f"alias {alias[:80]!r}", must=must, came="another name", do="Choose another name.")
        if not _VERSION.fullmatch(version):
            raise self._unknown(version)
        self.open(version)
        with self._held():
            past = self._past()
            if past.get(alias, [None])[-1] != version:
                self._note("promote", by, alias, version, past)
                self._write_past(past | {alias: [*past.get(alias, []), version]})

    def rollback(self, alias: str, by: str = "unnamed") -> str:
        """Points an alias to where it pointed before, and says where that is; `by` is who does it, for the audit trail.

        Raises:
            BundleRefusedError: when it never pointed elsewhere, or the earlier version is refused.
        """
        with self._held():
            past = self._past()
            if len(past.get(alias, [])) < 2:
                raise BundleRefusedError("unknown_alias", f"alias {alias[:80]!r}", must="promoted twice", came="no earlier version")
            earlier = past[alias][:-1]
            self.open(earlier[-1])
            self._note("rollback", by, alias, earlier[-1], past)
            self._write_past(past | {alias: earlier})
        return earlier[-1]

    def _resolve(self, version_or_alias: str) -> str:
        if _VERSION.fullmatch(version_or_alias):
            return version_or_alias
        aliases = self.aliases()
        if version_or_alias not in aliases:
            raise self._unknown(version_or_alias)
        return aliases[version_or_alias]

    def _unknown(self, asked: str) -> BundleRefusedError:
        known = ", ".join([*self.aliases(), *self.versions()[-5:]]) or "none"
        must = f"a version or alias in '{self.directory}' (known: {known})"
        return BundleRefusedError("unknown_version", f"bundle {asked[:80]!r}", must=must, came="another name", do="Train or name another.")

    def _publish(self, fresh: Path) -> str:
        """Renames a sealed folder to the next free version; another process may take a number first."""
        while True:
            version = str(max((int(version) for version in self.versions()), default=0) + 1)
            try:
                fresh.rename(self._versions / version)
            except OSError:
                if not (self._versions / version).exists():
                    raise
            else:
                return version

    def _past(self) -> dict[str, list[str]]:
        if not self._aliases.exists():
            return {}
        try:
            past = strict_json.parse(self._aliases.read_bytes())
            if all(isinstance(versions, list) and versions and all(_VERSION.fullmatch(v) for v in versions) for versions in past.values()):
                return dict(past)
        except (ValueError, AttributeError, TypeError):
            pass
        raise BundleError(f"'{self._aliases}'", must="aliases with their versions", came="something else", do="Delete it and promote anew.")

    def _note(self, action: Action, by: str, alias: str, version: str, past: dict[str, list[str]]) -> None:
        """Before the alias moves: whoever dies in between leaves a line too many, never a change that nobody answers for."""
        self.audit.append(action, by=by, alias=alias, version=version, before=past.get(alias, [None])[-1])

    def _write_past(self, past: dict[str, list[str]]) -> None:
        write_whole(self._aliases, strict_json.dump(past))

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Keeps other processes from changing aliases meanwhile."""
        descriptor = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _seal(folder: Path, metadata: Metadata) -> None:
    """Checks what was written, adds the manifest, and brings all of it to the disk."""
    if (folder / NAME).exists():
        raise BundleRefusedError("unsafe_name", f"file '{NAME}'", must="left to the store", came="one already", do="Choose another name.")
    names = file_names(folder)
    check_names(names, "the new bundle")
    for name in names:
        check_content(folder / name)
    manifest = Manifest(
        schema_version=SCHEMA_VERSION, code_version=metadata.code_version, created=metadata.created,
        metrics=metadata.metrics, provenance=metadata.provenance, files={name: entry_of(folder / name) for name in names},
    )  # fmt: skip
    (folder / NAME).write_bytes(manifest.to_json())
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        sync_folder(path) if path.is_dir() else sync_file(path)
    sync_folder(folder)
