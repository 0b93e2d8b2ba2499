"""Which feature kind a column makes, or why it makes none."""

from typing import Any

import polars as pl

from penchant.data.averages import mean, median
from penchant.data.guess.language import is_english
from penchant.data.guess.words import CODES, COUNTERS, OUTCOMES, words

_FEW = 50
_MOSTLY_DIFFERENT = 0.5
_LONG_TEXT = 25
"""Mean characters from which text is for reading."""
_FOR_TOPICS = 200
"""Mean characters from which texts speak of enough to have topics."""
_MOSTLY_ALIKE = 0.9
_SEPARATORS = ("|", ";", ", ")


def feature_of(column: pl.Series) -> tuple[dict[str, Any], str]:
    """The feature's keys beside its name, and the reason; no keys when the column makes none."""
    values = column.drop_nulls()
    if values.len() == 0 or (not column.dtype.is_nested() and values.n_unique() < 2):
        return {}, "always the same or missing"
    if isinstance(column.dtype, pl.List):
        return _of_lists(values)
    if column.dtype.is_temporal() or column.dtype.is_nested():
        return {}, f"no feature kind reads {column.dtype}"
    if column.dtype == pl.String:
        return _of_text(values)
    if column.dtype == pl.Boolean:
        return {"kind": "category"}, "true or false"
    return _of_numbers(values)


def is_counter(column: pl.Series) -> bool:
    """Whether an item's number counts or averages outcomes: it may have been summed over the future too."""
    named = set(words(column.name))
    return bool(named & (COUNTERS | OUTCOMES)) and (column.dtype.is_numeric() or "rating" in named or "score" in named)


def is_long(column: pl.Series) -> bool:
    """Whether texts are long enough to speak of topics."""
    return column.dtype == pl.String and mean(column.drop_nulls().str.len_chars()) >= _FOR_TOPICS


def _of_lists(values: pl.Series) -> tuple[dict[str, Any], str]:
    elements = values.explode().drop_nulls()
    if elements.dtype.is_float():
        return _of_vectors(values)
    if elements.n_unique() > _MOSTLY_DIFFERENT * values.len():
        return {}, f"{elements.n_unique():,} different words in {values.len():,} rows"
    return {"kind": "categories"}, f"a list, {elements.n_unique():,} different values"


def _of_vectors(values: pl.Series) -> tuple[dict[str, Any], str]:
    lengths = values.list.len()
    width = int(median(lengths))
    alike = mean(lengths == width)
    if width < 1 or alike < _MOSTLY_ALIKE or values.n_unique() < 2:
        return {}, "lists of numbers of different lengths" if alike < _MOSTLY_ALIKE else "always the same"
    return {"kind": "vector"}, f"lists of {width:,} numbers"


def _of_text(values: pl.Series) -> tuple[dict[str, Any], str]:
    different, rows = values.n_unique(), values.len()
    length = mean(values.str.len_chars())
    if mean(values.str.contains(r"^https?://")) > _MOSTLY_DIFFERENT:
        return {}, "links"
    for separator in _SEPARATORS:
        share = mean(values.str.contains(separator, literal=True))
        parts = values.str.split(separator).explode()
        if share > 0.2 and parts.n_unique() <= min(1000, _MOSTLY_DIFFERENT * rows) and mean(parts.str.len_chars()) < _LONG_TEXT:
            return {"kind": "categories", "separator": separator}, f"{parts.n_unique():,} different values separated by '{separator}'"
    spaces = mean(values.str.count_matches(" "))
    if different > _FEW and (length >= _LONG_TEXT or (spaces >= 1 and different > _MOSTLY_DIFFERENT * rows)):
        model, told = ({}, "") if is_english(values) else ({"model": "multilingual"}, ", not in English")
        return {"kind": "text", **model}, f"text of {length:.0f} characters on average{told}"
    if different > max(_FEW, _MOSTLY_DIFFERENT * rows):
        return {}, f"{different:,} different values in {rows:,} rows"
    return {"kind": "category"}, f"{different:,} different values"


def _of_numbers(values: pl.Series) -> tuple[dict[str, Any], str]:
    different, rows = values.n_unique(), values.len()
    whole = not values.dtype.is_float() or bool((values == values.round()).all())
    if whole and different <= _FEW:
        return {"kind": "category"}, f"whole numbers, {different:,} different"
    if whole and CODES & set(words(values.name)):
        return ({}, "another in every row") if different == rows else ({"kind": "category"}, f"a code, {different:,} different values")
    return {"kind": "number"}, f"numbers, {different:,} different"
