"""`penchant check`: what is wrong with the data, where, and what was done."""

from pathlib import Path

from penchant.cli.home import HomeFolder
from penchant.cli.terminal import Terminal
from penchant.data.dataset import Dataset
from penchant.data.page import page
from penchant.report.page import render
from penchant.schema.recipe import Recipe


def run(terminal: Terminal, recipe: Path, home: Path | None) -> None:
    data = Dataset.read(Recipe.read(recipe))
    assert data.report is not None
    place = HomeFolder.of(recipe, home)
    terminal.text(str(data.report))
    for action in data.actions:
        terminal.line("clean", action.sentence)
    for note in data.notes:
        terminal.line("note", note)
    written = place.report("data.html")
    written.write_text(render(page(data.report, data.actions, data.notes, title=f"Data of {recipe.name}")), encoding="utf8")
    terminal.line("report", str(written))
    terminal.result(report=str(written), **data.report.to_json())
