"""Real exports are read whole, checked, and guessed right."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from penchant.data.check import check
from penchant.data.guess import guess
from penchant.data.sources import read_events, read_table
from penchant.schema.recipe import Recipe
from penchant.schema.sections.data import SourceSettings
from tests.real_data import real_data

NOW = 1_750_000_000.0


def guessed(name: str, folder: Path, *files: str) -> Recipe:
    """The recipe guessed for these files alone."""
    for file in files:
        shutil.copy(real_data(name) / file, folder)
    return Recipe.parse(guess(folder).recipe_text, folder)


def test_that_movielens_100k_has_its_published_counts_and_no_error() -> None:
    folder = real_data("ml-100k")
    tables = {role: read_table(SourceSettings(path=f"ml-100k.{end}"), folder, role).frame
              for role, end in (("events", "inter"), ("users", "user"), ("items", "item"))}  # fmt: skip
    report = check(tables["events"], tables["users"], tables["items"], now=NOW)
    assert report.counts == {"events": 100_000, "users": 943, "items": 1_682}
    assert report.of("error") == ()


def test_that_movielens_100k_is_guessed(tmp_path: Path) -> None:
    recipe = guessed("ml-100k", tmp_path, "ml-100k.inter", "ml-100k.user", "ml-100k.item")
    assert list(recipe.tasks) == ["stars", "like", "next"]
    assert recipe.tasks["like"].label == "rating >= 4"
    assert recipe.features.item["class"].kind == "categories"
    assert (recipe.data.title, recipe.split.kind) == ("movie_title", "last")


def test_that_movielens_1m_is_guessed_by_its_order_with_latin1_titles(tmp_path: Path) -> None:
    recipe = guessed("ml-1m", tmp_path, "ratings_rebuilt.parquet", "users.dat", "movies.dat", "movies_extrainfos.dat")
    assert isinstance(recipe.data.events, SourceSettings)
    assert recipe.data.events.columns["timestamp"] == "chron_rank"
    assert recipe.data.items is not None
    assert (recipe.data.items.path, recipe.data.items.encoding) == ("movies.dat", "latin1")
    assert recipe.features.item["genres"].settings == {"separator": "|"}
    events = read_events(recipe.data.events, tmp_path).frame
    assert (events.height, events["timestamp"].null_count()) == (1_000_209, 598)
    assert read_table(recipe.data.items, tmp_path, "items").frame.height == 3_883


def test_that_frappe_is_guessed_with_its_context_and_without_its_counter(tmp_path: Path) -> None:
    recipe = guessed("frappe", tmp_path, "frappe.csv", "meta.csv")
    assert list(recipe.tasks) == ["next"]
    assert set(recipe.features.context) == {"daytime", "weekday", "isweekend", "homework", "weather", "country", "city"}
    assert recipe.features.item["description"].kind == "text"
    assert recipe.data.items is not None
    apps = read_table(recipe.data.items, tmp_path, "items").frame
    assert apps.height == 4_082
    assert (apps["description"].str.to_lowercase() == "unknown").sum() == 550


@pytest.mark.parametrize("leak", ["play_time_ms", "profile_stay_time", "comment_stay_time", "is_profile_enter", "watch_ratio", "finish",
                                  "long_watch", "is_click", "is_hate", "show_cnt", "counts"])  # fmt: skip
def test_that_no_outcome_of_kuairand_becomes_a_feature(kuairand: Recipe, leak: str) -> None:
    features = kuairand.features
    assert leak not in {*features.context, *features.item, *features.user}


def test_that_kuairand_is_guessed(kuairand: Recipe) -> None:
    assert list(kuairand.tasks) == ["click", "long_view", "like", "comment", "forward", "follow", "next"]
    assert kuairand.scenario.column == "tab"
    assert isinstance(kuairand.data.events, tuple)
    assert [source.item_list for source in kuairand.data.events] == [None, "watch_seq"]
    assert len(kuairand.features.user) == 29


@pytest.fixture(scope="module")
def kuairand(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    files = ("impressions_0425_0505.parquet", "user_sequences.parquet", "item_features.parquet", "user_features.parquet")
    return guessed("kuairand", tmp_path_factory.mktemp("kuairand"), *files)


def test_that_each_element_of_a_kuairand_sequence_is_an_event() -> None:
    folder = real_data("kuairand")
    settings = SourceSettings(path="user_sequences.parquet", item_list="watch_seq", columns={"timestamp": "last_time_ms"})
    events = read_table(settings, folder, "events").frame
    raw = pl.read_parquet(folder / "user_sequences.parquet")
    assert events.height == raw["watch_seq"].list.len().sum()
    first = events.filter(pl.col("user_id") == "0")["item_id"].to_list()
    assert first == [str(item) for item in raw.filter(pl.col("user_id") == 0)["watch_seq"][0]]
