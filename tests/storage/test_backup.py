"""Backups: made while events come in, sound, and what they restore is a prefix of what was acknowledged."""

import json
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from penchant.schema.errors import StorageError
from penchant.schema.event import Event
from penchant.storage.backup import ASIDE, MANIFEST, back_up, restore, verified
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import Database
from penchant.storage.state import SQLiteRecordStore


def filled(path: Path, events: int = 5, first: int = 0) -> Database:
    database = Database(path)
    SQLiteEventLog(database).append([Event(f"e{first + n}", "u1", "i1", 1.0) for n in range(events)])
    SQLiteRecordStore(database).put("item", {"i1": {"title": "One"}})
    return database


def names(path: Path) -> list[str]:
    database = Database(path)
    try:
        return [event.event_id for _, event in SQLiteEventLog(database).read()]
    finally:
        database.close()


def test_that_a_backup_of_a_database_in_use_is_restored_as_it_was(tmp_path: Path) -> None:
    database = filled(tmp_path / "a.db")
    backup = back_up(tmp_path / "a.db", tmp_path / "backup")
    SQLiteEventLog(database).append([Event("later", "u1", "i1", 1.0)])
    database.close()
    assert (backup.events, backup.last_sequence, backup.records) == (5, 5, {"item": 1})
    assert sorted(path.name for path in (tmp_path / "backup").iterdir()) == ["a.db", MANIFEST]
    restore(tmp_path / "backup", tmp_path / "elsewhere" / "b.db")
    assert names(tmp_path / "elsewhere" / "b.db") == [f"e{n}" for n in range(5)]
    again = Database(tmp_path / "elsewhere" / "b.db")
    assert list(SQLiteRecordStore(again).all("item")) == [("i1", {"title": "One"})]
    assert SQLiteEventLog(again).append([Event("e6", "u1", "i1", 1.0)]).accepted == 1
    again.close()


