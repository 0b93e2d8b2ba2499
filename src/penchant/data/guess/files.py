"""Which files of a folder are tables, and what part each plays."""

import codecs
import glob
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from penchant.data.averages import mean, median
from penchant.data.guess.relations import Relation, relation_of
from penchant.data.guess.words import OF_USERS, ORDERS, TIMES, words
from penchant.data.sources.formats import SourceFile, format_of, open_file, plain_name
from penchant.data.sources.layouts import layout_of
from penchant.data.sources.many_files import ManyFiles
from penchant.data.sources.movielens import names_of
from penchant.data.sources.names import Role, mapping
from penchant.data.sources.places import open_source
from penchant.data.sources.table import Table, read_table
from penchant.data.sources.times import as_seconds
from penchant.schema.errors import DataError
from penchant.schema.sections.data import SourceSettings

SAMPLE_ROWS = 2_000_000
"""Rows looked at of each file."""
_NO_TABLES = (
    ".md",
    ".html",
    ".htm",
    ".pdf",
    ".json",
    ".zip",
    ".toml",
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".gif",
    ".bmp",
    ".py",
    ".mat",
    ".libsvm",
    ".log",
    ".yml",
    ".yaml",
)
_NO_TABLE_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog")
_LIKELY_TABLE = 0.2


@dataclass(frozen=True)
class Found:
    """A file, or many like-named files, that read as a table.

    Attributes:
        settings: How to read it.
        raw: Its first rows with the file's own column names.
        why: How its format, encoding and names were told.
    """

    settings: SourceSettings
    raw: pl.DataFrame
    why: str

    def mapped(self, role: Role) -> dict[str, str]:
        """Canonical name -> the file's column, those with the canonical name included."""
        renamed = mapping(self.raw.columns, self.settings, role)
        return {name: name for name in ("user_id", "item_id", "timestamp", "event", "value") if name in self.raw.columns} | renamed

    def ids(self, name: str) -> pl.Series | None:
        """The column of these ids, as text; None when there is none."""
        column = self.mapped("events").get(name) or self.mapped("users" if name == "user_id" else "items").get(name)
        if column is None or self.raw[column].dtype.is_nested():
            return None
        return self.raw[column].drop_nulls().cast(pl.String)

    def holds_one_row_per(self, name: str) -> bool:
        """Whether its rows are of different users (or items), but for a few repeated by mistake."""
        ids = self.ids(name)
        return ids is not None and ids.len() > 0 and ids.n_unique() >= 0.98 * ids.len()

    def read(self, directory: Path, role: Role) -> Table:
        """The table as the recipe will read it, its first rows only."""
        return read_table(self.settings, directory, role, rows=SAMPLE_ROWS)


@dataclass(frozen=True)
class Roles:
    """The part each file plays; `sequences` are lists of items per user, `relations` tables of friends or of items that go together,
    `unused` the tables that found no part."""

    events: Found
    sequences: tuple[Found, ...]
    relations: tuple[tuple[Found, Relation], ...]
    users: Found | None
    items: Found | None
    unused: tuple[Found, ...]


def tables_in(directory: Path) -> list[Found]:
    """What lies directly in a folder and reads as a table with at least two columns, by name.

    A folder in a known layout, this one or one within it, gives its tables; files whose names differ only in their digits and whose
    columns are the same are one table, and so is a folder that holds nothing but such files.
    """
    laid_out = [one for folder in (directory, *_folders(directory)) for one in _of_layout(folder, directory)]
    known = {one.settings.path for one in laid_out}
    own = layout_of(directory)
    known |= own[0].others if own else set()
    files = [path.name for path in sorted(directory.iterdir()) if path.is_file() and path.name not in known and _may_be_table(path)]
    single = [found for name in files if (found := _look(name, directory)) is not None]
    # What a layout explains needs no second explanation.
    within = [found for folder in _folders(directory) if (found := _of_folder(folder, directory)) is not None] if not laid_out else []
    tables = [*laid_out, *_joined(single, directory), *within]
    return sorted((one for one in tables if one.raw.width >= 2), key=lambda one: one.settings.path)


