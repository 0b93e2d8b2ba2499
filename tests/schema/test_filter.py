"""The grammar of filters: what can be said, and what is said of what cannot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.schema.errors import FilterError
from penchant.schema.filter import DEEPEST, LONGEST, MOST_VALUES, Filter


def refused(text: str) -> FilterError:
    with pytest.raises(FilterError) as caught:
        Filter(text)
    return caught.value


def test_that_columns_are_known_by_their_owner() -> None:
    asked = Filter("item.price < user.budget and 'Drama' in genres and context.device != 'tv' and not missing(item['short name']) and true")
    assert asked.columns == {
        "item": {"price", "genres", "short name"},
        "user": {"budget"},
        "context": {"device"},
    }


@pytest.mark.parametrize(
    ("text", "place", "code"),
    [
        ("(price", 1, "filter_syntax"),
        ("price <", 8, "filter_syntax"),
        ("price < 3 # or not", 11, "filter_syntax"),
        ("price < 3\n and itm.price > 2", 16, "filter_column"),
        ("  sum(price) > 2", 3, "filter_syntax"),
        ("time(price, 2) > 2", 1, "filter_syntax"),
        ("'é' == item.a.b", 8, "filter_syntax"),
        ("price in (1, other)", 14, "filter_syntax"),
        ("price in 3", 10, "filter_syntax"),
        ("price ** 2 > 1", 1, "filter_syntax"),
        ("price[0] == 1", 1, "filter_column"),
        ("price == b'x'", 10, "filter_syntax"),
        ("price == 1e999", 10, "filter_syntax"),
        ("price == 99999999999999999999", 10, "filter_syntax"),
        ("(lambda: 1)() == 1", 1, "filter_syntax"),
        ("item == 3", 1, "filter_syntax"),
        ("a < b in (1, 2)", 1, "filter_syntax"),
        ("f'{price}' == 'x'", 1, "filter_syntax"),
        ("", 1, "filter_syntax"),
    ],
)
def test_that_what_is_outside_the_grammar_is_refused_at_its_place(text: str, place: int, code: str) -> None:
    error = refused(text)
    assert (error.place, error.code) == (place, code)
    assert all((error.must, error.came, error.do))


def test_that_a_misspelt_owner_or_function_is_answered_with_the_nearest() -> None:
    assert "Did you mean 'item'?" in refused("itm.price > 1").do
    assert "Did you mean 'missing'?" in refused("mising(price)").do


def test_that_length_depth_and_lists_have_limits() -> None:
    Filter("a == 1" + " " * (LONGEST - 6))
    assert refused("a == 1" + " " * LONGEST).code == "filter_limit"
    Filter("not " * (DEEPEST - 1) + "a")
    assert refused("not " * (DEEPEST + 1) + "a").code == "filter_limit"
    many = ",".join("1" for _ in range(MOST_VALUES))
    Filter(f"a in ({many})")
    assert refused(f"a in ({many}, 1)").code == "filter_limit"
    Filter(" or ".join(f"a == {number}" for number in range(300)))


@pytest.mark.parametrize("text", ["(" * 2000, "-" * 4000 + "1", "not " * 1000 + "a", "1" * 4000, "a" + ".b" * 1500, "[" * 90 + "]" * 90])
def test_that_what_would_overwhelm_a_parser_is_refused(text: str) -> None:
    refused(text)


def test_that_signs_in_quotes_are_text() -> None:
    for text in ("title == 'a # b'", 'title == "it\'s # 1"', r"title == 'a\'# b'", "title == 'tab\there'"):
        Filter(text)


@given(st.text(st.sampled_from(" abitemuserx.()[]'\"<>=!+-*/,0123456789andornot#\\\n"), max_size=60))
def test_that_any_text_is_a_filter_or_refused_in_the_text(text: str) -> None:
    place = 1
    try:
        Filter(text)
    except FilterError as error:
        place = error.place
    assert 1 <= place <= len(text) + 1
