"""Causes in words: no more than the data say, in two languages, with their sign."""

from collections.abc import Mapping
from typing import Any

import pytest

from penchant.models.explanation.cause import Cause, Effect
from penchant.models.explanation.did import did
from penchant.models.explanation.telling import Telling, _words
from penchant.schema.language import LANGUAGES, Language, preferred
from penchant.schema.recipe import Recipe
from tests import small_data

LABELLED = """
[serving.explanations.labels]
genre = { en = "sort", zh = "种类" }
colour = "favourite colour"
"""
NAMES = {3: ("a3", "Heat"), 4: ("a4", None)}


def telling(language: Language = "en", lines: str = "", share: float = 0.0) -> Telling:
    recipe = Recipe.parse(small_data.FILM_RECIPE + lines)
    return Telling(recipe, small_data.film_dataset().log, NAMES.__getitem__, language, share)


def event(told: int | Mapping[str, Any], item: int = 3) -> Cause:
    return Cause("history", item=item, events=1, time=5.0, told=told)


@pytest.mark.parametrize(
    ("cause", "english", "chinese"),
    [
        (event({"event": "watch"}), "you watched “Heat”", "你看过《Heat》"),
        (event({"event": "rating", "value": 4}), "you gave “Heat” 4", "你给《Heat》打了 4 分"),
        (event({"event": "rating", "value": float("nan")}), "you did “rating” with “Heat”", "你对《Heat》做过“rating”"),
        (event({"event": "event"}, 4), "you had “a4”", "你有过《a4》"),
        (Cause("earlier_history", events=7), "you have 7 earlier events", "你有 7 条更早的记录"),
        (Cause("profile", "colour", "red"), "your colour is red", "你的颜色是red"),
        (Cause("profile", "user_id", "u0"), "you are this user", "你是这位用户"),
        (Cause("context", "daypart", "night"), "daypart is night", "时段是night"),
        (Cause("scenario", "tab", "home"), "you are in “home”", "你在“home”场景"),
        (Cause("item", "genre", "\x1fThriller\x1fCrime"), "its genre is Thriller, Crime", "它的类型是Thriller、Crime"),
        (Cause("item", "year", 1995.0), "its year is 1995", "它的年份是1995"),
        (Cause("item", "item_id", "a3"), "others have had it", "其他人有过它"),
        (Cause("item", "story", "x" * 100), f"its story is {'x' * 59}…", f"它的story是{'x' * 59}…"),
        (Cause("item", "words", {"title": "Heat"}), "its words says what it says", "它有这样的words"),
    ],
)
def test_that_a_cause_is_told_from_what_the_data_say(cause: Cause, english: str, chinese: str) -> None:
    assert telling().phrase(cause) == english
    assert telling("zh").phrase(cause) == chinese


@pytest.mark.parametrize(
    ("feature", "english", "chinese"),
    [
        ('{ kind = "time", column = "timestamp", cycles = ["hour", "weekday"] }', "it is afternoon, Monday", "现在是下午、星期一"),
        ('{ kind = "time", column = "timestamp", cycles = ["month"] }', "it is April", "现在是四月"),
        ('{ kind = "period", column = "timestamp", hours_from_utc = 8 }', "it is evening", "现在是晚上"),
        ('{ kind = "period", column = "timestamp", cycle = "weekday", parts = 7, hours_from_utc = 13 }', "it is Tuesday", "现在是星期二"),
    ],
)
def test_that_the_clock_is_told_as_people_tell_it(feature: str, english: str, chinese: str) -> None:
    lines = small_data.FILM_RECIPE.replace('context.daypart = { kind = "category" }', f"context.clock = {feature}")
    cause = Cause("context", "clock", small_data.NOON)
    for language, wanted in (("en", english), ("zh", chinese)):
        own = Telling(Recipe.parse(lines), small_data.film_dataset().log, NAMES.__getitem__, language)  # type: ignore[arg-type]
        assert own.phrase(cause) == wanted


def test_that_labels_of_the_recipe_come_first() -> None:
    assert telling("en", LABELLED).label("genre") == "sort"
    assert telling("zh", LABELLED).label("genre") == "种类"
    assert telling("zh", LABELLED).label("colour") == "favourite colour"
    assert telling("en").label("release_year") == "release year"


def test_that_a_sentence_keeps_the_signs_and_names_the_strongest_of_each_side() -> None:
    effects = [
        Effect(Cause("item", "genre", "alpha"), 3.0), Effect(event({"event": "watch"}), 2.0), Effect(Cause("item", "year", 1995), -1.0),
        *(Effect(Cause("context", f"c{place}", place), 0.9 - place / 10) for place in range(4)),
    ]  # fmt: skip
    told = telling().summary(effects)
    assert told == "Because you watched “Heat”, c0 is 0, c1 is 1 and its genre is alpha. Against it: its year is 1995."
    assert telling("zh").summary(effects[:3]) == "因为你看过《Heat》,它的类型是alpha。不利的方面:它的年份是1995。"
    assert telling().summary(effects[2:3]) == "Against it: its year is 1995."


def test_that_each_side_has_its_own_shares() -> None:
    effects = [Effect(Cause("item", "genre", "alpha"), 100.0), Effect(event({}), 1.0), Effect(Cause("context", "daypart", "day"), -0.2)]
    assert telling(share=0.2).kept(effects) == effects[:2]
    assert telling(share=0.15).kept(effects) == effects
    assert telling().kept([Effect(event({}), 0.0)]) == []
    assert telling().reasons([Effect(event({}), 0.0)]) == []


def test_that_events_of_the_log_are_called_as_the_recipe_calls_what_they_are() -> None:
    log = small_data.film_dataset().log
    stars = float(log.columns["rating"].data[5])
    assert did(Recipe.parse(small_data.FILM_RECIPE), log, 5) == ("rating", stars)
    marks = 'events.loved = { rating = 5 }\nevents.home = { rating = 5, tab = "home" }\n'
    own = Recipe.parse(small_data.FILM_RECIPE.replace('events.rating = { rating = "value" }\n', marks))
    for row in range(12):
        rating, tab = log.columns["rating"].data[row], log.columns["tab"].take(slice(row, row + 1))[0]
        wanted = None if rating != 5 else "home" if tab == "home" else "loved"
        assert did(own, log, row) == (wanted, None)
    assert did(own, log, None) == (None, None)
    assert did(own, log, {"rating": 5, "tab": "search"}) == ("loved", None)


def test_that_both_languages_have_the_same_templates() -> None:
    one, other = (_words(language) for language in LANGUAGES)
    assert one.keys() == other.keys()
    for part in ("phrases", "did", "clock"):
        assert one[part].keys() == other[part].keys()


@pytest.mark.parametrize(
    ("header", "wanted"),
    [(None, None), ("", None), ("fr", None), ("zh-TW", "zh"), ("en;q=0.2,zh;q=0.3", "zh"), ("zh;q=0, en;q=x", None), ("EN-us", "en")],
)
def test_that_a_browsers_languages_are_understood(header: str | None, wanted: str | None) -> None:
    assert preferred(header) == wanted
