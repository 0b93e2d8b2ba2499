"""Backup and restore from the command line."""

from pathlib import Path

from penchant.cli.home import HomeFolder
from penchant.schema.event import Event
from penchant.storage.events import SQLiteEventLog
from penchant.storage.sqlite import DATABASE, Database
from penchant.storage.state import SQLiteRecordStore
from tests.cli.given import files, penchant


def served(recipe: Path) -> Database:
    """A home whose service has had one event."""
    state = HomeFolder.of(recipe, None).state
    state.mkdir(parents=True)
    database = Database(state / DATABASE)
    SQLiteEventLog(database).append([Event("e1", "u1", "i1", 1.0)])
    SQLiteRecordStore(database).put("item", {"i1": {}})
    return database


def test_that_a_backup_is_made_while_served_and_restored_when_stopped(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    database = served(recipe)
    ran = penchant("backup", recipe, tmp_path / "kept", "--json")
    assert (ran.code, ran.json["events"], ran.json["records"]) == (0, 1, {"item": 1})
    refused = penchant("restore", recipe, tmp_path / "kept", "--force")
    assert (refused.code, "held by one process" in refused.err) == (7, True)
    SQLiteEventLog(database).append([Event("e2", "u1", "i1", 1.0)])
    database.close()
    assert penchant("restore", recipe, tmp_path / "kept").code == 7
    ran = penchant("restore", recipe, tmp_path / "kept", "--force", "--json")
    assert (ran.code, ran.json["events"], Path(ran.json["before"]).is_file()) == (0, 1, True)
    again = Database(HomeFolder.of(recipe, None).state / DATABASE)
    assert [event.event_id for _, event in SQLiteEventLog(again).read()] == ["e1"]
    again.close()


def test_that_a_home_without_a_state_has_nothing_to_back_up(tmp_path: Path) -> None:
    ran = penchant("backup", files(tmp_path), tmp_path / "kept")
    assert (ran.code, "has run" in ran.err) == (7, True)
    assert not (tmp_path / "kept").exists()


def test_that_the_doctor_looks_at_the_state(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    served(recipe).close()
    found = {finding["what"]: finding for finding in penchant("doctor", recipe, "--json").json["findings"]}
    assert (found["state"]["level"], found["state"]["found"]) == ("ok", "1 event, sound")
    path = HomeFolder.of(recipe, None).state / DATABASE
    path.write_bytes(b"no database" * 1000)
    ran = penchant("doctor", recipe)
    assert (ran.code, "error    state" in ran.out, "penchant restore" in ran.out) == (1, True, True)