def roles_of(tables: list[Found], directory: Path) -> Roles:
    """The events are the longest table with users and items; the others follow from the ids they share with it.

    Raises:
        DataError: when no table has users and items.
    """
    logs = [one for one in tables if {"user_id", "item_id"} <= set(one.mapped("events"))]
    if not logs:
        names = ", ".join(f"'{one.settings.path}'" for one in tables) or "no table at all"
        do = "Rename the columns, or write a recipe by hand with [data.events] columns = {user_id = ..., item_id = ...}."
        raise DataError(f"folder '{directory}'", must="with a table of events that names a user and an item", came=names, do=do)
    events = _with_order(max(logs, key=lambda one: one.raw.height))
    rest = [one for one in tables if one.settings.path != events.settings.path]
    relations = tuple((one, related) for one in rest if (related := _relation(one, events)) is not None)
    rest = [one for one in rest if all(one is not table for table, _ in relations)]
    sequences = [found for one in rest if (found := _sequence(one, events)) is not None]
    listed = {one.settings.path for one in sequences}
    users = _best([one for one in rest if one.settings.path not in listed], "user_id", "item_id", events)
    items = _best([one for one in rest if one is not users], "item_id", "user_id", events)
    used = listed | {one.settings.path for one in (users, items) if one}
    return Roles(events, tuple(sequences), relations, users, items, tuple(one for one in rest if one.settings.path not in used))


def _may_be_table(path: Path) -> bool:
    name = plain_name(path.name)
    return not name.startswith((".", *_NO_TABLE_NAMES)) and not name.endswith(_NO_TABLES)


def _folders(directory: Path) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))


def _of_layout(folder: Path, directory: Path) -> list[Found]:
    """The tables of a MovieLens folder and its like; none of one whose files say themselves how they are read."""
    found = layout_of(folder)
    if found is None:
        return []
    layout, files = found
    if layout.format == "recbole" and folder == directory:
        return []
    settings = [SourceSettings(path=str((folder / name).relative_to(directory)), format=layout.format) for name in files.values()]
    return [Found(one, _rows(one, directory), f"its folder is laid out as {layout.format}") for one in settings]


def _of_folder(folder: Path, directory: Path) -> Found | None:
    """A folder of files of one table; None when it holds anything else."""
    try:
        source = open_source(SourceSettings(path=folder.name), directory, "events")
        if not isinstance(source, ManyFiles) or len({_stem(file.path.name) for file in source.files}) > 1 or source.notes:
            return None
        return _together([_table(file.settings.path, directory) for file in source.files], source.settings, directory)
    except DataError:
        return None


def _joined(tables: list[Found], directory: Path) -> list[Found]:
    """The tables, with like-named ones of the same columns made one."""
    alike: dict[str, list[Found]] = defaultdict(list)
    for one in tables:
        alike[_stem(one.settings.path)].append(one)
    joined = []
    for stem, group in alike.items():
        matched = {path.name for path in directory.glob(stem)}
        together = _together(group, SourceSettings(path=stem), directory) if matched == {one.settings.path for one in group} else None
        joined += [together] if together else group
    return joined


def _together(group: list[Found], settings: SourceSettings, directory: Path) -> Found | None:
    """Several tables as one, read by these settings; None when they are fewer or differ in how they are read or in their columns."""
    first, *others = group
    kinds = {(one.settings.format, one.settings.encoding, *sorted(one.raw.columns)) for one in group}
    if not others or len(kinds) > 1 or first.settings.names is not None:
        return None
    told: dict[str, Any] = first.settings.model_dump(include={"format", "encoding"}, exclude_defaults=True)
    settings = settings.model_copy(update=told)
    return Found(settings, _rows(settings, directory), f"{len(group):,} files of the same columns; {first.why}")


def _stem(name: str) -> str:
    """A name as a pattern: any digits in the place of its digits."""
    return re.sub(r"\d+", "[0-9]*", glob.escape(name))


def _look(name: str, directory: Path) -> Found | None:
    try:
        return _table(name, directory)
    except DataError:
        return None


def _table(name: str, directory: Path) -> Found:
    settings, why = _readable(SourceSettings(path=name), directory)
    raw = _rows(settings, directory)
    if settings.names is None:
        return Found(settings, raw, why)
    names = _names(name, raw)
    return Found(settings.model_copy(update={"names": names}), raw.rename(dict(zip(raw.columns, names, strict=True))), why)


def _rows(settings: SourceSettings, directory: Path) -> pl.DataFrame:
    return open_source(settings, directory, "events").read(lambda lazy: lazy.head(SAMPLE_ROWS))[0]


def _readable(settings: SourceSettings, directory: Path) -> tuple[SourceSettings, str]:
    """Settings with format, encoding and, where there is no header, placeholder names."""
    file = open_file(settings, directory)
    settings = file.settings
    format = format_of(file)
    if format.likeness(file) < _LIKELY_TABLE:
        raise DataError(file.shown, must="a table", came="plain text", do="Take it out of the folder.")
    settings, why = settings.model_copy(update={"format": format.name}), f"its content looks like {format.name}"
    if format.name != "parquet" and "encoding" not in settings.model_fields_set and not _is_utf8(file):
        settings, why = settings.model_copy(update={"encoding": "latin1"}), why + "; it is not UTF-8, so latin1 was taken"
    if format.name == "separated" or _lacks_header(file, format.name):
        count = file.first_line.count("::" if format.name == "separated" else _separator(file)) + 1
        settings = settings.model_copy(update={"names": tuple(f"column_{n}" for n in range(1, count + 1))})
        why += "; it has no header, so the names are guessed"
    return settings, why


