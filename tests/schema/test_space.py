"""Ranges of settings say what they are, or what is wrong with them."""

from typing import Any

import pytest

from penchant.schema.errors import RecipeError
from penchant.schema.settings import read_settings
from penchant.schema.space import Range


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"low": 1}, "given low and high, or choices"),
        ({"low": 1, "high": 2, "choices": [1]}, "given low and high, or choices"),
        ({"choices": []}, "given at least one choice"),
        ({"low": 2, "high": 1}, "such that low is below high"),
        ({"low": 0, "high": 1, "log": True}, "above 0 where log is true"),
    ],
)
def test_that_a_range_of_no_values_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        read_settings(Range, given, "tune.x")


def test_that_bounds_written_whole_stay_whole() -> None:
    assert (Range(low=1, high=5).whole, Range(low=1, high=5.0).whole, Range(choices=("a",)).whole) == (True, False, False)
