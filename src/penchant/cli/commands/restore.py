"""`penchant restore`: a backup in the place of the service's events and records."""

from pathlib import Path

from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.storage.backup import ASIDE, restore
from penchant.storage.sqlite import DATABASE


def run(terminal: Terminal, recipe: Path, backup: Path, home: Path | None, force: bool) -> None:
    """Restore one backup."""
    database = HomeFolder.of(recipe, home).state / DATABASE
    replaced = database.exists()
    found = restore(backup, database, replace=force)
    aside = f"\nwhat was there before is '{database}{ASIDE}'" if replaced else ""
    terminal.line("restore", f"'{database}'   {found.events:,} events as of {found.made}{aside}")
    terminal.result(database=str(database), before=f"{database}{ASIDE}" if replaced else None, **found.model_dump())
