"""`penchant pack`: the recipe's sources into a packed log, a batch at a time, or newer events added to one."""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from penchant.cli.commands.check import show_actions
from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.data.dataset import Dataset
from penchant.data.pack import REJECTED
from penchant.data.segments import folders
from penchant.data.sources import Role, read_table
from penchant.data.sources.stream import EventStream
from penchant.schema.errors import DataError, RecipeError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.data import SourceSettings


def run(terminal: Terminal, recipe: Path, home: Path | None, out: Path | None, append: Sequence[str], force: bool) -> None:
    """Pack, or append, and say what was read, what cleaning did, and where the log lies.

    Args:
        out: The packed log's folder; `packed` in the home when absent.
        append: Files of newer events, read as the recipe reads its own; none to pack the recipe's sources.
        force: Replace a packed log that is there.
    """
    settings = read_recipe(recipe)
    folder = HomeFolder.of(recipe, home).packed if out is None else out
    started = time.monotonic()
    events = _events(settings, append)
    events.report = lambda rows: terminal.progress("pack", rows, 0, f"{rows:,} events read", started)
    notes: list[str] = []
    users, items = (_table(settings, role, notes) for role in ("users", "items"))
    if append:
        data = Dataset.append(settings, folder, events, users, items)
    else:
        with _replaced(folder, force) as fresh:
            data = Dataset.pack(settings, fresh, events, users, items)
    show_actions(terminal, data)
    rejected = sorted((folders(folder)[-1] / REJECTED).glob("*.parquet"))
    for path in rejected:
        terminal.line("rejected", f"{path}: {pl.scan_parquet(path).select(pl.len()).collect().item():,} rows with their reasons")
    seconds = time.monotonic() - started
    users_, items_ = len(data.log.users), len(data.log.items)
    size = f"{users_:,} users  {items_:,} items  {len(data):,} events"
    terminal.line("packed", f"{folder}  {size}  ({events.rows:,} read in {seconds:.1f} s)")
    terminal.line("next", f"penchant train {recipe} {'--packed' if out is None else f'--packed-in {out}'}")
    terminal.result(
        packed=str(folder),
        segments=len(folders(folder)),
        users=users_,
        items=items_,
        events=len(data),
        read=events.rows,
        clean=[action.to_json() for action in data.actions],
        rejected=[str(path) for path in rejected],
        notes=[*data.notes, *notes],
        seconds=round(seconds, 2),
    )


def _events(recipe: Recipe, append: Sequence[str]) -> EventStream:
    """The recipe's events; or those of these paths, which start where the command is given."""
    if not append:
        return EventStream(recipe.data.events, recipe.directory)
    own = recipe.data.events
    sources = (own,) if isinstance(own, SourceSettings) else own
    kinds = [source.model_copy(update={"path": "", "url": None, "query": None}) for source in sources]
    if any(kind != kinds[0] for kind in kinds):
        came, do = f"{len(kinds)} sources that are read differently", "Give the new events a recipe of their own that reads only them."
        raise RecipeError("data.events, for --append,", must="one way of reading events", came=came, do=do)
    return EventStream([kinds[0].model_copy(update={"path": path}) for path in append], Path())


def _table(recipe: Recipe, role: Role, notes: list[str]) -> pl.DataFrame | None:
    source: SourceSettings | None = getattr(recipe.data, role)
    if source is None:
        return None
    table = read_table(source, recipe.directory, role)
    notes += table.notes
    return table.frame


@contextmanager
def _replaced(folder: Path, force: bool) -> Iterator[Path]:
    """Where to pack: the folder itself, or, where a packed log lies and may be replaced, one that takes its place in the end."""
    if not (folder / "log.json").is_file():
        yield folder
        return
    if not force:
        do = "Add newer events with --append FILE, or pack all anew with --force."
        raise DataError(f"'{folder}'", must="free for a new packed log", came="one that is there already", do=do)
    fresh, old = (folder.with_name(f"{folder.name}.{word}") for word in ("new", "old"))
    shutil.rmtree(fresh, ignore_errors=True)
    yield fresh
    folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old)
