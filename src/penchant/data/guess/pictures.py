"""Pictures of users or items: files that a column names, or a folder or zip file of files that are named by id."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

import polars as pl

from penchant.data.averages import mean
from penchant.data.guess.words import OF_USERS, words

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp")
_LOOKED_AT = 200
_MOST = 0.5


def named_in(column: pl.Series, directory: Path) -> tuple[dict[str, Any], str] | None:
    """Keys and reason of a column whose values are mostly image files, in the folder or in one within it."""
    if column.dtype != pl.String:
        return None
    names = column.drop_nulls().head(_LOOKED_AT)
    if not any(map(_is_picture, names)):
        return None
    for folder in (directory, *_folders(directory)):
        share = mean(pl.Series([_lies_in(folder, name) for name in names], dtype=pl.Boolean))
        if share > _MOST:
            path = folder.relative_to(directory).as_posix()
            return {"kind": "image", "path": path, "pattern": "{}"}, f"{share:.0%} of its values are image files here"
    return None


def keyed_by(ids: pl.Series, directory: Path) -> dict[str, tuple[dict[str, Any], str]]:
    """A feature for each folder or zip file of images most of which are named by one of the ids: its name, keys and reason.

    Args:
        ids: The ids of users or of items, named `user_id` or `item_id`; users' pictures must say so in their folder's name, as
            numbers of users and of items look alike.
    """
    known = set(ids.drop_nulls().unique().cast(pl.String))
    found: dict[str, tuple[dict[str, Any], str]] = {}
    for place, files in _places(directory):
        pictures = [PurePosixPath(file) for file in files if _is_picture(file) and "{}" not in file]
        of_users = bool(set(words(place.stem)) & OF_USERS)
        if of_users != (ids.name == "user_id"):
            continue
        patterns = Counter((file.with_name("{}" + file.suffix)).as_posix() for file in pictures if file.stem in known)
        pattern, count = next(iter(patterns.most_common(1)), ("", 0))
        if count > _MOST * len(pictures) and count >= 2:
            keys = {"kind": "image", "column": ids.name, "path": place.name, "pattern": pattern}
            found[place.stem] = keys, f"{count:,} images there are named by {ids.name}"
    return found


def _places(directory: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders and zip files, and the names of the files in each."""
    for folder in _folders(directory):
        yield folder, [file.name for file in folder.iterdir() if file.is_file()]
    for packed in sorted(directory.glob("*.zip")):
        try:
            with ZipFile(packed) as opened:
                yield packed, opened.namelist()
        except (OSError, BadZipFile):
            continue


def _folders(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _lies_in(folder: Path, name: str) -> bool:
    try:
        return _is_picture(name) and (folder / name).resolve().is_relative_to(folder.resolve()) and (folder / name).is_file()
    except (OSError, ValueError):  # too long, or with a zero byte
        return False