def test_that_a_backup_of_a_stopped_service_is_the_same(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    assert back_up(tmp_path / "a.db", tmp_path / "backup").events == 5
    assert names(tmp_path / "a.db") == [f"e{n}" for n in range(5)]


def test_that_what_is_restored_is_a_prefix_of_what_was_acknowledged_and_nobody_waited(tmp_path: Path) -> None:
    database = filled(tmp_path / "a.db", 20_000)
    log, acknowledged, waits, stop = SQLiteEventLog(database), [f"e{n}" for n in range(20_000)], [], threading.Event()

    def ingest() -> None:
        number = 0
        while not stop.is_set():
            batch = [Event(f"n{number}-{place}", "u1", "i1", 1.0) for place in range(10)]
            begun = time.monotonic()
            log.append(batch)
            waits.append((begun, time.monotonic()))
            acknowledged.extend(event.event_id for event in batch)
            number += 1

    thread = threading.Thread(target=ingest)
    thread.start()
    time.sleep(0.1)
    took = []
    for number in range(3):
        before = len(acknowledged)
        begun = time.monotonic()
        backup = back_up(tmp_path / "a.db", tmp_path / f"backup-{number}")
        took.append((begun, time.monotonic()))
        assert before <= backup.events
    stop.set()
    thread.join()
    database.close()
    for number in range(3):
        restore(tmp_path / f"backup-{number}", tmp_path / "b.db", replace=True)
        restored = names(tmp_path / "b.db")
        assert restored == acknowledged[: len(restored)]
        assert len(restored) >= 20_000
    meanwhile = [end - begun for begun, end in waits if any(first < begun and end < last for first, last in took)]
    assert len(meanwhile) > 3  # whole writes, from call to acknowledgement, within the time of a copy
    assert sorted(meanwhile)[len(meanwhile) // 2] < 0.2


def test_that_a_restore_keeps_what_it_replaces_with_all_that_was_acknowledged(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    back_up(tmp_path / "a.db", tmp_path / "backup")
    filled(tmp_path / "b.db", 2, first=100).close()
    with pytest.raises(StorageError, match="--force"):
        restore(tmp_path / "backup", tmp_path / "b.db")
    assert names(tmp_path / "b.db") == ["e100", "e101"]
    restore(tmp_path / "backup", tmp_path / "b.db", replace=True)
    assert names(tmp_path / "b.db") == [f"e{n}" for n in range(5)]
    assert names(tmp_path / f"b.db{ASIDE}") == ["e100", "e101"]


def test_that_the_log_of_a_crashed_service_is_kept_and_never_read_into_what_is_restored(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    back_up(tmp_path / "a.db", tmp_path / "backup")
    running = filled(tmp_path / "live.db", 3, first=100)
    for ending in ("", "-wal"):
        (tmp_path / f"b.db{ending}").write_bytes((tmp_path / f"live.db{ending}").read_bytes())
    running.close()
    restore(tmp_path / "backup", tmp_path / "b.db", replace=True)
    assert names(tmp_path / "b.db") == [f"e{n}" for n in range(5)]
    assert names(tmp_path / f"b.db{ASIDE}") == ["e100", "e101", "e102"]


def test_that_a_damaged_database_gives_way_too(tmp_path: Path) -> None:
    filled(tmp_path / "a.db").close()
    back_up(tmp_path / "a.db", tmp_path / "backup")
    (tmp_path / "b.db").write_bytes(b"no database at all" * 1000)
    (tmp_path / "b.db-wal").write_bytes(b"its log")
    restore(tmp_path / "backup", tmp_path / "b.db", replace=True)
    assert names(tmp_path / "b.db") == [f"e{n}" for n in range(5)]
    assert (tmp_path / f"b.db{ASIDE}").read_bytes().startswith(b"no database")
    with pytest.raises(StorageError, match="must be"):
        back_up(tmp_path / f"b.db{ASIDE}", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_that_nothing_is_restored_under_a_running_service(tmp_path: Path) -> None:
    database = filled(tmp_path / "a.db")
    back_up(tmp_path / "a.db", tmp_path / "backup")
    with pytest.raises(StorageError, match="held by one process"):
        restore(tmp_path / "backup", tmp_path / "a.db", replace=True)
    database.close()
    assert len(names(tmp_path / "a.db")) == 5


@pytest.mark.parametrize("harm", ["flip", "cut", "no manifest", "no file", "elsewhere", "format", "link"])
def test_that_an_altered_backup_is_refused_and_changes_nothing(tmp_path: Path, harm: str) -> None:
    filled(tmp_path / "a.db").close()
    back_up(tmp_path / "a.db", folder := tmp_path / "backup")
    content, manifest = (folder / "a.db").read_bytes(), json.loads((folder / MANIFEST).read_bytes())
    match harm:
        case "flip":
            (folder / "a.db").write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
        case "cut":
            (folder / "a.db").write_bytes(content[:-1])
        case "no manifest":
            (folder / MANIFEST).unlink()
        case "no file":
            (folder / "a.db").unlink()
        case "elsewhere":
            (folder / MANIFEST).write_text(json.dumps(manifest | {"file": "../a.db"}))
        case "format":
            (folder / MANIFEST).write_text(json.dumps(manifest | {"format": 2}))
        case "link":
            (folder / "a.db").unlink()
            (folder / "a.db").symlink_to(tmp_path / "a.db")
    with pytest.raises(StorageError, match="backup"):
        verified(folder)
    with pytest.raises(StorageError, match="backup"):
        restore(folder, tmp_path / "b.db")
    assert not (tmp_path / "b.db").exists()


def test_that_a_backup_is_made_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError, match="must be there"):
        back_up(tmp_path / "a.db", tmp_path / "backup")
    filled(tmp_path / "a.db").close()
    monkeypatch.setattr("penchant.storage.backup.write_whole", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("no room")))
    with pytest.raises(StorageError, match="no room"):
        back_up(tmp_path / "a.db", tmp_path / "backup")
    assert [path.name for path in tmp_path.iterdir() if "backup" in path.name] == []
    monkeypatch.undo()
    back_up(tmp_path / "a.db", tmp_path / "backup")
    with pytest.raises(StorageError, match="a new folder"):
        back_up(tmp_path / "a.db", tmp_path / "backup")