def _separator(file: SourceFile) -> str:
    return max("\t,;|", key=file.first_line.count)


def _lacks_header(file: SourceFile, format: str) -> bool:
    if format not in ("csv", "tsv"):
        return False
    fields = [field.strip().lstrip("-").replace(".", "", 1) for field in file.first_line.split(_separator(file))]
    return all(field.isdigit() for field in fields)


def _is_utf8(file: SourceFile) -> bool:
    decoder = codecs.getincrementaldecoder("utf8")()
    try:
        for piece in file.pieces():
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _names(file_name: str, raw: pl.DataFrame) -> tuple[str, ...]:
    """Names for a table without a header: those of MovieLens for its files, else by what the columns hold."""
    known = names_of(plain_name(file_name), raw.width)
    if known:
        return known
    names = [f"column_{n}" for n in range(1, raw.width + 1)]
    if raw[:, 0].n_unique() >= 0.98 * raw.height:
        names[0] = "user_id" if OF_USERS & set(words(file_name)) else "item_id"
        return tuple(names)
    names[:2] = ["user_id", "item_id"]
    for position in range(2, raw.width):
        column = raw[:, position]
        if column.dtype.is_numeric() and column.n_unique() <= 11 and "rating" not in names:
            names[position] = "rating"
        elif column.dtype.is_numeric() and median(column) >= 1e8 and "timestamp" not in names:
            names[position] = "timestamp"
    return tuple(names)


def _with_order(events: Found) -> Found:
    """The events with another time column where the usual one is largely missing and an order is given beside it."""
    time = events.mapped("events").get("timestamp")
    if time is None or events.raw[time].null_count() <= 0.2 * events.raw.height:
        return events
    for column in events.raw:
        if ORDERS & set(words(column.name)) and column.dtype.is_numeric() and column.null_count() < 0.05 * column.len():
            columns = events.settings.columns | {"timestamp": column.name}
            why = f"{events.why}; {column.name} is the time, because {time} is missing in {events.raw[time].null_count():,} rows"
            return Found(events.settings.model_copy(update={"columns": columns}), events.raw, why)
    return events


def _best(tables: list[Found], name: str, other: str, events: Found) -> Found | None:
    """The table with one row per id that knows most of the events' ids."""
    seen = events.ids(name)
    one_each = [one for one in tables if one.holds_one_row_per(name) and one.ids(other) is None]
    shares = [(_share_known(seen, one.ids(name)), one) for one in one_each]
    share, best = max(shares, key=lambda pair: pair[0], default=(0.0, None))
    return best if share > 0.1 else None


def _share_known(seen: pl.Series | None, known: pl.Series | None) -> float:
    if seen is None or known is None:
        return 0.0
    different = seen.unique()
    return mean(different.is_in(known.implode()))


def _relation(one: Found, events: Found) -> Relation | None:
    """What a table relates, when a recipe can name its columns."""
    users, items = events.ids("user_id"), events.ids("item_id")
    if one.settings.names is not None or users is None or items is None:
        return None
    return relation_of(one.settings.path, one.raw, users, items)


def _sequence(one: Found, events: Found) -> Found | None:
    """A table of item lists per user, when the lists speak of the events' items: each list element becomes an event."""
    users = one.mapped("users")
    seen = events.ids("item_id")
    if "user_id" not in users or one.ids("item_id") is not None:
        return None
    lists = [column for column in one.raw if isinstance(column.dtype, pl.List)]
    known = [column for column in lists if _share_known(column.explode().drop_nulls().cast(pl.String), seen) > 0.5]
    time = _time_column(one.raw)
    if not known or time is None:
        return None
    longest = max(known, key=lambda column: int(column.list.len().sum()))
    settings = one.settings.model_copy(update={"item_list": longest.name, "columns": {"timestamp": time}})
    return Found(settings, one.raw, f"its column {longest.name} lists items of the events for each user")


def _time_column(raw: pl.DataFrame) -> str | None:
    for column in raw:
        if not TIMES & set(words(column.name)) or not (column.dtype.is_temporal() or column.dtype.is_numeric()):
            continue
        seconds, _ = as_seconds(column, None, "the table")
        if median(seconds) >= 1e8:
            return column.name
    return None
