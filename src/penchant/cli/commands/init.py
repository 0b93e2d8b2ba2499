"""`penchant init`: a recipe from the files found."""

from dataclasses import asdict
from pathlib import Path

from penchant.cli.terminal import Terminal
from penchant.data.guess import guess
from penchant.schema.errors import RecipeError


def run(terminal: Terminal, directory: Path, force: bool) -> None:
    """Write a recipe from the files found."""
    path = directory / "recipe.toml"
    if path.exists() and not force:
        raise RecipeError(f"'{path}'", must="absent", came="a recipe that is there already", do="Use --force to replace it.")
    found = guess(directory)
    path.write_text(found.recipe_text, encoding="utf8")
    for line in found.lines:
        terminal.line(line.confidence, f"{line.what}: {line.guessed}  ({line.why})")
    terminal.line("wrote", f"{path}\nread it through, then: penchant train {path}")
    terminal.result(recipe=str(path), guesses=[asdict(line) for line in found.lines])
