"""Copies of a database that is in use, and the way back.

A copy is a folder: the database as of one moment, and a manifest with its hash and what it holds. It is made through a connection that
only reads, in one read transaction: whoever writes goes on, and what was durable before the copy began is in it.
"""

import hashlib
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from penchant.schema.errors import StorageError
from penchant.schema.settings import Settings
from penchant.storage.disk import sync_file, sync_folder, write_whole
from penchant.storage.sqlite import held

MANIFEST = "backup.json"
ASIDE = ".before-restore"
"""What a restored database replaced is kept beside it under its name and this."""


class Backup(Settings):
    """What a backup says of itself."""

    format: int = 1
    made: str
    """When, RFC 3339."""
    file: str
    bytes: int
    sha256: str
    events: int
    last_sequence: int
    """The newest event that is in it; every one before it is too."""
    records: dict[str, int]
    """How many of each kind."""


def back_up(database: Path, target: Path) -> Backup:
    """Copies a database, also while another process or thread writes to it.

    Args:
        database: Its file.
        target: The folder to make; it appears whole or not at all.

    Raises:
        StorageError: when there is no such database, the target is there already, or the copy is not sound.
    """
    if not database.is_file():
        raise StorageError(f"database '{database}'", must="there", came="nothing", do="Name the home of a service that has run.")
    if target.exists():
        raise StorageError(f"backup '{target}'", must="a new folder", came="one that exists", do="Choose another name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        copy = fresh / database.name
        _copy(database, copy)
        backup = _described(copy)
        write_whole(fresh / MANIFEST, backup.model_dump_json(indent=1).encode())
        fresh.rename(target)
    except sqlite3.Error as error:
        raise StorageError(f"database '{database}'", must="readable", came=f"'{error}'", do="Check the disk.") from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    sync_folder(target.parent)
    return backup


def verified(folder: Path) -> Backup:
    """What a backup says of itself, after every byte of it was verified.

    Raises:
        StorageError: when it is none, or not what was made.
    """
    try:
        backup = Backup.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError):
        raise StorageError(f"backup '{folder}'", must=f"a folder with {MANIFEST}", came="none", do="Name one of penchant backup.") from None
    file = folder / backup.file
    if backup.format != 1 or Path(backup.file).name != backup.file or file.is_symlink() or not file.is_file():
        raise StorageError(f"backup '{folder}'", must="of format 1, with its database", came="another", do="Take another backup.")
    if file.stat().st_size != backup.bytes or _sha256(file) != backup.sha256:
        raise StorageError(f"backup '{folder}'", must="as it was made", came="another content", do="Take another backup.")
    return backup


def restore(folder: Path, database: Path, *, replace: bool = False) -> Backup:
    """Puts a backup in the place of a database that nobody uses; the old one is kept beside it.

    Args:
        folder: The backup.
        database: The file to make.
        replace: Whether a database that is there gives way.

    Raises:
        StorageError: when the backup is not sound, a service runs on the database, or there is one that must not give way.
    """
    backup = verified(folder)
    with held(database):
        if database.exists():
            if not replace:
                do = "Choose another home, or replace it with --force."
                raise StorageError(f"database '{database}'", must="absent", came="one that is in place", do=do)
            _put_aside(database)
        fresh = database.with_name(f".{database.name}.new")
        shutil.copyfile(folder / backup.file, fresh)
        sync_file(fresh)
        fresh.replace(database)
        sync_folder(database.parent)
    return backup


def _copy(source: Path, target: Path) -> None:
    uri = f"{source.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as reader, closing(sqlite3.connect(target)) as copy:
        reader.backup(copy)  # in one step: one that pauses would start anew with every commit
        copy.execute("PRAGMA journal_mode = DELETE")  # a file of its own, without a log beside it
    sync_file(target)


def _described(copy: Path) -> Backup:
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as reader:
        (sound,) = reader.execute("PRAGMA integrity_check(1)").fetchone()
        if sound != "ok":
            raise StorageError(f"database '{copy.name}'", must="sound", came=f"'{sound}'", do="Restore an earlier backup.")
        events, last = reader.execute("SELECT count(*), coalesce(max(sequence), 0) FROM events").fetchone()
        records = dict(reader.execute("SELECT kind, count(*) FROM records GROUP BY kind").fetchall())
    made = datetime.now(UTC).isoformat(timespec="seconds")
    size = copy.stat().st_size
    return Backup(made=made, file=copy.name, bytes=size, sha256=_sha256(copy), events=events, last_sequence=last, records=records)


def _put_aside(database: Path) -> None:
    """Keeps the database under another name, with all that its log holds; its own name stays until another takes it."""
    aside = database.with_name(database.name + ASIDE)
    logs = [database.with_name(database.name + ending) for ending in ("-wal", "-shm")]
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:  # too damaged to read: all of it is kept as it is
        for log in logs:
            if log.exists():
                log.replace(aside.with_name(aside.name + log.name.removeprefix(database.name)))
    aside.unlink(missing_ok=True)
    os.link(database, aside)
    for log in logs:
        log.unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
