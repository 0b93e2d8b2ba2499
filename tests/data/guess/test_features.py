"""Feature kinds from columns."""

from datetime import date

import polars as pl
import pytest

from penchant.data.guess.features import feature_of, is_counter, is_long

WORDS = ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("colour", WORDS * 50, "category"),
        ("age_group", [1, 2, 3] * 50, "category"),
        ("level", [1.0, None, 3.0] * 50, "category"),
        ("author_id", [n // 2 for n in range(200)], "category"),
        ("duration_ms", list(range(200)), "number"),
        ("price", [n / 7 for n in range(200)], "number"),
        ("live", [True, False] * 50, "category"),
        ("tags", [["a", "b"], ["b"]] * 50, "categories"),
        ("genres", ["Action|War", "Drama", "War"] * 50, "categories"),
        ("plot", [f"A man number {n} walks into a bar and orders" for n in range(200)], "text"),
        ("review", [f"{n}" + "很好看的电影" * 5 for n in range(200)], "text"),
        ("title", [f"Film {n}" for n in range(200)], "text"),
        ("zip", [f"{n:05}" for n in range(200)], None),
        ("picture", [f"https://a.org/{n}.png" for n in range(200)], None),
        ("constant", [1] * 200, None),
        ("empty", [None] * 200, None),
        ("vector", [[0.5, 1.5]] * 200, None),
        ("vector", [[0.5, n / 7] for n in range(200)], "vector"),
        ("vector", [[0.5] * (n % 3) for n in range(200)], None),
        ("words", [[f"w{n}"] for n in range(200)], None),
        ("day", [date(2022, 4, 25), date(2022, 4, 26)] * 50, None),
        ("request_id", list(range(200)), None),
    ],
)
def test_that_a_column_makes_the_kind_it_looks_like(name: str, values: list[object], kind: str | None) -> None:
    assert feature_of(pl.Series(name, values))[0].get("kind") == kind


@pytest.mark.parametrize(
    ("text", "model"),
    [
        ("A man number {} walks into the bar and orders", None),
        ("Number {} of the people who met at the café was Beyoncé, and none of the others had ever heard of her", None),
        ("Ein Mann mit Nummer {} geht in das Haus und wartet", "multilingual"),
        ("很好看的电影很好看的电影很好看的电影很好看的电影 {}", "multilingual"),
        ("Film {}", None),
    ],
)
def test_that_the_language_model_follows_the_language(text: str, model: str | None) -> None:
    keys = feature_of(pl.Series("plot", [text.format(n) for n in range(200)]))[0]
    assert (keys["kind"], keys.get("model")) == ("text", model)


def test_that_long_texts_have_topics() -> None:
    assert is_long(pl.Series(["word " * 50, None]))
    assert not is_long(pl.Series(["a short title"]))
    assert not is_long(pl.Series([3000]))


def test_that_the_separator_of_several_values_is_told() -> None:
    assert feature_of(pl.Series("genres", ["Action, War", "Drama", "War"] * 50))[0] == {"kind": "categories", "separator": ", "}


def test_that_numbers_that_count_outcomes_are_counters() -> None:
    frame = pl.DataFrame(
        {"show_cnt": [1], "like_user_num": [2], "play_progress": [0.5], "video_duration": [9], "rating": ["4.5"], "tag": ["a"]}
    )
    assert [column.name for column in frame if is_counter(column)] == ["show_cnt", "like_user_num", "play_progress", "rating"]
