"""One text, one meaning: on a frame and on a row."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penchant.schema.errors import RecipeError
from penchant.schema.expression import Expression

ROWS: list[dict[str, Any]] = [
    {"rating": 5, "price": 2.5, "event": "buy", "liked": True},
    {"rating": 3, "price": None, "event": "click", "liked": False},
    {"rating": None, "price": -1.0, "event": None, "liked": None},
    {"rating": 0, "price": 0.0, "event": "", "liked": True},
]
SCHEMA = {"rating": pl.Int8, "price": pl.Float64, "event": pl.String, "liked": pl.Boolean}
FRAME = pl.DataFrame(ROWS, schema=SCHEMA)


def on_frame(text: str, frame: pl.DataFrame = FRAME) -> list[Any]:
    return frame.with_columns(Expression(text).polars().alias("=")).get_column("=").to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rating >= 3", [True, True, None, False]),
        ("rating", [5, 3, None, 0]),
        ("1 <= rating <= 3", [False, True, None, False]),
        ("event in ('buy', 'click')", [True, True, None, False]),
        ("event not in ('buy',)", [False, True, None, True]),
        ("rating in (-1, 0, 5.0)", [True, False, None, True]),
        ("rating in (5, null)", [True, None, None, None]),
        ("liked and rating > 3", [True, False, None, False]),
        ("liked or rating > 3", [True, False, None, True]),
        ("not liked", [False, True, None, False]),
        ("not rating", [False, False, None, True]),
        ("rating and price", [True, None, None, False]),
        ("liked == true", [True, False, None, True]),
        ("price == null", [None, None, None, None]),
        ("rating * 100", [500.0, 300.0, None, 0.0]),
        ("-rating", [-5.0, -3.0, None, 0.0]),
        ("rating / price", [2.0, None, None, None]),
        ("1 + 2 * rating", [11.0, 7.0, None, 1.0]),
        ("(1 + 2) * rating", [15.0, 9.0, None, 0.0]),
        ("true", [True, True, True, True]),
        ("liked + liked", [2.0, 0.0, None, 2.0]),
        ("missing(event)", [False, False, True, False]),
        ("not missing(event) and event != ''", [True, True, False, False]),
        ("missing(rating / price)", [False, True, True, True]),
        ("missing(col('liked')) or rating == 0", [False, False, True, True]),
        ("missing('rating')", [False, False, False, False]),
    ],
)
def test_that_a_text_means_the_same_by_hand_on_a_frame_and_on_rows(text: str, expected: list[Any]) -> None:
    assert on_frame(text) == expected
    assert [Expression(text).value(row) for row in ROWS] == expected


@pytest.mark.parametrize("name", ["class", "short desc", "true", "col", "*", "^rat.*$", "it's", "ﬁlm", "'"])
def test_that_a_column_of_any_name_can_be_named(name: str) -> None:
    frame = FRAME.rename({"rating": name})
    expression = Expression(f'col("{name}") > 2 and price != 9')
    assert expression.columns == {name, "price"}
    assert on_frame(expression.text, frame) == [expression.value(row) for row in frame.to_dicts()] == [True, None, None, False]
    assert on_frame(f'-col("{name}")', frame) == [-5.0, -3.0, None, 0.0]


def test_that_col_of_a_plain_word_is_that_column_and_col_itself_is_one_too() -> None:
    assert Expression("col('rating') + rating").columns == {"rating"}
    assert on_frame("col('rating') + rating") == [10.0, 6.0, None, 0.0]
    assert Expression("col > 1").value({"col": 2}) is True
    assert Expression("col('absent')").value({"col": 2}) is None


@pytest.mark.parametrize("text", ["class == 2", "rating > 1 and class", "col(class) == 2", "event == 'from' or class", "class in (1, 2)"])
def test_that_a_word_of_python_is_answered_with_how_to_name_the_column(text: str) -> None:
    with pytest.raises(RecipeError, match=r"found the bare word 'class'\. For example: \"col\('class'\) == 1\""):
        Expression(text)


@pytest.mark.parametrize("text", ["event == 'class", "rating >", "event == 'from' or", "a in in", "classes ="])
def test_that_other_text_that_does_not_parse_is_not_taken_for_a_word_of_python(text: str) -> None:
    with pytest.raises(RecipeError, match="found text that does not parse"):
        Expression(text)


def test_that_arithmetic_does_not_wrap_in_the_small_types_of_packed_columns() -> None:
    frame = pl.DataFrame({"n": pl.Series([5, 127], dtype=pl.Int8), "u": pl.Series([1, 2], dtype=pl.UInt8)})
    assert on_frame("n * 100 + n", frame) == [505.0, 12827.0]
    assert on_frame("u - 3", frame) == [-2.0, -1.0]
    assert on_frame("-u", frame) == [-1.0, -2.0]


def test_that_truth_packed_as_numbers_is_still_truth() -> None:
    packed = pl.DataFrame({"liked": pl.Series([1, 0, None], dtype=pl.Int8)})
    assert on_frame("not liked", packed) == [False, True, None]
    assert on_frame("liked == true", packed) == [True, False, None]


def test_that_a_number_that_is_none_is_missing_on_a_row() -> None:
    assert Expression("missing(price)").value({"price": float("nan")}) is True
    assert Expression("missing(price)").columns == {"price"}
    assert Expression("missing > 1").value({"missing": 2}) is True


@pytest.mark.parametrize("text", ["missing()", "missing(a, b)", "missing(a=1)", "missing(open('x'))", "absent(a)"])
def test_that_missing_asks_of_one_thing(text: str) -> None:
    with pytest.raises(RecipeError):
        Expression(text)


def test_that_only_true_holds() -> None:
    condition = Expression("rating >= 4")
    assert [condition.holds(row) for row in ROWS] == [True, False, False, False]
    assert Expression("liked").holds({"liked": 1})
    assert not Expression("liked").holds({})


def test_that_types_that_do_not_go_together_are_missing_on_a_row() -> None:
    row = {"text": "a", "number": 1, "list": [1]}
    for text in ("text > 1", "text == 1", "text - 1", "-text", "text + text", "number in ('a',)", "list > 1", "not text", "list + 1"):
        assert Expression(text).value(row) is None, text


def test_that_the_columns_are_known_and_constants_are_none_of_them() -> None:
    assert Expression("a > 1 and b in ('c', 2) or not true").columns == {"a", "b"}
    assert Expression("用户 == 'x'").columns == {"用户"}


numbers = st.integers(-100, 100).map(str) | st.floats(-100, 100, allow_subnormal=False).map(lambda x: repr(round(x, 3)))
amounts = st.recursive(
    st.sampled_from(["rating", "price", "col('price')"]) | numbers,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})") | inner.map(lambda t: f"(- {t})")
    ),
    max_leaves=5,
)
comparisons = st.tuples(amounts, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), amounts).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
texts = st.tuples(st.just("event"), st.sampled_from(["==", "!=", "<", ">="]), st.sampled_from(["'buy'", "''", "'c'"])).map(" ".join)
lists = st.tuples(
    st.sampled_from(["rating", "price"]),
    st.sampled_from(["in", "not in"]),
    st.lists(numbers | st.just("null"), min_size=1, max_size=3).map(lambda values: f"({', '.join(values)},)"),
).map(" ".join)
chains = st.tuples(amounts, amounts, amounts).map(lambda t: f"({t[0]} < {t[1]} <= {t[2]})")
conditions = st.recursive(
    comparisons
    | texts.map("({})".format)
    | lists.map("({})".format)
    | chains
    | amounts.map("missing({})".format)
    | st.sampled_from(["liked", "rating", "true", "false", "null"]),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})") | inner.map(lambda t: f"(not {t})")
    ),
    max_leaves=6,
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "rating": st.none() | st.integers(-100, 100),
            "price": st.none() | st.sampled_from([0.0, 1.0, -2.5, 100.0, 0.1]),
            "event": st.none() | st.sampled_from(["buy", "click", ""]),
            "liked": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(conditions | amounts, rows)
def test_that_a_frame_and_its_rows_always_agree(text: str, given_rows: list[dict[str, Any]]) -> None:
    expression = Expression(text)
    ours = [expression.value(row) for row in given_rows]
    theirs = on_frame(text, pl.DataFrame(given_rows, schema=SCHEMA))
    assert [None if a is None else pytest.approx(a) for a in ours] == theirs


@pytest.mark.parametrize(
    "text",
    [
        "f(x)", "x.y", "x[0]", "lambda: x", "f'{x}'", "x ** 999999999", "x // 2", "x % 2", "x @ y", "x << 9", "~x", "+x",
        "x if y else z", "[x]", "(x, y)", "{1}", "{'a': 1}", "[y for y in x]", "(x := 1)", "await x", "x is y", "x in y", "x in 'abc'",
        "x in ()", "x in (y, 1)", "x in ((1, 2), 3)", "1 < x in (2, 3)", "b'x'", "1j", "...", "9" * 400, "1e999", "9223372036854775808",
        "col()", "col('')", "col(rating)", "col(1)", "col('a', 'b')", "col(name='a')", "col(*'a')", "col(b'a')", "x.col('a')", "cols('a')",
        "x in (col('a'),)", "", "   ", "x =", "x = 1", "x; y", "import os", "x\ny", "\x00", "\ud800", "'open", "*x", "not",
        "__import__('os')",
    ],
)  # fmt: skip
def test_that_anything_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(RecipeError) as error:
        Expression(text)
    assert "For example" in error.value.do


@pytest.mark.parametrize(
    "text", ["(" * 500 + "x" + ")" * 500, "-" * 3000 + "x", "not " * 3000 + "x", "x" + " + x" * 5000, "f(" + "-" * 500 + "x)"]
)
def test_that_deep_nesting_is_refused_and_does_not_crash(text: str) -> None:
    with pytest.raises(RecipeError):
        Expression(text)


def test_that_the_limit_of_nesting_is_told() -> None:
    Expression("x" + " + x" * 32)
    with pytest.raises(RecipeError, match="nested deeper than 32 levels"):
        Expression("x" + " + x" * 33)


def test_that_a_wide_condition_is_allowed() -> None:
    text = " or ".join(f"rating == {n}" for n in range(200))
    assert Expression(text).holds({"rating": 150})
    assert on_frame(text) == [True, True, None, True]


def test_that_the_refusal_names_the_piece_that_is_wrong() -> None:
    with pytest.raises(RecipeError, match=r"expression 'rating > 3 and open\('x'\)' must be .*; found 'open\('x'\)'"):
        Expression("rating > 3 and open('x')")
