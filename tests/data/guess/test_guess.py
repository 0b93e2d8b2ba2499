"""The guessed recipe: it parses, reads the files it was guessed from, and never lets an outcome in as a feature."""

from pathlib import Path

import pytest

from penchant.data.guess import guess
from penchant.data.sources import read_events, read_table
from penchant.schema.errors import DataError
from penchant.schema.recipe import Recipe
from penchant.schema.sections.data import SourceSettings
from tests.data.sources.given import written

DAY = 86_400
START = 1_650_000_000


def shop(folder: Path) -> Recipe:
    """A shop of 40 days: users come back, so the newest tenth is about users known before."""
    rows = []
    for n in range(400):
        action = ("impression", "click", "buy", "click")[n % 4]
        rows.append(
            f"u{n % 7},i{n % 11},{START + n * DAY // 10},{action},{('phone', 'desktop')[n // 3 % 2]},{n % 13},{n % 5 / 4},{n % 11 * 3}"
        )
    written(folder, "log.csv", "userId,itemId,ts,event_type,device,temperature,watch_ratio,size\n" + "\n".join(rows))
    written(folder, "people.csv", "userId,job\n" + "\n".join(f"u{n},{('baker', 'nurse')[n % 2]}" for n in range(7)))
    written(folder, "things.csv", "itemId,title,sold_count\n" + "\n".join(f"i{n},Thing {n},{n * 31}" for n in range(11)))
    return Recipe.parse(guess(folder).recipe_text, folder)


def test_that_the_recipe_reads_the_files_it_was_guessed_from(tmp_path: Path) -> None:
    recipe = shop(tmp_path)
    assert isinstance(recipe.data.events, SourceSettings)
    assert read_events(recipe.data.events, recipe.directory).frame.height == 400
    assert recipe.data.users is not None
    assert recipe.data.items is not None
    assert read_table(recipe.data.users, recipe.directory, "users").frame.height == 7
    assert read_table(recipe.data.items, recipe.directory, "items").frame.height == 11
    assert recipe.data.title == "title"


def test_that_tasks_scenario_split_and_serving_fit_the_shop(tmp_path: Path) -> None:
    recipe = shop(tmp_path)
    assert list(recipe.tasks) == ["click", "buy", "next"]
    assert recipe.tasks["next"].positive_where == "event in ('click', 'buy',)"
    assert recipe.scenario.column == "device"
    assert recipe.split.kind == "time"
    assert recipe.serving.events["buy"] == {"event": "buy"}
    assert set(recipe.history.columns) == {"event", "device"}


def test_that_features_are_what_is_known_before_the_event(tmp_path: Path) -> None:
    features = shop(tmp_path).features
    assert set(features.context) == {"hour", "temperature", "user.activity", "user.click_rate", "user.buy_rate"}
    assert features.context["hour"].settings == {"cycles": ["hour", "weekday"]}  # 40 days have no seasons
    assert (features.context["hour"].kind, features.context["hour"].column) == ("time", "timestamp")
    assert set(features.user) == {"job"}
    assert "item_id" in features.item
    assert "sold_count" not in features.item


def test_that_what_is_left_out_is_said(tmp_path: Path) -> None:
    shop(tmp_path)
    text = guess(tmp_path).recipe_text
    assert "# left out, known only after the event: event, watch_ratio" in text
    assert "# left out (a property of the item; move it to the items' table to use it): size" in text
    assert "# left out (it counts outcomes, perhaps of the future too): sold_count" in text


def test_that_every_guess_has_its_reason(tmp_path: Path) -> None:
    shop(tmp_path)
    lines = guess(tmp_path).lines
    assert {line.what for line in lines} >= {"events", "users", "items", "scenario", "task click", "split", "context feature"}
    assert all(line.guessed and line.why for line in lines)


def test_that_users_who_do_not_come_back_are_split_by_their_own_last_events(tmp_path: Path) -> None:
    rows = [f"u{n // 10},i{n % 7},{START + n * DAY}" for n in range(200)]
    written(tmp_path, "log.csv", "user_id,item_id,timestamp\n" + "\n".join(rows))
    recipe = Recipe.parse(guess(tmp_path).recipe_text, tmp_path)
    assert recipe.split.kind == "last"


@pytest.mark.parametrize(("apart", "often"), [(DAY, True), (60, False)], ids=["on other days", "within minutes"])
def test_that_coming_back_on_another_day_makes_repeats_count(tmp_path: Path, apart: int, often: bool) -> None:
    rows = [f"u{n % 50},i{n % 50 + 50 * (n // 50 % 2)},{START + n % 50 + n // 50 * apart}" for n in range(300)]
    written(tmp_path, "log.csv", "user_id,item_id,timestamp\n" + "\n".join(rows))
    recipe = Recipe.parse(guess(tmp_path).recipe_text, tmp_path)
    assert (recipe.network.repeats.kind, recipe.serving.exclude_seen) == (("counts", False) if often else ("none", True))


def test_that_being_shown_again_is_not_coming_back(tmp_path: Path) -> None:
    rows = [f"u{n % 50},i{n % 50},{START + n * DAY},{'click' if n < 50 else 'impression'}" for n in range(300)]
    written(tmp_path, "log.csv", "user_id,item_id,timestamp,event_type\n" + "\n".join(rows))
    assert Recipe.parse(guess(tmp_path).recipe_text, tmp_path).serving.exclude_seen


def test_that_users_are_counted_by_what_they_did(tmp_path: Path) -> None:
    context = shop(tmp_path).features.context
    assert context["user.activity"].settings == {"by": ["user_id"], "windows": ["7d", "all"]}
    wanted = {"by": ["user_id"], "windows": ["7d", "all"], "of": "event == 'buy'", "rate": True}
    assert context["user.buy_rate"].settings == wanted


def test_that_every_feature_says_why(tmp_path: Path) -> None:
    shop(tmp_path)
    text = guess(tmp_path).recipe_text
    lines = [line for line in text.splitlines() if "kind = " in line and line.endswith("}")]
    assert lines == []
    assert 'job = { kind = "category" }  # 2 different values' in text
    assert "# how often the user's past events had event == 'buy'" in text


def test_that_a_year_has_seasons(tmp_path: Path) -> None:
    written(tmp_path, "log.csv", "user_id,item_id,timestamp\n" + "\n".join(f"u{n % 3},i{n % 4},{START + n * 30 * DAY}" for n in range(30)))
    assert Recipe.parse(guess(tmp_path).recipe_text, tmp_path).features.context["hour"].settings == {}


def test_that_an_order_gives_no_hour(tmp_path: Path) -> None:
    written(tmp_path, "log.csv", "user_id,item_id\n" + "\n".join(f"u{n % 3},i{n % 4}" for n in range(30)))
    recipe = Recipe.parse(guess(tmp_path).recipe_text, tmp_path)
    assert (recipe.features.context, recipe.split.kind) == ({}, "last")


def test_that_names_with_line_breaks_cannot_break_the_recipe(tmp_path: Path) -> None:
    rows = [f"u{n % 3},i{n % 4},{n // 5 % 2},same" for n in range(30)]
    written(tmp_path, "log.csv", 'user_id,item_id,"a\n[tasks.evil]\nx = 1","b\n[tasks.worse]\nx = 1"\n' + "\n".join(rows))
    recipe = Recipe.parse(guess(tmp_path).recipe_text, tmp_path)
    assert list(recipe.tasks) == ["next"]
    assert list(recipe.features.context) == ["a\n[tasks.evil]\nx = 1"]


def test_that_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none there"):
        guess(tmp_path / "nowhere")
