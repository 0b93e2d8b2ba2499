"""Folders: in a layout that is known by the names of its files, or else of many files of one table."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from penchant.data.sources.folder import gathered
from penchant.data.sources.formats import SourceFile, open_file
from penchant.data.sources.many_files import ManyFiles, in_folder
from penchant.data.sources.names import Role, listed
from penchant.data.sources.places import Place
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings


@dataclass(frozen=True)
class Layout:
    """A folder as some system or data set writes it.

    Attributes:
        format: The format of its files, by which a recipe names the layout too.
        files: From the names of a folder's files to the one of each role; empty when the folder is of another layout.
        others: Names of files that belong to it and are no table of a role: read along with one, or not at all.
    """

    format: str
    files: Callable[[Collection[str]], Mapping[Role, str]]
    others: frozenset[str] = frozenset()


@cache
def layouts() -> dict[str, Layout]:
    """Every layout in this folder by its format's name."""
    return {layout.format: layout for layout in gathered("LAYOUTS")}


def layout_of(folder: Path) -> tuple[Layout, Mapping[Role, str]] | None:
    """The layout a folder has, and its files; None when it has none that is known."""
    names = _names(folder)
    return next(((layout, files) for layout in layouts().values() if (files := layout.files(names))), None)


def _open(settings: SourceSettings, directory: Path, role: Role) -> SourceFile | ManyFiles:
    folder = directory / settings.path
    named = layouts().get(settings.format or "")
    found = (named, named.files(_names(folder))) if named else layout_of(folder) if settings.format is None else None
    if found is None:
        return in_folder(settings, directory)
    layout, files = found
    shown = f"folder '{settings.path}'"
    if not files:
        came = f"files {listed(_names(folder))}" if _names(folder) else "no file"
        do = "Correct `path`, or leave `format` out to have it guessed."
        raise DataError(shown, must=f"a folder in the layout of {layout.format}", came=came, do=do)
    if role not in files:
        came = f"only {listed(files.values())}"
        raise DataError(f"{role} of {shown}", must="in it", came=came, do=f"Take `{role}` out of [data], or name another file.")
    file = open_file(settings.model_copy(update={"path": str(Path(settings.path) / files[role]), "format": layout.format}), directory)
    guessed = () if named else (f"{shown}: is laid out as {layout.format}; the {role} are in '{files[role]}'",)
    return replace(file, notes=(*guessed, *file.notes))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def _is_folder(settings: SourceSettings, directory: Path) -> bool:
    return bool(settings.path) and (directory / settings.path).is_dir()


PLACES = (Place(_is_folder, _open),)
