"""`penchant tune`: settings chosen on the validation part, written as a recipe."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.data.dataset import Dataset
from penchant.data.guess.toml import document
from penchant.studies.tune import Trial, Tuned, as_json, placed, table, tune


def run(terminal: Terminal, recipe: Path, home: Path | None, trials: int, seed: int) -> None:
    """Try settings, tell them, and write `NAME.tuned.toml` beside the recipe."""
    settings = read_recipe(recipe)
    data = Dataset.read(settings)
    assert data.report is not None
    terminal.line("data", data.report.summary())
    train, valid, _ = data.split()

    def told_of(trial: Trial) -> None:
        terminal.line("trial", f"{trial.number + 1}/{trials}  {trial.value:.4f}")

    journal = HomeFolder.of(recipe, home).trials / f"{recipe.stem}.journal"
    tuned = tune(settings, train, valid, trials=trials, seed=seed, journal=journal, say=told_of)
    terminal.text(f"\n{table(tuned)}\n")
    written = recipe.with_suffix(".tuned.toml")
    written.write_text(_text(recipe, tuned), encoding="utf8")
    terminal.line("wrote", f"{written}\nits model, judged on what nobody chose by: penchant train {written}")
    terminal.result(recipe=str(written), **as_json(tuned))


def _text(recipe: Path, tuned: Tuned) -> str:
    """The recipe's text with the best settings; what it says in comments stays where it was."""
    raw = tomllib.loads(recipe.read_text(encoding="utf8"))
    for name, chosen in placed(tuned.recipe, tuned.best.settings).items():
        raw[name] = _without_none(raw.get(name, {}) | chosen)
    best = f"{tuned.metric} {tuned.best.value:.4f} on the validation part, best of {len(tuned.trials)} trials"
    return f"# {recipe.name} with settings by penchant tune: {best}\n{document(raw)}"


def _without_none(settings: Mapping[str, Any]) -> dict[str, Any]:
    """TOML says nothing of what is absent."""
    return {name: value for name, value in settings.items() if value is not None}
