"""This folder's modules: each brings what it knows in a tuple (`FORMATS`, `PLACES`, `LAYOUTS`), and nothing lists them."""

import importlib
import pkgutil
from pathlib import Path
from typing import Any


def gathered(what: str) -> list[Any]:
    """The elements of every module's tuple of this name, in the order of the modules' names."""
    package = __name__.rpartition(".")[0]
    names = [found.name for found in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [one for name in names for one in getattr(importlib.import_module(f"{package}.{name}"), what, ())]
