"""The smallest things a request is made of, and what each may be. Nothing is converted: `true` is no number, `"1"` no count."""

import math
import time
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Strict, ValidatorFunctionWrapHandler, WithJsonSchema, WrapValidator
from pydantic_core import PydanticCustomError

from penchant.schema.errors import FilterError
from penchant.schema.filter import LONGEST, read_filter

LONGEST_ID = 256
"""Characters of an id."""
LONGEST_CONTEXT_TEXT = 1024
"""Characters of a text in a context."""
LONGEST_TEXT = 65_536
"""Characters of a text in a user's or item's record."""
MOST_COLUMNS = 256
"""Columns of a context or record."""
LONGEST_LIST = 1000
"""Values of a list in a record."""
AHEAD = 86_400.0
"""Seconds that a client's clock may be ahead."""
_MILLISECONDS_FROM = 1e11


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul_character", "must not hold a NUL character")
    return text


def _as_seconds(value: Any) -> float:
    """Seconds since 1970 from epoch seconds or RFC 3339 text."""
    if isinstance(value, str):
        return _in_range(_from_text(value))
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise PydanticCustomError("timestamp_form", "must be epoch seconds or RFC 3339 text")
    if value >= _MILLISECONDS_FROM:
        raise PydanticCustomError("timestamp_milliseconds", "must be epoch seconds; milliseconds?")
    return _in_range(float(value))


def _from_text(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text) if len(text) <= 40 and "T" in text.upper() else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError("timestamp_form", "must be epoch seconds or RFC 3339 text with its offset, like 2026-01-31T12:00:00Z")
    return moment.timestamp()


def _in_range(seconds: float) -> float:
    if seconds < 0:
        raise PydanticCustomError("timestamp_past", "must not be before 1970")
    if seconds > time.time() + AHEAD:
        raise PydanticCustomError("timestamp_future", "must not be more than 24 hours ahead")
    return seconds


def _check_scalar(value: Any, longest: int) -> None:
    if isinstance(value, str):
        _without_nul(value)
        if len(value) > longest:
            raise PydanticCustomError("text_too_long", "must be text of at most {longest} characters", {"longest": longest})
    elif isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("finite_number", "must be a finite number")
    elif isinstance(value, dict | list):
        raise PydanticCustomError("nested_value", "must be text, a number, true, false or null")


def _check_columns(columns: dict[str, Any]) -> dict[str, Any]:
    if len(columns) > MOST_COLUMNS:
        raise PydanticCustomError("too_many_columns", "must have at most {most} columns", {"most": MOST_COLUMNS})
    for name in columns:
        if not 1 <= len(_without_nul(name)) <= LONGEST_ID:
            raise PydanticCustomError("column_name", "must have column names of 1 to {longest} characters", {"longest": LONGEST_ID})
    return columns


def _check_context(columns: dict[str, Any]) -> dict[str, Any]:
    for value in _check_columns(columns).values():
        _check_scalar(value, LONGEST_CONTEXT_TEXT)
    return columns


def _name_or_columns(value: Any, name: ValidatorFunctionWrapHandler) -> Any:
    return _check_context(value) if isinstance(value, dict) else name(value)


def check_record(record: dict[str, Any]) -> dict[str, Any]:
    """A user's or item's columns: text, numbers, true, false, null, or lists of those.

    Raises:
        PydanticCustomError: with a stable type, naming what is wrong but never the value.
    """
    for value in _check_columns(record).values():
        values = value if isinstance(value, list) else [value]
        if len(values) > LONGEST_LIST:
            raise PydanticCustomError("list_too_long", "must have lists of at most {longest} values", {"longest": LONGEST_LIST})
        for one in values:
            _check_scalar(one, LONGEST_TEXT)
    return record


Identifier = Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST_ID), AfterValidator(_without_nul)]
"""1 to 256 characters, any but NUL. Compared character by character: nothing is trimmed, folded or normalised."""

Timestamp = Annotated[
    float,
    BeforeValidator(_as_seconds),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "format": "date-time"}]}),
]
"""Epoch seconds or RFC 3339 text; kept as epoch seconds."""


def _well_formed(text: str) -> str:
    try:
        read_filter(text)
    except FilterError as error:
        raise PydanticCustomError(
            error.code, "character {place}: must be {must}. {do}", {"place": error.place, "must": error.must, "do": error.do}
        ) from None
    return text


FilterText = Annotated[str, Strict(), Field(min_length=1, max_length=LONGEST), AfterValidator(_well_formed)]
"""A filter over items, as docs/filter.md tells."""
Strength = Annotated[float, Strict(), Field(ge=0, le=1, allow_inf_nan=False)]
"""0 to 1."""
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=1, le=1000)]
Context = Annotated[dict[str, Any], AfterValidator(_check_context)]
ScenarioName = Annotated[
    Identifier,
    WrapValidator(_name_or_columns),
    WithJsonSchema({"anyOf": [{"type": "string", "minLength": 1, "maxLength": LONGEST_ID}, {"type": "object"}]}),
]
"""What a scenario is called, or values of the columns that make it, as an object."""
Record = Annotated[dict[str, Any], AfterValidator(check_record)]
