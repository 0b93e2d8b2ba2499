"""A unit that changes."""

import numpy as np
import polars as pl
import pytest

from penchant.data.defects.defect import Defect
from penchant.data.defects.units import change_of_scale, find
from tests.data.defects.given import NOON, tables


def found(values: object) -> list[Defect]:
    rows = 400
    log = pl.DataFrame({"user_id": ["a"] * rows, "item_id": ["x"] * rows, "timestamp": [NOON + n for n in range(rows)], "length": values})
    return list(find(tables(log)))


def test_that_seconds_that_become_milliseconds_are_found_where_they_do() -> None:
    seconds = np.random.default_rng(0).uniform(20, 90, 400)
    (defect,) = found(np.where(np.arange(400) >= 300, 1000 * seconds, seconds))
    assert (defect.code, defect.count, defect.first_rows[0]) == ("unit_change", 100, 301)
    assert "times larger from some moment on" in defect.sentence
    (defect,) = found(np.where(np.arange(400) < 50, 1000 * seconds, seconds))
    assert (defect.count, defect.first_rows[0]) == (50, 1)
    assert "times larger up to some moment" in defect.sentence


def test_that_the_place_and_the_factor_are_as_made() -> None:
    assert change_of_scale(np.array([1.0] * 150 + [4.0] * 100)) == (150, pytest.approx(1000))


@pytest.mark.parametrize("sizes", [[1.0] * 150 + [2.4] * 100, [1.0, 4.0] * 150, [1.0] * 245 + [4.0] * 5, [1.0] * 60 + [4.0] * 60])
def test_that_small_jumps_mixtures_outliers_and_short_columns_are_none(sizes: list[float]) -> None:
    assert change_of_scale(np.array(sizes)) is None


def test_that_zeros_and_growth_are_no_change() -> None:
    assert found([0] * 400) == []
    assert found(np.geomspace(1, 1e5, 400)) == []
