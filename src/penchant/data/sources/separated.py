"""Text tables with a separator of several characters and no header, such as MovieLens' `1::Toy Story (1995)::Comedy`."""

from io import BytesIO

import polars as pl

from penchant.data.sources.delimited import in_memory, read_delimited
from penchant.data.sources.formats import Format, Keep, SourceFile
from penchant.schema.errors import DataError

_USUAL = "::"
_UNIT = "\x1f"
"""ASCII's unit separator, which stands in for the long one: it was made for this and text does not hold it."""


def _likeness(file: SourceFile) -> float:
    return 0.7 if _USUAL in file.first_line else 0.0


def read_separated(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    """The kept part of a table whose separator is `settings.separator`, `::` when absent.

    Raises:
        DataError: when `names` are absent, or the text holds the character that stands in for the separator.
    """
    separator = file.settings.separator or _USUAL
    if file.settings.names is None:
        count = file.first_line.count(separator) + 1
        came, do = f"no `names` for its {count} columns", 'Add for example names = ["user_id", "item_id", "rating", "timestamp"].'
        raise DataError(file.shown, must="given column names, as it has no header", came=came, do=do)
    raw = in_memory(file).getvalue()
    if _UNIT.encode() in raw:
        raise DataError(file.shown, must="free of the control character 0x1f", came="a file that holds it", do="Remove it from the file.")
    return read_delimited(file, BytesIO(raw.replace(separator.encode(), _UNIT.encode())), _UNIT, keep, quote=None)


FORMATS = (Format("separated", ("dat",), _likeness, read_separated),)
