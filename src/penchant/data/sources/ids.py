"""Ids as text, the same text whichever way a file keeps them."""

import polars as pl

from penchant.schema.errors import DataError

_WHOLE = r"^-?\d+\.0$"


def as_ids(column: pl.Series, shown: str) -> pl.Series:
    """Ids as text: whole numbers without `.0`, empty text and NaN missing.

    `7`, `7.0` and, in a column of nothing but such, `"7.0"` are all `"7"`: a missing value in a column of numbers makes many
    programs write it that way.

    Args:
        column: `[rows]` of numbers or text.
        shown: The file, for the error.

    Raises:
        DataError: when the column holds lists, structures, times or bytes.
    """
    kind = column.dtype
    if kind.is_integer() or kind in (pl.Boolean, pl.Categorical, pl.Enum, pl.Null):
        return column.cast(pl.String)
    if kind.is_float():
        column = column.fill_nan(None)
        whole = bool((column.drop_nulls() == column.drop_nulls().round()).all())
        return column.cast(pl.Int64).cast(pl.String) if whole else column.cast(pl.String)
    if kind == pl.String:
        return _text(column)
    came, do = f"values of type {kind}", "Name another column in `columns`; `item_list` is for a column of lists of items."
    raise DataError(f"column '{column.name}' of {shown}", must="ids (text or whole numbers)", came=came, do=do)


def _text(column: pl.Series) -> pl.Series:
    if (column == "").any():
        column = column.replace("", None)
    values = column.drop_nulls()
    # The first value decides quickly for the many files where nothing is to be done.
    if values.len() and values[:1].str.contains(_WHOLE).all() and values.str.contains(_WHOLE).all():
        return column.str.strip_suffix(".0")
    return column


def loses_zero(column: pl.Series) -> bool | None:
    """Whether `as_ids` takes `.0` off the values of this column; None where they do not tell."""
    if column.dtype.is_float():
        values = column.fill_nan(None).drop_nulls()
        return bool((values == values.round()).all()) if values.len() else None
    if column.dtype == pl.String:
        values = column.replace("", None).drop_nulls()
        return bool(values[:1].str.contains(_WHOLE).all() and values.str.contains(_WHOLE).all()) if values.len() else None
    return None
