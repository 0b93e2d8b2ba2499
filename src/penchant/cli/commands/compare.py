"""`penchant compare`: models of several recipes side by side, in one report."""

import json
from pathlib import Path

from penchant.cli.commands.evaluate import show
from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.schema.errors import RecipeError
from penchant.studies.compare import Budget, compare


def run(terminal: Terminal, recipes: list[Path], home: Path | None, trials: int, seeds: int) -> None:
    """Tune, fit, judge; write the report."""
    place = HomeFolder.of(recipes[0], home)
    names = _names(recipes)
    budget = Budget(trials, seeds, place.trials)
    evaluation = compare({name: read_recipe(path) for name, path in names.items()}, budget, say=terminal.line)
    written = show(terminal, evaluation, place, "comparison")
    terminal.result(report=str(written), evaluation=json.loads(evaluation.to_json()))


def _names(recipes: list[Path]) -> dict[str, Path]:
    """Recipes by their file's name, or by folder and name where files share one."""
    stems = [path.stem for path in recipes]
    names = {path.stem if stems.count(path.stem) == 1 else f"{path.resolve().parent.name}-{path.stem}": path for path in recipes}
    if len(names) < len(recipes):
        came = ", ".join(f"'{path}'" for path in recipes)
        raise RecipeError("the recipes to compare", must="files of different names", came=came, do="Rename one, or name each once.")
    return names
