"""Several frames as one table: a column that one lacks is missing there, and types meet in the narrowest that holds both."""

from collections import Counter
from collections.abc import Sequence

import polars as pl

from penchant.data.sources.names import listed
from penchant.schema.errors import DataError


def unified(frames: Sequence[pl.DataFrame], shown: str) -> pl.DataFrame:
    """The frames' rows one after the other.

    Args:
        frames: At least one.
        shown: What they are together, for the error.

    Raises:
        DataError: when a column has types that do not go together, such as text and lists.
    """
    try:
        return pl.concat(frames, how="diagonal_relaxed")
    except (pl.exceptions.SchemaError, pl.exceptions.InvalidOperationError) as error:
        came = f"types that do not go together ({str(error).splitlines()[0][:120]})"
        do = "Export them with the same types."
        raise DataError(shown, must="alike in the columns they share", came=came, do=do) from None


def differences(frames: Sequence[pl.DataFrame]) -> list[str]:
    """A part of a sentence for each column that some frames lack or hold in another type; a column of nothing has no type."""
    told = []
    for name in dict.fromkeys(column for frame in frames for column in frame.columns):
        kinds = Counter(str(frame.schema[name]) for frame in frames if name in frame.columns)
        lacking = len(frames) - kinds.total()
        del kinds["Null"]
        if lacking:
            told.append(f"{listed([name])} is missing in {lacking:,}")
        if len(kinds) > 1:
            told.append(f"{listed([name])} is {' and '.join(f'{kind} in {count:,}' for kind, count in kinds.most_common())}")
    return told
