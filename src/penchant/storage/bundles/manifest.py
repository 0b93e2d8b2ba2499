"""What a bundle says of itself: versions, metrics, provenance, and every file's size and SHA-256."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from penchant.storage.bundles import strict_json
from penchant.storage.bundles.refusal import BundleRefusedError

NAME = "manifest.json"
SCHEMA_VERSION = 1
LARGEST = 2**20
"""Bytes of a manifest."""
CHUNK = 2**20


def _code_version() -> str:
    try:
        return version("penchant")
    except PackageNotFoundError:
        return "source"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Metadata:
    """What is known of a bundle beside its files.

    Attributes:
        metrics: Evaluation numbers; any JSON without NaN.
        provenance: Where it comes from (data fingerprint, seeds, parents); any JSON without NaN.
        code_version: The version of Penchant that made it.
        created: When, ISO 8601, UTC.
    """

    metrics: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    code_version: str = field(default_factory=_code_version)
    created: str = field(default_factory=_now)


class FileEntry(BaseModel):
    """One file's size in bytes and SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """The manifest as it lies in the bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    schema_version: int
    code_version: str
    created: str
    metrics: dict[str, Any]
    provenance: dict[str, Any]
    files: dict[str, FileEntry]

    @property
    def metadata(self) -> Metadata:
        """What was said of the bundle when it was made, without its files."""
        return Metadata(self.metrics, self.provenance, self.code_version, self.created)

    def to_json(self) -> bytes:
        """The manifest as the bytes that are written: strict JSON, UTF-8."""
        return strict_json.dump(self.model_dump())


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a bundle folder; files are not looked at.

    Raises:
        BundleRefusedError: no_manifest, manifest_too_large, manifest_not_json, schema_version, manifest_malformed.
    """
    path = folder / NAME
    if path.is_symlink() or not path.is_file():
        raise BundleRefusedError("no_manifest", str(folder), must=f"a bundle with a {NAME}", came="none")
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise BundleRefusedError("manifest_too_large", str(path), must="1 MiB at most", came="more")
    try:
        raw = strict_json.parse(content)
    except ValueError as error:
        raise BundleRefusedError("manifest_not_json", str(path), must="strict JSON", came=str(error)[:200]) from None
    _check_schema_version(raw, path)
    try:
        return Manifest.model_validate(raw)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in fault["loc"])[:200]
        raise BundleRefusedError("manifest_malformed", f"{path}, key '{where}'", must="as documented", came=fault["msg"]) from None


def _check_schema_version(raw: Any, path: Path) -> None:
    found = raw.get("schema_version") if isinstance(raw, dict) else None
    if type(found) is int and found != SCHEMA_VERSION:
        do = "Upgrade Penchant." if found > SCHEMA_VERSION else "Train again."
        raise BundleRefusedError("schema_version", f"{path}, key 'schema_version'", must=f"{SCHEMA_VERSION}", came=f"{found}", do=do)


def entry_of(path: Path) -> FileEntry:
    """The entry a file should have."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return FileEntry(size=path.stat().st_size, sha256=digest.hexdigest())
