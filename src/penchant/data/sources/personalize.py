"""Tables as Amazon Personalize imports and exports them: names in capitals, lists as `Action|Comedy`.

Schemas: https://docs.aws.amazon.com/personalize/latest/dg/how-it-works-dataset-schema.html
"""

import re

import polars as pl

from penchant.data.sources.delimited import as_utf8, read_delimited
from penchant.data.sources.formats import Format, Keep, SourceFile
from penchant.data.sources.names import listed

_NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_PLAIN = frozenset({"user_id", "item_id", "timestamp", "event", "value", "EVENT_TYPE", "RECOMMENDATION_ID"})
_SEVERAL = r"\S\|\S"
"""A bar within prose has spaces around it."""


def _likeness(file: SourceFile) -> float:
    names = file.first_line.split(",")
    return 0.6 if {"USER_ID", "ITEM_ID"} & set(names) and len(names) > 1 and all(_NAME.fullmatch(name) for name in names) else 0.0


def _read(file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
    frame, notes = read_delimited(file, as_utf8(file), ",", keep)
    several = [column.name for column in frame if column.dtype == pl.String and column.name not in _PLAIN and _is_list(column)]
    frame = frame.with_columns(pl.col(name).str.split("|") for name in several)
    return frame, [*notes, *([f"{file.shown}: {listed(several)} read as lists separated by '|'"] if several else [])]


def _is_list(column: pl.Series) -> bool:
    return column.name == "IMPRESSION" or bool(column.str.contains(_SEVERAL).any())


FORMATS = (Format("personalize", (), _likeness, _read),)
