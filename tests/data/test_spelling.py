"""Spellings of one text."""

import polars as pl
import pytest

from penchant.data.spelling import casefolded, commonest, stripped


@pytest.mark.parametrize(
    ("text", "plain", "small"),
    [("Ann ", "Ann", "ann"), ("\u200bX\u00a0 Y", "X Y", "x y"), ("ＡＢ１", "AB1", "ab1"), ("e\u0301", "é", "é"), ("", "", "")],
)
def test_that_form_space_and_invisible_characters_go_and_then_case(text: str, plain: str, small: str) -> None:
    assert pl.select(stripped(pl.lit(text)), casefolded(pl.lit(text)).alias("small")).row(0) == (plain, small)


def test_that_the_weightiest_count_decides_and_then_the_next_and_then_the_alphabet() -> None:
    counts = pl.DataFrame({"text": ["a", "A", "B", "b", "c", "C", "d"], "owned": [True, False, True, True, True, True, True],
                           "events": [1, 9, 1, 2, 5, 5, 1]})  # fmt: skip
    assert sorted(commonest(counts).rows()) == [("A", "a"), ("B", "b"), ("c", "C")]
