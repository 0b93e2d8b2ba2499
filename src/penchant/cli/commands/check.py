"""`penchant check`: what is wrong with the data, where, and what was done."""

from dataclasses import asdict
from pathlib import Path

from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.data.dataset import Dataset
from penchant.data.page import page
from penchant.report.page import render


def run(terminal: Terminal, recipe: Path, home: Path | None) -> None:
    """Check the data and write the report."""
    data = Dataset.read(read_recipe(recipe))
    assert data.report is not None
    place = HomeFolder.of(recipe, home)
    terminal.text(str(data.report))
    show_actions(terminal, data)
    written = place.report("data.html")
    written.write_text(render(page(data.report, data.actions, data.notes, title=f"Data of {recipe.name}")), encoding="utf8")
    terminal.line("report", str(written))
    terminal.result(report=str(written), clean=[asdict(action) for action in data.actions], notes=data.notes, **data.report.to_json())


def show_actions(terminal: Terminal, data: Dataset) -> None:
    """What cleaning left out, by which rule, and what was guessed or lost in reading."""
    for action in data.actions:
        terminal.line("clean", f"{action.sentence}; [data.clean] {action.rule} decides this")
    for note in data.notes:
        terminal.line("note", note)
