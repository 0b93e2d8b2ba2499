"""Where a table may lie: a file, a folder, many files, a database; and which of them a recipe means."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import polars as pl

from penchant.data.sources.folder import gathered
from penchant.data.sources.formats import Keep, open_file
from penchant.data.sources.names import Role
from penchant.schema.sections.data import SourceSettings


class Source(Protocol):
    """Something that gives one table."""

    @property
    def settings(self) -> SourceSettings:
        """How it is to be read."""
        ...

    @property
    def shown(self) -> str:
        """Its name in errors and notes; never with credentials."""
        ...

    def read(self, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
        """The kept part, and notes for people on anything that was guessed or mended. Raises `DataError`."""
        ...

    def batches(self, keep: Keep, notes: list[str]) -> Iterator[pl.DataFrame]:
        """The kept part a batch at a time, in the same order; notes are added as they arise. Raises `DataError`."""
        ...


@dataclass(frozen=True)
class Place:
    """A kind of place that tables lie in.

    Attributes:
        holds: Whether these settings speak of such a place. At most one place holds any settings; a file holds the rest.
        open: The source there; the role tells which table of several is wanted. Raises `DataError`.
    """

    holds: Callable[[SourceSettings, Path], bool]
    open: Callable[[SourceSettings, Path, Role], Source]


@cache
def places() -> tuple[Place, ...]:
    """Every place in this folder."""
    return tuple(gathered("PLACES"))


def open_source(settings: SourceSettings, directory: Path, role: Role) -> Source:
    """The source a recipe names; nothing is read of it yet but its beginning.

    Raises:
        DataError: when it is absent, empty, unreadable, or has no such table.
    """
    place = next((one for one in places() if one.holds(settings, directory)), None)
    return place.open(settings, directory, role) if place else open_file(settings, directory)
