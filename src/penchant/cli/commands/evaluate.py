"""`penchant evaluate`: a bundle beside baselines on the recipe's test part."""

import json
from pathlib import Path

from penchant.cli.bundle import read_bundle
from penchant.cli.home import HomeFolder
from penchant.cli.recipe import read_recipe
from penchant.cli.terminal import Terminal
from penchant.data.dataset import Dataset
from penchant.evaluation.page import evaluation_page
from penchant.evaluation.summary import Evaluation
from penchant.report.page import render
from penchant.schema.errors import BundleError
from penchant.studies.workflow import evaluate


def run(terminal: Terminal, recipe: Path, home: Path | None, bundle: str) -> None:
    """Judge a bundle and write the report."""
    place = HomeFolder.of(recipe, home)
    model, opened = read_bundle(place, bundle)
    train_part, _, test = Dataset.read(read_recipe(recipe)).split()
    if not test.log.items["item_id"].equals(model.items["item_id"]):
        raise BundleError(f"bundle {opened.version}", must="trained on this recipe's items", came="another catalogue", do="Train again.")
    names = ["popularity", "item_knn"] if model.recipe.retrieval_task else ["popularity"]
    evaluation = evaluate(model, test, names, train=train_part, title=f"Bundle {opened.version}")
    written = show(terminal, evaluation, place)
    terminal.result(bundle=opened.version, report=str(written), evaluation=json.loads(evaluation.to_json()))


def show(terminal: Terminal, evaluation: Evaluation, place: HomeFolder, name: str = "evaluation") -> Path:
    """Print the tables; write the report as a page and as JSON."""
    terminal.text(f"\n{evaluation}\n")
    page = place.report(f"{name}.html")
    page.write_text(render(evaluation_page(evaluation)), encoding="utf8")
    place.report(f"{name}.json").write_text(evaluation.to_json(), encoding="utf8")
    terminal.line("report", str(page))
    return page
