"""Errors a person can mend. Each says which thing, what it must be, what came, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class PenchantError(Exception):
    """Base of every error that is the caller's to mend; shown without a traceback.

    Args:
        thing: What is wrong, named as the caller knows it ("task 'like', label 'rating'").
        must: What it must be.
        came: What was found instead, with a count and a place where that helps.
        do: What to do about it.
    """

    code = "error"
    exit_code = 1

    def __init__(self, thing: str, *, must: str, came: str, do: str) -> None:
        self.thing, self.must, self.came, self.do = thing, must, came, do
        super().__init__(f"{thing} must be {must}; found {came}. {do}")


class RecipeError(PenchantError):
    """The recipe asks for something that does not exist or cannot work."""

    code = "recipe"
    exit_code = 2


class DataError(PenchantError):
    """A file, column or value cannot be used as the recipe says."""

    code = "data"
    exit_code = 3


class TargetError(PenchantError):
    """A user, item, scenario or number of items that cannot be answered for."""

    code = "target"
    exit_code = 4


class UnsupportedError(TargetError):
    """The model that was asked cannot answer such a question, whatever the user or item; names neither."""

    code = "unsupported"


class FilterError(PenchantError):
    """A filter that cannot be read, or speaks of what is not there.

    Attributes:
        place: The character of the filter at which the fault begins, counted from 1.
        code: `filter_syntax`, `filter_column`, `filter_types` or `filter_limit`.
    """

    code = "filter"
    exit_code = 4

    def __init__(self, place: int, code: str, *, must: str, came: str, do: str) -> None:
        self.place, self.code = place, code
        super().__init__(f"filter, character {place},", must=must, came=came, do=do)


class NotFittedError(PenchantError):
    """A model was asked before it was fitted."""

    code = "not_fitted"
    exit_code = 5

    def __init__(self, model: str) -> None:
        super().__init__(model, must="fitted first", came="a model without weights", do="Call fit(data) or load a bundle.")


class BundleError(PenchantError):
    """A bundle is missing, incomplete, altered or of another version."""

    code = "bundle"
    exit_code = 6


class StorageError(PenchantError):
    """Events or state could not be kept; nothing was acknowledged."""

    code = "storage"
    exit_code = 7


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A sentence that offers the nearest known names, or lists them all when none is near.

    >>> did_you_mean("lable", ["label", "kind"])
    "Did you mean 'label'?"
    >>> did_you_mean("zzz", ["label", "kind"])
    'Known: kind, label.'
    """
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"Did you mean '{near[0]}'?"
    return f"Known: {', '.join(names)}." if names else "None is known here."
