"""A folder of files becomes a recipe; its data are checked and what was done is said."""

from pathlib import Path

import polars as pl
import pytest

from penchant.schema.recipe import Recipe
from tests import small_data
from tests.cli.given import FAST, files, penchant


def test_that_a_folder_becomes_a_recipe_that_can_be_checked(tmp_path: Path) -> None:
    files(tmp_path)
    (tmp_path / "recipe.toml").unlink()
    ran = penchant("init", tmp_path)
    assert ran.code == 0
    assert "penchant train" in ran.out
    recipe = Recipe.read(tmp_path / "recipe.toml")
    assert {task.kind for task in recipe.tasks.values()} == {"regression", "binary", "next_item"}
    assert recipe.scenario.column == "tab"
    assert penchant("check", tmp_path / "recipe.toml").code == 0


def test_that_guesses_come_as_json_when_asked(tmp_path: Path) -> None:
    files(tmp_path)
    ran = penchant("init", tmp_path, "--force", "--json")
    assert len(ran.out.splitlines()) == 1
    told = ran.json
    assert told["recipe"] == str(tmp_path / "recipe.toml")
    assert {"what", "guessed", "why", "confidence"} == set(told["guesses"][0])


def test_that_a_recipe_that_is_there_is_not_lost(tmp_path: Path) -> None:
    path = files(tmp_path)
    ran = penchant("init", tmp_path)
    assert (ran.code, "--force" in ran.err) == (2, True)
    assert path.read_text(encoding="utf8") == FAST
    assert penchant("init", tmp_path, "--force").code == 0
    assert path.read_text(encoding="utf8") != FAST


def test_that_a_folder_without_tables_is_refused(tmp_path: Path) -> None:
    assert penchant("init", tmp_path).code == 3
    assert penchant("init", tmp_path / "nowhere").code == 3
    assert not (tmp_path / "recipe.toml").exists()


def test_that_a_check_counts_reports_and_says_what_was_left_out(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    late = pl.when(pl.int_range(pl.len()) < 5).then(4e9).otherwise("timestamp").alias("timestamp")
    small_data.film_events().with_columns(late).write_csv(tmp_path / "events.csv")
    ran = penchant("check", recipe, "--home", tmp_path / "home")
    assert ran.code == 0
    assert "60 users  30 items  720 events" in ran.out
    assert "future_times: left out 5 events more than a day in the future; [data.clean] future_times decides this" in ran.out
    page = (tmp_path / "home" / "reports" / "data.html").read_text(encoding="utf8")
    assert "in the future" in page
    told = penchant("check", recipe, "--json").json
    assert told["counts"] == {"events": 720, "users": 60, "items": 30}
    assert [(action["rule"], action["rows"]) for action in told["clean"]] == [("future_times", 5)]
    assert Path(told["report"]).is_file()


def test_that_rejected_rows_are_kept_with_their_reasons_and_numbers(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    lost = pl.when(pl.int_range(pl.len()) == 9).then(None).otherwise("item_id").alias("item_id")
    small_data.film_events().with_columns(lost).write_csv(tmp_path / "events.csv")
    ran = penchant("check", recipe)
    kept = tmp_path / "penchant" / "rejected" / "events.parquet"
    assert f"rejected {kept}: 1 rows with their reasons" in ran.out
    assert pl.read_parquet(kept).select("row", "reason").rows() == [(10, "missing_ids")]
    assert penchant("check", recipe, "--json").json["rejected"] == [str(kept)]
    ran = penchant("check", recipe, "--rejected", tmp_path / "aside", "--json")
    assert ran.json["rejected"] == [str(tmp_path / "aside" / "events.parquet")]
    kept.unlink()
    assert f"rejected {kept}: 1 rows with their reasons" in penchant("train", recipe).out
    assert kept.is_file()


def test_that_a_check_never_deletes_the_data_it_reads(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    small_data.film_events().write_parquet(tmp_path / "events.parquet")
    ran = penchant("check", recipe, "--rejected", tmp_path)
    assert (ran.code, "must be absent, or rows rejected earlier" in ran.err) == (3, True)
    assert (tmp_path / "events.parquet").is_file()


LIKED = 'kind = "binary"\nlabel = "liked"'


@pytest.mark.parametrize(
    ("task", "liked", "said"),
    [
        (LIKED, pl.lit(2), "label 'liked' of task 'like' must be 0 or 1; found 2 in 3 of 720 rows"),
        (LIKED, pl.lit("good"), "expression 'liked' must be numbers or true/false"),
        ('kind = "regression"\nlabel = "liked"', pl.lit(float("inf")), "label 'liked' of task 'like' must be finite"),
        ('kind = "binary"', pl.lit(1), "task 'like', key 'label' must be a column or an expression; found nothing"),
    ],
)
def test_that_a_check_fails_when_training_would_refuse_the_labels(task: str, liked: pl.Expr, said: str, tmp_path: Path) -> None:
    recipe = files(tmp_path, FAST.replace('kind = "binary"\nlabel = "rating >= 4"', task))
    column = pl.when(pl.int_range(pl.len()) < 3).then(liked).otherwise(pl.lit(1)).alias("liked")
    small_data.film_events().with_columns(column).write_csv(tmp_path / "events.csv")
    ran = penchant("check", recipe)
    assert ran.code == 1
    assert f"refused  training would stop: {said}" in ran.out
    assert (tmp_path / "penchant" / "reports" / "data.html").is_file()
    told = penchant("check", recipe, "--json")
    assert (told.code, len(told.json["refused"])) == (1, 1)
    assert penchant("train", recipe).code != 0


def test_that_a_check_passes_with_errors_that_cleaning_mends_and_with_warnings(tmp_path: Path) -> None:
    recipe = files(tmp_path)
    early = pl.when(pl.int_range(pl.len()) < 5).then(1.0).otherwise("timestamp").alias("timestamp")
    lost = pl.when(pl.int_range(pl.len()) == 9).then(None).otherwise("item_id").alias("item_id")
    small_data.film_events().with_columns(early, lost).write_csv(tmp_path / "events.csv")
    ran = penchant("check", recipe, "--json")
    assert {defect["severity"] for defect in ran.json["defects"]} >= {"error", "warning"}
    assert (ran.code, ran.json["refused"]) == (0, [])


def test_that_a_label_on_rows_that_its_task_leaves_out_is_not_refused(tmp_path: Path) -> None:
    recipe = files(tmp_path, FAST.replace('label = "rating >= 4"', 'label = "liked"\nonly_where = "liked < 2"'))
    small_data.film_events().with_columns(liked=pl.int_range(pl.len()) % 3).write_csv(tmp_path / "events.csv")
    assert penchant("check", recipe).code == 0
