"""The doctor names what is wrong with a machine, a recipe and a home, and ends with 1 when something is."""

import sqlite3
import tempfile
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from penchant.cli.commands import doctor
from tests.cli.given import Ran, files, penchant


def levels(ran: Ran) -> dict[str, str]:
    return {finding["what"]: finding["level"] for finding in ran.json["findings"]}


def test_that_a_sound_home_is_found_sound(trained: Path) -> None:
    ran = penchant("doctor", trained, "--json")
    assert ran.code == 0
    found = levels(ran)
    assert found["Python"] == found["torch"] == found["writing"] == found[f"recipe '{trained}'"] == found["bundle 1"] == "ok"
    assert "ok       bundle 1: every byte verified" in penchant("doctor", trained).out


def test_that_a_machine_can_be_looked_at_without_a_recipe() -> None:
    ran = penchant("doctor")
    assert ran.code == 0
    assert "bundle" not in ran.out.replace("language model", "")


def test_that_an_altered_bundle_is_an_error(own: Path) -> None:
    path = own.parent / "penchant" / "bundles" / "versions" / "1" / "recipe.json"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")
    ran = penchant("doctor", own)
    assert ran.code == 1
    assert "error    bundle 1" in ran.out
    assert ran.err == "error    this machine must be without errors; found 1: bundle 1. See the lines above.\n"


def test_that_a_home_without_bundles_is_a_warning(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    ran = penchant("doctor", recipe)
    assert (ran.code, "penchant train RECIPE" in ran.out) == (0, True)
    assert not (tmp_path / "penchant").exists()


def test_that_a_misspelt_recipe_is_an_error(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    recipe.write_text(recipe.read_text(encoding="utf8").replace('kind = "binary"', 'kind = "binry"'), encoding="utf8")
    ran = penchant("doctor", recipe)
    assert (ran.code, "Did you mean 'binary'?" in ran.out) == (1, True)


def test_that_absent_packages_are_named_with_their_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name in ("torch", "fastapi"):
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    found = {finding.what: finding for finding in doctor.examine(None, None)}
    assert (found["torch"].level, found["torch"].do) == ("error", "pip install torch")
    assert (found["fastapi"].level, found["fastapi"].found) == ("warning", "absent (needed for serving)")


@pytest.mark.parametrize(("number", "level"), [((3, 51, 2), "warning"), ((3, 51, 3), "ok"), ((3, 6, 23), "ok"), ((3, 7, 0), "warning")])
def test_that_sqlite_with_the_wal_bug_is_named(number: tuple[int, int, int], level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", number)
    assert {finding.what: finding.level for finding in doctor.examine(None, None)}["SQLite"] == level


def test_that_a_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_SPACE", 2**80)
    assert {finding.what: finding.level for finding in doctor.examine(None, None)}["free space"] == "warning"


def test_that_a_place_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    found = {finding.what: finding for finding in doctor.examine(None, tmp_path)}
    assert (found["writing"].level, "Permission denied" in found["writing"].found) == ("error", True)
