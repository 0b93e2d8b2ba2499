"""Tuning and comparing from the command line: what is printed, written, and refused."""

from pathlib import Path

from penchant.evaluation.summary import Evaluation
from penchant.schema.recipe import Recipe
from tests import small_data
from tests.cli.given import FAST, files, penchant

KNN = FAST + '\n[model]\nkind = "item_knn"  # a comment\n'


def test_that_tuning_writes_a_recipe_beside_and_a_table_and_goes_on(tmp_path: Path) -> None:
    recipe = files(tmp_path, KNN)
    ran = penchant("tune", recipe, "--trials", 2)
    assert ran.code == 0
    assert ran.out.count("\ntrial ") == 2
    assert "<- best" in ran.out
    written, given = Recipe.read(tmp_path / "recipe.tuned.toml"), Recipe.read(recipe)
    assert written.model.settings.keys() == {"neighbours", "shrinkage", "similarity", "recency"}
    assert written.model_copy(update={"model": given.model}) == given, "nothing else is changed"
    again = penchant("tune", recipe, "--trials", 3, "--json")
    assert [each["number"] for each in again.json["trials"]] == [0, 1, 2]
    assert again.json["recipe"] == str(tmp_path / "recipe.tuned.toml")


def test_that_a_comparison_is_one_report(tmp_path: Path) -> None:
    recipe = files(tmp_path, KNN)
    other = tmp_path / "popular.toml"
    other.write_text(KNN.replace("item_knn", "popularity"), encoding="utf8")
    ran = penchant("compare", recipe, other, "--json")
    assert ran.code == 0
    page = Path(ran.json["report"])
    evaluation = Evaluation.read(page.with_suffix(".json"))
    assert evaluation.models == ["recipe", "popular"]
    text = page.read_text(encoding="utf8")
    for told in ("Paired differences", "Runs", "Read with care", "34 of 71 judged pairs"):
        assert told in text, told


def test_that_the_same_recipe_twice_and_an_unknown_model_are_refused(tmp_path: Path) -> None:
    recipe = files(tmp_path, KNN)
    assert penchant("compare", recipe, recipe).code == 2
    wrong = small_data.write_film_files(tmp_path / "wrong", KNN.replace("item_knn", "item_kn"))
    ran = penchant("compare", recipe, wrong)
    assert (ran.code, "Did you mean 'item_knn'?" in ran.err) == (2, True)


def test_that_a_classic_recipe_is_trained_and_kept(tmp_path: Path) -> None:
    ran = penchant("train", files(tmp_path, KNN))
    assert ran.code in (0, 9)
    kept = tmp_path / "penchant" / "bundles" / "versions" / "1" / "model.json"
    assert '"item_knn"' in kept.read_text(encoding="utf8")
