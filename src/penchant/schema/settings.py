"""Groups of settings: what one is, and how a wrong key or value is told."""

import inspect
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import ErrorDetails

from penchant.schema.errors import RecipeError, did_you_mean

S = TypeVar("S", bound=BaseModel)


class Settings(BaseModel):
    """A small frozen group of settings; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ContradictionError(ValueError):
    """What a validator of settings raises: the last three parts of an error; the key is added where it is known."""

    def __init__(self, must: str, came: str, do: str) -> None:
        self.must, self.came, self.do = must, came, do
        super().__init__(f"must be {must}; found {came}. {do}")


def read_settings(kind: type[S], raw: dict[str, Any], where: str) -> S:
    """`raw` as settings of class `kind`; the first fault becomes a `RecipeError` that names its key.

    Args:
        kind: The settings class.
        raw: Keys and values as they came.
        where: What the keys belong to, for the message ("task 'like'").
    """
    try:
        return kind.model_validate(raw)
    except RecipeError:
        raise
    except ValidationError as error:
        raise _explained(kind, error, where) from None


def settings_of(made: type[Any], where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Constructor arguments of a class, held to its annotations (`Annotated[int, Field(ge=1)]`).

    Args:
        made: A class whose settings are its constructor's arguments.
        where: What the settings belong to, for the message.
        given: Some or all of the arguments.

    Returns:
        Those given, of the types that the annotations name.

    Raises:
        RecipeError: for an unknown argument or a value that it cannot have.
    """
    read = read_settings(constructor_settings(made), dict(given), where)
    return {name: getattr(read, name) for name in given}


def constructor_settings(made: type[Any]) -> type[Settings]:
    """The constructor's arguments of a class as settings."""
    hints = get_type_hints(made.__init__, include_extras=True)
    arguments = [each for each in inspect.signature(made).parameters.values() if each.name in hints]
    fields: Any = {each.name: (hints[each.name], ... if each.default is each.empty else each.default) for each in arguments}
    return create_model(f"{made.__name__}Settings", __base__=Settings, **fields)


def _explained(kind: type[BaseModel], error: ValidationError, where: str) -> RecipeError:
    faults = _faults(error)
    path, fault = faults[0]
    more = {1: "", 2: " (one more fault follows)"}.get(len(faults), f" ({len(faults) - 1} more faults follow)")
    thing = f"{where}, key '{'.'.join(path)}'" if path else where
    cause = fault.get("ctx", {}).get("error")
    if fault["type"] == "extra_forbidden":
        return RecipeError(
            thing, must="one of the known keys", came=f"an unknown key{more}", do=did_you_mean(path[-1], _keys_at(kind, path[:-1]))
        )
    if fault["type"] == "missing":
        near = get_close_matches(path[-1], fault["input"], n=1)  # where extra keys are allowed, a misspelling is not refused as unknown
        return RecipeError(
            thing, must="present", came=f"nothing{more}", do=f"Did you misspell it as '{near[0]}'?" if near else "Add it to the recipe."
        )
    if isinstance(cause, ContradictionError):
        return RecipeError(thing, must=cause.must, came=cause.came + more, do=cause.do)
    if cause is not None:
        return RecipeError(thing, must="free of contradictions", came=f"one: {cause}{more}", do="Change it in the recipe.")
    if fault["type"] == "too_short":
        return RecipeError(thing, must="given at least once", came=f"none{more}", do="Add one to the recipe.")
    must = fault["msg"].removeprefix("Input should be ").partition(", unable to")[0].partition("valid dictionary or")[0]
    must = f"{must}table of keys" if fault["type"] == "model_type" else must
    return RecipeError(thing, must=must, came=f"{fault['input']!r}"[:200] + more, do="Change it in the recipe.")


def _faults(error: ValidationError) -> list[tuple[list[str], ErrorDetails]]:
    """The faults with their keys, the ones to mend first in front.

    An unknown key stands before a missing one, which it may be the misspelling of. Where a key may be of several forms, pydantic
    complains about each: "is not of that form" is left out where another form was understood further, and a key is named once.
    """
    found = [([str(step) for step in fault["loc"] if not _is_form(str(step))], fault) for fault in error.errors(include_url=False)]
    deepest = [path for path, fault in found if fault["type"] not in _OTHER_FORM]
    kept = [
        (path, fault) for path, fault in found if fault["type"] not in _OTHER_FORM or not any(each[: len(path)] == path for each in deepest)
    ]
    kept = [pair for place, pair in enumerate(kept) if pair[0] not in [path for path, _ in kept[:place]]]
    return sorted(kept, key=lambda pair: pair[1]["type"] != "extra_forbidden")


_OTHER_FORM = ("model_type", "tuple_type")


def _is_form(step: str) -> bool:
    """Whether a step of a fault's place names a branch of a union and not a key."""
    return step.endswith("Settings") or "[" in step


def _keys_at(kind: type[BaseModel], path: list[str]) -> list[str]:
    """The field names of the settings class that `path` leads to."""
    current: type[BaseModel] | None = kind
    for step in path:
        current = _settings_of(current.model_fields[step].annotation) if current and step in current.model_fields else current
    return list(current.model_fields) if current else []


def _settings_of(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _settings_of(argument)
        if found:
            return found
    return None
