"""Dates that stand for none."""

from datetime import date

import polars as pl

from penchant.data.defects.dates import find
from tests.data.defects.given import tables


def test_that_stand_ins_are_found_in_texts_and_in_dates() -> None:
    users = {
        "user_id": list("abc"),
        "born": ["1900-01-01 00:00:00", "1980-05-01", None],
        "left": [date(9999, 12, 31), date(2022, 1, 1), None],
    }
    assert [(defect.column, defect.first_rows) for defect in find(tables(users=users))] == [("born", (1,)), ("left", (1,))]


def test_that_texts_that_are_mostly_no_dates_are_not_looked_at() -> None:
    codes = {"item_id": list("abc"), "code": ["1900-01-01", "x", "y"], "year": [1900, 1970, 9999]}
    assert list(find(tables(items=codes))) == []
    assert list(find(tables(items=pl.DataFrame({"item_id": ["a"], "none": [None]}, schema_overrides={"none": pl.String})))) == []
