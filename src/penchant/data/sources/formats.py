"""What a file format is, and which one a file has."""

import codecs
import gzip
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, cast

import polars as pl

from penchant.schema.errors import DataError, did_you_mean
from penchant.schema.recipe import SourceSettings

HEAD_BYTES = 1 << 16

Keep = Callable[[pl.LazyFrame], pl.LazyFrame]
"""What of a file is wanted: columns renamed, rows filtered, before anything is held in memory."""


@dataclass(frozen=True)
class SourceFile:
    """One file to read.

    Attributes:
        path: Where it is.
        settings: How it is to be read; `settings.path` is the name the user wrote and errors show.
        head: Its first bytes, unpacked, at most `HEAD_BYTES`.
    """

    path: Path
    settings: SourceSettings
    head: bytes

    @property
    def shown(self) -> str:
        """What an error calls it: the name the user wrote, without its folder's path."""
        return f"file '{self.settings.path}'"

    @property
    def first_line(self) -> str:
        """The first line without its end; undecodable bytes are replaced, for guessing only."""
        return self.head.decode(self.settings.encoding, "replace").lstrip("\ufeff").split("\n", 1)[0].rstrip("\r")

    def read_bytes(self) -> bytes:
        """The whole file, unpacked."""
        with _opened(self.path) as content:
            return content.read()


@dataclass(frozen=True)
class Format:
    """A way to keep a table in a file.

    Attributes:
        name: As in the recipe's `format`.
        suffixes: Endings of file names that suggest it, without the dot.
        likeness: How much a file looks like it: 0 (cannot be) to 1 (certain).
        read: The kept part of the file and notes for people on anything that had to be mended. Raises `DataError`.
    """

    name: str
    suffixes: tuple[str, ...]
    likeness: Callable[[SourceFile], float]
    read: Callable[[SourceFile, Keep], tuple[pl.DataFrame, list[str]]]


@cache
def formats() -> dict[str, Format]:
    """Every format in this folder by name."""
    package = __name__.rpartition(".")[0]
    folder = [str(Path(__file__).parent)]
    modules = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules(folder)]
    return {format.name: format for module in modules for format in getattr(module, "FORMATS", ())}


def open_source(settings: SourceSettings, directory: Path) -> SourceFile:
    """The file a recipe names.

    Raises:
        DataError: when it is absent, not a file, unreadable or empty, or its encoding does not exist.
    """
    path = directory / settings.path
    thing = f"file '{settings.path}'"
    if not path.is_file():
        came = "a folder" if path.is_dir() else "nothing there"
        raise DataError(thing, must="a file", came=came, do=f"Correct `path` in the recipe; it is relative to '{directory}'.")
    try:
        codecs.lookup(settings.encoding)
        with _opened(path) as content:
            head = content.read(HEAD_BYTES)
    except LookupError:
        raise DataError(
            thing, must="in a known encoding", came=f"encoding = '{settings.encoding}'", do="For example 'utf8' or 'latin1'."
        ) from None
    except (OSError, EOFError) as error:
        raise DataError(thing, must="readable", came=str(error), do="Check its permissions and that it is whole.") from None
    if not head.strip():
        raise DataError(thing, must="a table", came="an empty file", do="Export it again, or take it out of the recipe.")
    return SourceFile(path, settings, head)


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def format_of(file: SourceFile) -> Format:
    """The format the settings name, else the likeliest by content, the file's suffix deciding between equals.

    Raises:
        DataError: when the settings name none and the file looks like none.
    """
    known = formats()
    if file.settings.format is not None:
        return known[file.settings.format]
    suffix = file.path.name.lower().removesuffix(".gz").rpartition(".")[2]
    best = max(known.values(), key=lambda one: (one.likeness(file), suffix in one.suffixes))
    if best.likeness(file) == 0:
        raise DataError(file.shown, must="a table", came="bytes of no known format", do=did_you_mean("", known))
    return best
