"""Parts chosen by name: `kind = "category"` in a recipe finds the class that says `kind = "category"`.

Nobody keeps a list: a package or module is searched for classes with a `kind`, so that adding one is adding a file.
"""

import importlib
import pkgutil
from functools import cache
from typing import Any

from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.sections.part import Part


@cache
def kinds_in(place: str) -> dict[str, type[Any]]:
    """Classes by their `kind` in a module, or in every module of a package.

    >>> sorted(kinds_in("penchant.tasks"))
    ['binary', 'count', 'duration', 'next_item', 'ordinal', 'pairwise', 'regression', 'relation']
    """
    found = importlib.import_module(place)
    names = [f"{place}.{module.name}" for module in pkgutil.iter_modules(found.__path__)] if hasattr(found, "__path__") else [place]
    classes = [thing for name in names for thing in vars(importlib.import_module(name)).values() if isinstance(thing, type)]
    return {vars(thing)["kind"]: thing for thing in classes if isinstance(vars(thing).get("kind"), str)}


def choose(part: Part, place: str, where: str) -> tuple[type[Any], Any]:
    """The class a part names, and the part's own keys as that class's `settings_class`.

    Args:
        part: The recipe's lines.
        place: The package or module that holds the choices.
        where: What to call the part in an error ("task 'like'").

    Raises:
        RecipeError: for an unknown kind or key.
    """
    known = kinds_in(place)
    if part.kind not in known:
        raise RecipeError(f"{where}, kind", must="a known kind", came=f"'{part.kind}'", do=did_you_mean(part.kind, known))
    chosen = known[part.kind]
    return chosen, part.read(chosen.settings_class, where)
