"""`penchant evaluate`: a bundle beside baselines on the recipe's test part."""

import json
import time
from pathlib import Path

from penchant.cli.bundle import read_bundle
from penchant.cli.data import packed_folder, read_data
from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.evaluation.page import evaluation_page
from penchant.evaluation.summary import Evaluation
from penchant.report.page import render
from penchant.schema.errors import BundleError
from penchant.schema.recipe import Recipe
from penchant.studies.cross_validation import cross_validate
from penchant.studies.workflow import evaluate


def run(
    terminal: Terminal,
    recipe: Path,
    home: Path | None,
    bundle: str,
    packed: bool = False,
    packed_in: Path | None = None,
    folds: bool = False,
) -> None:
    """Judge a bundle, or the recipe by cross-validation, and write the report."""
    place = HomeFolder.of(recipe, home)
    folder = packed_folder(place, packed, packed_in)
    if folds:
        _cross_validate(terminal, read_recipe(recipe), place, folder)
    else:
        _judge(terminal, recipe, place, bundle, folder)


def _judge(terminal: Terminal, recipe: Path, place: HomeFolder, bundle: str, folder: Path | None) -> None:
    model, opened = read_bundle(place, bundle)
    train_part, _, test = read_data(read_recipe(recipe), folder).split()
    if not test.log.items["item_id"].equals(model.items["item_id"]):
        raise BundleError(
            f"bundle {opened.version}",
            must="trained on this recipe's items",
            came="another catalogue",
            do="Train again; if from a packed log, judge by it too.",
        )
    names = ["popularity", "item_knn"] if model.recipe_.retrieval_task else ["popularity"]
    evaluation = evaluate(model, test, names, train=train_part, title=f"Bundle {opened.version}")
    written = show(terminal, evaluation, place)
    terminal.result(bundle=opened.version, report=str(written), evaluation=json.loads(evaluation.to_json()))


def _cross_validate(terminal: Terminal, recipe: Recipe, place: HomeFolder, folder: Path | None) -> None:
    data = read_data(recipe, folder)
    folds = recipe.split.folds or 0
    started = time.monotonic()

    def each(number: int, fold: Evaluation) -> None:
        names = [(task, fold.metrics(task)[0]) for task in fold.tasks]
        told = [f"{task} {name} {metric}" for task, name in names if (metric := fold.metric(fold.model, task, name))]
        terminal.line("fold", f"{number}/{folds}  {'  '.join(told)}  {time.monotonic() - started:.0f} s")

    evaluation = cross_validate(data, each=each, title=f"{folds} folds by {recipe.split.fold_by}")
    written = show(terminal, evaluation, place, "folds")
    terminal.result(report=str(written), evaluation=json.loads(evaluation.to_json()))


def show(terminal: Terminal, evaluation: Evaluation, place: HomeFolder, name: str = "evaluation") -> Path:
    """Print the tables; write the report as a page and as JSON."""
    terminal.text(f"\n{evaluation}\n")
    page = place.report(f"{name}.html")
    page.write_text(render(evaluation_page(evaluation)), encoding="utf8")
    place.report(f"{name}.json").write_text(evaluation.to_json(), encoding="utf8")
    terminal.line("report", str(page))
    return page
