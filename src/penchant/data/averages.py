"""Averages of a column as plain floats; polars leaves open what they are."""

import polars as pl


def mean(values: pl.Series) -> float:
    """The mean of numbers, true and false counting as 1 and 0; missing ones left out, 0.0 where there is none.

    >>> mean(pl.Series([True, False, None])), mean(pl.Series([], dtype=pl.Int8))
    (0.5, 0.0)
    """
    found = values.mean()
    return float(found) if isinstance(found, int | float) else 0.0


def median(values: pl.Series) -> float:
    """The median of numbers; missing ones left out, 0.0 where there is none.

    >>> median(pl.Series([1, 9, 2, None])), median(pl.Series([None]))
    (2.0, 0.0)
    """
    found = values.median()
    return float(found) if isinstance(found, int | float) else 0.0
