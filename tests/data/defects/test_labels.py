"""Labels that cannot be taught."""

import polars as pl
import pytest

from penchant.data.defects.defect import Defect
from penchant.data.defects.labels import find
from tests.data.defects.given import events, tables


def found(task: str, **columns: object) -> list[Defect]:
    return list(find(tables(events(**columns), tasks=f"[tasks.like]\n{task}")))


def test_that_a_binary_label_of_other_values_is_an_error_with_an_example() -> None:
    (defect,) = found('kind = "binary"\nlabel = "stars"', stars=[1, 0, 2])
    assert (defect.code, defect.first_rows, defect.severity) == ("label_not_binary", (3,), "error")
    assert defect.sentence.startswith("label 'stars' of task 'like' must be 0 or 1, found 2: 1 of 3 rows")


@pytest.mark.parametrize("values", [[1, 0, None], [1.0, 0.0, 1.0], [True, False, None]])
def test_that_zero_one_true_false_and_missing_are_fine(values: list[object]) -> None:
    assert found('kind = "binary"\nlabel = "clicked"', clicked=values) == []


def test_that_text_is_no_binary_label() -> None:
    (defect,) = found('kind = "binary"\nlabel = "clicked"', clicked=["1", "0", "1"])
    assert defect.count == 3


def test_that_rows_the_task_leaves_out_do_not_count() -> None:
    assert found('kind = "binary"\nlabel = "stars"\nonly_where = "stars < 2"', stars=[1, 0, 2]) == []


def test_that_a_label_of_one_class_is_a_warning() -> None:
    (defect,) = found('kind = "binary"\nlabel = "stars >= 0"', stars=[1, 0, 2])
    assert (defect.code, defect.severity) == ("label_of_one_class", "warning")


def test_that_a_label_over_a_column_that_is_not_there_is_an_error() -> None:
    (defect,) = found('kind = "binary"\nlabel = "nothing > 1"')
    assert defect.code == "broken_label"
    assert "nothing" in defect.sentence


def test_that_a_regression_label_must_be_a_number() -> None:
    assert found('kind = "regression"\nlabel = "stars"', stars=[0.5, None, 7.0]) == []
    (defect,) = found('kind = "regression"\nlabel = "stars"', stars=["a", "b", "c"])
    assert defect.code == "broken_label"


def test_that_no_recipe_means_no_labels() -> None:
    assert list(find(tables(events(stars=pl.Series([5, 5, 5]))))) == []
