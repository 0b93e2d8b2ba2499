"""A profile as a sentence, in any script; what is not known is not said."""

import polars as pl
import pytest

from penchant.features.sentence import Sentence
from penchant.schema.settings import ContradictionError

ENGLISH = "{age} years old, {occupation}, likes {genres}. Lives in {town}."


def said(template: str, **row: object) -> str:
    return Sentence(template).of({name: pl.Series([value]) for name, value in row.items()})[0]


def test_that_columns_are_said_in_their_places_and_lists_with_commas() -> None:
    told = said(ENGLISH, age=34.0, occupation="writer", genres=["comedy", "drama"], town="Rome")
    assert told == "34 years old, writer, likes comedy, drama. Lives in Rome."


@pytest.mark.parametrize(
    ("lacking", "told"),
    [
        ("age", "writer, likes comedy. Lives in Rome."),
        ("occupation", "34 years old, likes comedy. Lives in Rome."),
        ("town", "34 years old, writer, likes comedy."),
    ],
)
def test_that_what_is_missing_leaves_out_its_piece_alone(lacking: str, told: str) -> None:
    row = {"age": 34, "occupation": "writer", "genres": "comedy", "town": "Rome"}
    assert said(ENGLISH, **{**row, lacking: None}) == told
    assert said(ENGLISH, **{name: value for name, value in row.items() if name != lacking}) == told
    assert said(ENGLISH, **{**row, lacking: " "}) == told


def test_that_no_comma_is_left_at_the_end() -> None:
    assert said("{age} years old, likes {genres}", age=3, genres=None) == "3 years old"
    assert said("{age}岁，喜欢{genres}", age=3, genres=None) == "3岁"


def test_that_chinese_and_mixed_sentences_have_pieces_too() -> None:
    template = "{age}岁，{occupation}，喜欢{genres}。Lives in {town}."
    assert (
        said(template, age=34, occupation="作家", genres=["喜剧", "sci-fi"], town="上海") == "34岁，作家，喜欢喜剧, sci-fi。Lives in 上海."
    )
    assert said(template, age=None, occupation="作家", genres="喜剧", town=None) == "作家，喜欢喜剧。"


def test_that_nothing_known_is_no_sentence_though_some_words_are_always_there() -> None:
    assert said("A person. {age} years old.", age=None) == ""
    assert said("A person. {age} years old.", age=5) == "A person. 5 years old."


def test_that_a_value_with_braces_or_marks_is_only_a_value() -> None:
    assert said("{bio}, from {town}", bio="{town}, hi.", town="Rome") == "{town}, hi., from Rome"


def test_that_packed_lists_are_lists() -> None:
    assert said("likes {genres}", genres="\x1fcomedy\x1fdrama") == "likes comedy, drama"


@pytest.mark.parametrize("template", ["", "no column", "{}", "{age", "age}", "{a} and {{b}"])
def test_that_a_template_without_columns_or_with_half_a_brace_is_refused(template: str) -> None:
    with pytest.raises(ContradictionError, match="columns in braces"):
        Sentence(template)
