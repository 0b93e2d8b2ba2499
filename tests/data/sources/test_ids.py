"""Ids are the same text whichever way a file keeps them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.data.sources.ids import as_ids
from penchant.schema.errors import DataError


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 30], ["1", None, "30"]),
        ([1.0, None, float("nan"), 30.0], ["1", None, None, "30"]),
        (["1.0", None, "30.0"], ["1", None, "30"]),
        (["1.0", "v1.0", ""], ["1.0", "v1.0", None]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        (["007", "7"], ["007", "7"]),
    ],
)
def test_that_ids_are_text_without_a_needless_fraction(values: list[object], expected: list[str | None]) -> None:
    assert as_ids(pl.Series("user_id", values), "file 'a'").to_list() == expected


@given(st.lists(st.integers(0, 2**53)))
def test_that_whole_numbers_are_the_same_id_as_integers_and_as_floats(numbers: list[int]) -> None:
    whole = as_ids(pl.Series("i", numbers, dtype=pl.Int64), "a").to_list()
    assert whole == as_ids(pl.Series("i", numbers, dtype=pl.Float64), "a").to_list() == [str(number) for number in numbers]


def test_that_lists_are_refused_as_ids() -> None:
    with pytest.raises(DataError, match=r"column 'items' of file 'a' must be ids .* List"):
        as_ids(pl.Series("items", [[1]]), "file 'a'")
