"""`penchant check`: what is wrong with the data, where, what was done, and whether training would take it."""

from pathlib import Path

import typer

from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.data.clean import write_rejected
from penchant.data.dataset import Dataset
from penchant.data.page import page
from penchant.data.skipped import skipped_steps
from penchant.report.page import render
from penchant.schema.errors import PenchantError
from penchant.tasks.relation import Relation
from penchant.tasks.task import RankingTask, build, labelled

_MOST_TO_KNOW = 5
"""In a terminal, where what was printed first scrolls away."""


def run(terminal: Terminal, recipe: Path, home: Path | None, rejected: Path | None = None) -> None:
    """Check the data and write the report; keep the rows that cleaning left out in `rejected`, a folder of the home when absent.

    Raises:
        typer.Exit: with 1 when training would refuse what is left after cleaning; defects that cleaning deals with end in 0.
    """
    data = Dataset.read(read_recipe(recipe))
    assert data.report is not None
    place = HomeFolder.of(recipe, home)
    terminal.text(data.report.told(terminal.width, _MOST_TO_KNOW if terminal.live else None))
    show_actions(terminal, data)
    kept = keep_rejected(terminal, data, place.path / "rejected" if rejected is None else rejected)
    written = place.report("data.html")
    written.write_text(render(page(data.report, data.actions, data.notes, title=f"Data of {recipe.name}")), encoding="utf8")
    terminal.line("report", str(written))
    refused = [str(error) for error in refusals(data)]
    for sentence in refused:
        terminal.line("refused", f"training would stop: {sentence}")
    funnel = [] if refused else show_steps(terminal, data)
    cleaned = [action.to_json() for action in data.actions]
    terminal.result(
        report=str(written),
        clean=cleaned,
        rejected=[str(path) for path in kept],
        notes=data.notes,
        funnel=funnel,
        refused=refused,
        **data.report.to_json(),
    )
    if refused:
        raise typer.Exit(1)


def keep_rejected(terminal: Terminal, data: Dataset, folder: Path) -> list[Path]:
    """Write the rows that cleaning left out, one Parquet file a table with their reasons, and say where; the files' paths."""
    paths = write_rejected(data.actions, folder)
    for path in paths:
        rows = sum(action.rows for action in data.actions if action.rejected is not None and action.table == path.stem)
        terminal.line("rejected", f"{path}: {rows:,} rows with their reasons")
    return paths


def refusals(data: Dataset) -> list[PenchantError]:
    """What training or its validation would stop with: every task is shown its labels, as training does it. Empty when all is well."""
    found = []
    for name, part in data.recipe.tasks.items():
        try:
            task = build(name, part, width=1)
            if isinstance(task, RankingTask):
                labels = task.labels(data, name)
                task.fit(labels[labelled(labels)])
            elif isinstance(task, Relation):
                task.relations(data.log.users["user_id"], data.recipe.directory, seed=0)
        except PenchantError as error:
            found.append(error)
    return found


def show_steps(terminal: Terminal, data: Dataset) -> list[str]:
    """Say how many positives skip the step before their task, as a warning where they are many; the sentences."""
    found = [(step.too_many, step.warning if step.too_many else step.sentence) for step in skipped_steps(data)]
    for warned, sentence in found:
        terminal.line("warning" if warned else "funnel", sentence)
    return [sentence for _, sentence in found]


def show_actions(terminal: Terminal, data: Dataset) -> None:
    """What cleaning did, by which rule, and what was guessed or lost in reading."""
    for action in data.actions:
        terminal.line("clean", f"{action.sentence}; [data.clean] {action.rule} decides this")
    for note in data.notes:
        terminal.line("note", note)
