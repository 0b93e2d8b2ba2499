"""What a file format is, and which one a file has."""

import codecs
import gzip
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

import polars as pl
from backports import zstd

from penchant.data.sources.folder import gathered
from penchant.schema.errors import DataError, did_you_mean
from penchant.schema.sections.data import SourceSettings

HEAD_BYTES = 1 << 16
_PIECE_BYTES = 1 << 24
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PACKED = (".gz", ".zst")
# UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

ROWS_AT_ONCE = 500_000
"""Rows of a batch, about."""

Keep = Callable[[pl.LazyFrame], pl.LazyFrame]
"""What of a file is wanted: columns renamed, rows filtered, before anything is held in memory."""


@dataclass(frozen=True)
class SourceFile:
    """One file to read.

    Attributes:
        path: Where it is.
        settings: How it is to be read; `settings.path` is the name the user wrote and errors show.
        head: Its first bytes, unpacked, at most `HEAD_BYTES`.
        notes: What was found out on the way to it.
    """

    path: Path
    settings: SourceSettings
    head: bytes
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """What an error calls it: the name the user wrote, without its folder's path."""
        return self.settings.shown

    @property
    def name(self) -> str:
        """Its name in lower case without the ending of a packed file."""
        return plain_name(self.path.name)

    @property
    def first_line(self) -> str:
        """The first line without its end; undecodable bytes are replaced, for guessing only."""
        return self.head.decode(self.settings.encoding, "replace").lstrip("\ufeff").split("\n", 1)[0].rstrip("\r")

    def told(self, **settings: Any) -> "SourceFile":
        """The same file, read with other settings."""
        return replace(self, settings=self.settings.model_copy(update=settings))

    def read(self, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
        """The kept part in the file's format, and notes. Raises `DataError`."""
        frame, notes = format_of(self).read(self, keep)
        return frame, [*self.notes, *notes]

    def batches(self, keep: Keep, notes: list[str]) -> Iterator[pl.DataFrame]:
        """The kept part a batch at a time where the format can be read so, else whole, which a note says. Raises `DataError`."""
        format = format_of(self)
        notes.extend(self.notes)
        if format.batches is not None:
            yield from format.batches(self, keep, notes)
            return
        frame, more = format.read(self, keep)
        notes += [*more, f"{self.shown}: was read whole, as {format.name} files are"]
        yield frame

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, unpacked, a piece at a time.

        Raises:
            DataError: when it is cut short or damaged.
        """
        try:
            with closing(opened(self.path)) as content:
                while piece := content.read(_PIECE_BYTES):
                    yield piece
        except (OSError, EOFError, zstd.ZstdError) as error:
            raise unreadable(self.shown, error) from None


@dataclass(frozen=True)
class Format:
    """A way to keep a table in a file.

    Attributes:
        name: As in the recipe's `format`.
        suffixes: Endings of file names that suggest it, without the dot.
        likeness: How much a file looks like it: 0 (cannot be) to 1 (certain).
        read: The kept part of the file and notes for people on anything that had to be mended. Raises `DataError`.
        batches: The same a batch at a time, adding to the notes; None for a format that is only read whole.
    """

    name: str
    suffixes: tuple[str, ...]
    likeness: Callable[[SourceFile], float]
    read: Callable[[SourceFile, Keep], tuple[pl.DataFrame, list[str]]]
    batches: Callable[[SourceFile, Keep, list[str]], Iterator[pl.DataFrame]] | None = None


@cache
def formats() -> dict[str, Format]:
    """Every format in this folder by name."""
    return {format.name: format for format in gathered("FORMATS")}


def open_file(settings: SourceSettings, directory: Path) -> SourceFile:
    """The one file that settings name.

    A UTF-16 or UTF-32 mark at its start is believed where the settings name no encoding.

    Raises:
        DataError: when it is absent, not a file, unreadable or empty, or its encoding does not exist.
    """
    path = directory / settings.path
    thing = settings.shown
    if not path.is_file():
        came = "a folder" if path.is_dir() else "nothing there"
        raise DataError(thing, must="a file", came=came, do=f"Correct `path` in the recipe; it is relative to '{directory}'.")
    try:
        codecs.lookup(settings.encoding)
        with closing(opened(path)) as content:
            head = content.read(HEAD_BYTES)
    except LookupError:
        came = f"encoding = '{settings.encoding}'"
        raise DataError(thing, must="in a known encoding", came=came, do="For example 'utf8' or 'latin1'.") from None
    except (OSError, EOFError, zstd.ZstdError) as error:
        raise unreadable(thing, error) from None
    if not head.strip():
        raise DataError(thing, must="a table", came="an empty file", do="Export it again, or take it out of the recipe.")
    mark = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
    if mark is None or "encoding" in settings.model_fields_set:
        return SourceFile(path, settings, head)
    note = f"{thing}: starts with the mark of {mark} and was read so"
    return SourceFile(path, settings.model_copy(update={"encoding": mark}), head, (note,))


def opened(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked when it is gzip or zstd by its first bytes, whatever its name."""
    with path.open("rb") as content:
        start = content.read(4)
    if start.startswith(_GZIP):
        return cast(IO[bytes], gzip.open(path, "rb"))
    return cast(IO[bytes], zstd.open(path, "rb")) if start == _ZSTD else path.open("rb")


def plain_name(name: str) -> str:
    """A file's name in lower case without `.gz` or `.zst`.

    >>> plain_name("Ratings.CSV.gz")
    'ratings.csv'
    """
    name = name.lower()
    return next((name.removesuffix(ending) for ending in _PACKED if name.endswith(ending)), name)


def suffix_of(name: str) -> str:
    """What follows the last dot of a plain name; empty when there is none."""
    return plain_name(name).rpartition(".")[2] if "." in plain_name(name) else ""


def unreadable(thing: str, error: Exception) -> DataError:
    """The error for a file that is damaged, cut short or not to be opened."""
    came = str(error).replace("\n", " ")[:160] or type(error).__name__
    return DataError(thing, must="readable to its end", came=came, do="Check its permissions and that it is whole.")


def format_of(file: SourceFile) -> Format:
    """The format the settings name, else the likeliest by content, the file's suffix deciding between equals.

    Raises:
        DataError: when the settings name none and the file looks like none.
    """
    known = formats()
    if file.settings.format is not None:
        return known[file.settings.format]
    suffix = suffix_of(file.path.name)
    best = max(known.values(), key=lambda one: (one.likeness(file), suffix in one.suffixes))
    if best.likeness(file) == 0:
        raise DataError(file.shown, must="a table", came="bytes of no known format", do=did_you_mean("", known))
    return best
