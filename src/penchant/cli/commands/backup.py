"""`penchant backup`: the service's events and records, copied while it runs."""

from pathlib import Path

from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.storage.backup import back_up
from penchant.storage.sqlite import DATABASE


def run(terminal: Terminal, recipe: Path, target: Path, home: Path | None) -> None:
    """Make one backup."""
    backup = back_up(HomeFolder.of(recipe, home).state / DATABASE, target)
    records = ", ".join(f"{count:,} {kind}s" for kind, count in backup.records.items()) or "no records"
    terminal.line("backup", f"'{target}'   {backup.events:,} events, {records}, {backup.bytes / 2**20:.1f} MiB   verified")
    terminal.result(backup=str(target), **backup.model_dump())
