"""Values in several spellings."""

import polars as pl

from penchant.data.defects.spellings import find, rarer_spellings
from tests.data.defects.given import tables


def test_that_the_rarer_spelling_is_the_wrong_one() -> None:
    users = {"user_id": list("abcdef"), "sex": ["M", "M", "m ", "F", "F", "F"]}
    (defect,) = find(tables(users=users))
    assert (defect.code, defect.column, defect.count, defect.first_rows) == ("lookalike_value", "sex", 1, (3,))
    assert "(such as 'm ' for 'M')" in defect.sentence


def test_that_names_of_which_each_row_has_its_own_are_left_alone() -> None:
    titles = [f"film {n}" for n in range(50)] + ["Home", "home"]
    assert rarer_spellings(pl.Series(titles)).is_empty()
    assert rarer_spellings(pl.Series([None, None], dtype=pl.String)).is_empty()
