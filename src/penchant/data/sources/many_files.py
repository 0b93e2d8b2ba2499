"""Many files as one table: a pattern such as `logs/*.csv.gz`, or a folder of files of one kind."""

import glob
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.data.sources.formats import Keep, SourceFile, formats, open_file, suffix_of
from penchant.data.sources.names import Role
from penchant.data.sources.places import Place
from penchant.data.sources.unified import differences, unified
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings


@dataclass(frozen=True)
class ManyFiles:
    """Files read one after the other, each in its own format and with its own separator and header.

    Parts of a path of the form `name=value` (`day=2024-05-01/part-0.parquet`) become text columns, as data lakes mean them.
    """

    settings: SourceSettings
    files: tuple[SourceFile, ...]
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The pattern or folder as the recipe writes it."""
        return f"files '{self.settings.path}'"

    def read(self, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
        """The kept part of every file as one table in the order of their names, and the notes of all. Raises `DataError`."""
        parts = [self._read_one(file, keep) for file in self.files]
        frames = [frame for frame, _ in parts]
        frame = unified(frames, self.shown)
        different = differences(frames)
        told = f"{self.shown}: {len(frames):,} files read as one table" + (f"; {'; '.join(different)}" if different else "")
        return frame, [*self.notes, told, *(note for _, notes in parts for note in notes)]

    def batches(self, keep: Keep, notes: list[str]) -> Iterator[pl.DataFrame]:
        """The kept part of one file after the other, each a batch at a time where its format can be read so. Raises `DataError`."""
        notes += [*self.notes, f"{self.shown}: {len(self.files):,} files read one after the other"]
        for file in self.files:
            with _named(file):
                yield from file.batches(_with_path_columns(file, keep), notes)

    def _read_one(self, file: SourceFile, keep: Keep) -> tuple[pl.DataFrame, list[str]]:
        with _named(file):
            return file.read(_with_path_columns(file, keep))


def _with_path_columns(file: SourceFile, keep: Keep) -> Keep:
    """The same, after the columns that the file's path tells."""
    steps = [step.partition("=") for step in Path(file.settings.path).parts[:-1]]
    said = [pl.lit(value).alias(name) for name, mark, value in steps if mark]
    return (lambda lazy: keep(lazy.with_columns(said))) if said else keep


@contextmanager
def _named(file: SourceFile) -> Iterator[None]:
    """An error within tells which of the files it is about."""
    try:
        yield
    except DataError as error:
        thing = error.thing if file.shown in error.thing else f"{error.thing}, in {file.shown},"
        raise DataError(thing, must=error.must, came=error.came, do=error.do) from None


def in_folder(settings: SourceSettings, directory: Path) -> ManyFiles:
    """The files of a folder, and of folders within it, that have its commonest ending of a table.

    Raises:
        DataError: when there is none, or one cannot be opened.
    """
    folder = directory / settings.path
    tables = {suffix for format in formats().values() for suffix in format.suffixes}
    # Spark and its kin leave `_SUCCESS` and `.crc` files beside the data.
    names = [
        str(path.relative_to(directory))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and suffix_of(path.name) in tables
        and not any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
    ]
    if not names:
        raise DataError(f"folder '{settings.path}'", must="with tables in it", came="none", do="Correct `path` in the recipe.")
    commonest, count = Counter(suffix_of(name) for name in names).most_common(1)[0]
    others = len(names) - count
    note = f"folder '{settings.path}': {others:,} files that do not end in .{commonest} were left out"
    return _opened(settings, directory, [name for name in names if suffix_of(name) == commonest], (note,) if others else ())


def _matching(settings: SourceSettings, directory: Path, role: Role) -> ManyFiles:
    found = sorted(glob.glob(settings.path, root_dir=directory, recursive=True))
    names = [name for name in found if (directory / name).is_file()]
    if not names:
        do = f"Correct `path` in the recipe; it is relative to '{directory}'."
        raise DataError(f"files '{settings.path}'", must="at least one file", came="none that fits the pattern", do=do)
    return _opened(settings, directory, names)


def _opened(settings: SourceSettings, directory: Path, names: Sequence[str], notes: tuple[str, ...] = ()) -> ManyFiles:
    files = [open_file(settings.model_copy(update={"path": name}), directory) for name in names]
    return ManyFiles(settings, tuple(files), notes)


def _is_pattern(settings: SourceSettings, directory: Path) -> bool:
    return any(mark in settings.path for mark in "*?[") and not (directory / settings.path).exists()


PLACES = (Place(_is_pattern, _matching),)
