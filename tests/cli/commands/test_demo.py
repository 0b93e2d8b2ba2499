"""The demo from its data to its last line, on a small log in MovieLens' form with the films' tastes of `tests.small_data`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from penchant.cli.commands import demo
from penchant.cli.terminal import Terminal
from penchant.schema.errors import StorageError
from penchant.schema.recipe import Recipe
from tests import small_data
from tests.cli.given import penchant

RECIPE = """
[data]
events = { path = "ml-100k.inter" }
users = { path = "ml-100k.user" }
items = { path = "ml-100k.item" }
title = "movie_title"
[features]
user.age = { kind = "number" }
user.gender = { kind = "category" }
user.occupation = { kind = "category" }
item.item_id = { kind = "category" }
item.class = { kind = "categories", separator = " " }
[history]
length = 8
columns.rating = { kind = "number" }
[tasks.next]
kind = "next_item"
[tasks.like]
kind = "binary"
label = "rating >= 4"
[tasks.stars]
kind = "regression"
label = "rating"
[network]
width = 16
dropout = 0.0
[training]
epochs = 8
batch_events = 256
learning_rate = 0.01
watch = "stars.rmse"
[serving]
events.rating = { rating = "value" }
"""


def write(path: Path, header: str, rows: list[tuple[Any, ...]]) -> None:
    path.write_text("\n".join([header.replace(" ", "\t"), *("\t".join(map(str, row)) for row in rows)]), encoding="utf8")


def films_of_movielens(folder: Path) -> None:
    """The films' log with users 1 to 60 and films 50, 172, 181 (all alpha, odd) and others."""
    names = small_data.films()["item_id"].to_list()
    numbers = {name: number for number, name in enumerate(names, start=1)} | {"a1": 50, "a3": 172, "a5": 181}
    folder.mkdir(parents=True)
    events = small_data.film_events().with_columns(
        pl.col("user_id").str.slice(1).cast(pl.Int64) + 1, pl.col("item_id").replace_strict(numbers)
    )
    ratings = events.select("user_id", "item_id", "rating", "timestamp").rows()
    write(folder / "ml-100k.inter", "user_id:token item_id:token rating:float timestamp:float", ratings)
    people = [(number + 1, 20 + number, "M" if number % 3 == 0 else "F", "student", 1) for number in range(small_data.VIEWERS)]
    write(folder / "ml-100k.user", "user_id:token age:token gender:token occupation:token zip_code:token", people)
    films = [(numbers[row["item_id"]], row["title"], row["year"], row["genre"]) for row in small_data.films().to_dicts()]
    write(folder / "ml-100k.item", "item_id:token movie_title:token_seq release_year:token class:token_seq", films)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo with a small cache and a small recipe."""
    folder = tmp_path / "cache"
    films_of_movielens(folder)
    monkeypatch.setattr(demo, "CACHE", folder)
    monkeypatch.setattr(demo, "_packaged", lambda: RECIPE)
    return folder


@pytest.mark.slow
def test_that_the_demo_goes_from_data_to_a_list_that_an_event_changes(cache: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ran = penchant("demo", "--once", "--home", home)
    assert ran.code == 0, ran.err
    words = [line.split()[0] for line in ran.out.splitlines() if line[:1].isalpha()]
    assert words[:3] == ["get", "data", "split"]
    assert words[-6:] == ["time", "serve", "for", "for", "for", "for"]
    assert f"MovieLens-100K from cache; kept in {cache}" in ran.out
    told = ran.out[ran.out.index("for      user 42") :].split("for      ")[1:]
    assert [lines.splitlines()[0].split(",")[0].split(":")[0] for lines in told] == [
        "user 42",
        "a new user",
        "an anonymous visit that liked three Star Wars films",
        "user 42",
    ]
    assert all(len(lines.splitlines()) == 6 for lines in told)
    assert told[2].count("Alpha") > told[2].count("Beta")  # the three films are alpha
    before, after = ([line[9:53].strip() for line in told[place].splitlines()[1:]] for place in (0, 3))
    assert before[0] not in after
    assert (home / "recipe.toml").is_file()
    assert (home / "state" / "penchant.db").is_file()


def test_that_the_recipe_points_at_the_cache_wherever_it_lies(cache: Path, tmp_path: Path) -> None:
    recipe = Recipe.read(demo._recipe(tmp_path / "home"))
    sources = (recipe.data.events, recipe.data.users, recipe.data.items)
    assert [getattr(source, "path", None) for source in sources] == [str(cache / f"ml-100k.{end}") for end in ("inter", "user", "item")]


def test_that_the_packaged_recipe_learns_stars_likes_and_the_next_film() -> None:
    recipe = Recipe.parse(demo._packaged())
    assert {name: task.kind for name, task in recipe.tasks.items()} == {"stars": "regression", "like": "binary", "next": "next_item"}
    assert recipe.serving.events["rating"] == {"rating": "value"}


@pytest.mark.slow
def test_that_a_server_that_does_not_start_is_told_with_what_to_try(cache: Path, tmp_path: Path) -> None:
    recipe = demo._recipe(tmp_path / "home")
    with pytest.raises(StorageError, match="penchant serve") as caught, demo._server(recipe, tmp_path / "home", 0):
        pass
    assert "penchant train" in caught.value.came  # there is no bundle yet


def answers(known: list[str], after: list[str], accepted: int = 1) -> Any:
    """A server that gives user 42 the first list, then the second."""
    lists = [known, known, known, after]

    def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v1/events":
            return {"accepted": accepted}
        return {"request_id": "r", "items": [{"item_id": name, "title": None, "tasks": {"like": 0.5}} for name in lists.pop(0)]}

    return ask


@pytest.mark.parametrize(("after", "accepted"), [(["1", "2"], 1), (["2", "3"], 0)])
def test_that_a_list_that_does_not_change_fails_the_demo(after: list[str], accepted: int) -> None:
    with pytest.raises(StorageError, match="the list after an event"):
        demo._tour(Terminal(), answers(["1", "2"], after, accepted))


def test_that_the_tour_tells_its_answers(capsys: pytest.CaptureFixture[str]) -> None:
    told = demo._tour(Terminal(), answers(["1", "2"], ["2", "3"]))
    assert (told["changed"], [item["item_id"] for item in told["after"]["items"]]) == (True, ["2", "3"])
    assert "like 0.500" in capsys.readouterr().out


def test_that_the_printed_curl_asks_what_the_demo_asks() -> None:
    shown = demo._curl(demo._Client("http://127.0.0.1:1", "secret"))
    assert shown.startswith("curl -s http://127.0.0.1:1/v1/recommendations ")
    assert "Bearer secret" in shown
    assert '{"user_id": "42", "n": 5}' in shown


def test_that_whoever_ends_the_demo_ends_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[subprocess.Popen[str]] = []
    start = subprocess.Popen

    def ended() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    def server(command: list[str], **how: Any) -> subprocess.Popen[str]:
        served.append(start([sys.executable, "-c", 'print(\'{"url": ""}\', flush=True); import time; time.sleep(60)'], **how))
        return served[0]

    monkeypatch.setattr(demo.subprocess, "Popen", server)
    monkeypatch.setattr(demo, "_until_ready", lambda url: None)
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), demo._server(tmp_path / "recipe.toml", tmp_path, 0):
        ended()
    assert served[0].poll() is not None
    assert signal.getsignal(signal.SIGTERM) == before
