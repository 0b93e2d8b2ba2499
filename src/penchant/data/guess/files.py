"""Which files of a folder are tables, and what part each plays."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from penchant.data.averages import mean, median
from penchant.data.guess.words import ORDERS, TIMES, words
from penchant.data.sources.formats import SourceFile, format_of, open_source
from penchant.data.sources.names import Role, mapping
from penchant.data.sources.table import Table, read_table
from penchant.data.sources.times import as_seconds
from penchant.schema.errors import DataError
from penchant.schema.recipe import SourceSettings

SAMPLE_ROWS = 2_000_000
"""Rows looked at of each file."""
_NO_TABLES = (".md", ".html", ".htm", ".pdf", ".json", ".zip", ".toml", ".png", ".jpg", ".py", ".mat", ".libsvm", ".log", ".yml", ".yaml")
_NO_TABLE_NAMES = ("readme", "license", "licence", "copying", "notice", "changelog")
_MOVIELENS = {
    ("users.dat", 5): ("user_id", "gender", "age", "occupation", "zip_code"),
    ("movies.dat", 3): ("item_id", "title", "genres"),
    ("ratings.dat", 4): ("user_id", "item_id", "rating", "timestamp"),
}
_OF_USERS = frozenset({"user", "users", "member", "members", "customer", "customers", "profile", "profiles"})
_LIKELY_TABLE = 0.2


@dataclass(frozen=True)
class Found:
    """A file that reads as a table.

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
    """The part each file plays; `sequences` are lists of items per user, `unused` the tables that found no part."""

    events: Found
    sequences: tuple[Found, ...]
    users: Found | None
    items: Found | None
    unused: tuple[Found, ...]


def tables_in(directory: Path) -> list[Found]:
    """Every file directly in a folder that reads as a table with at least two columns, by name."""
    found = [_look(path.name, directory) for path in sorted(directory.iterdir()) if path.is_file() and _may_be_table(path)]
    return [one for one in found if one is not None and one.raw.width >= 2]


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
    sequences = [found for one in rest if (found := _sequence(one, events)) is not None]
    listed = {one.settings.path for one in sequences}
    users = _best([one for one in rest if one.settings.path not in listed], "user_id", "item_id", events)
    items = _best([one for one in rest if one is not users], "item_id", "user_id", events)
    used = listed | {one.settings.path for one in (users, items) if one}
    return Roles(events, tuple(sequences), users, items, tuple(one for one in rest if one.settings.path not in used))


def _may_be_table(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith((".", *_NO_TABLE_NAMES)) and not name.endswith(_NO_TABLES)


def _look(name: str, directory: Path) -> Found | None:
    try:
        settings, why = _readable(SourceSettings(path=name), directory)
        file = open_source(settings, directory)
        raw, _ = format_of(file).read(file, lambda lazy: lazy.head(SAMPLE_ROWS))
    except DataError:
        return None
    if settings.names is None:
        return Found(settings, raw, why)
    names = _names(name, raw)
    return Found(settings.model_copy(update={"names": names}), raw.rename(dict(zip(raw.columns, names, strict=True))), why)


def _readable(settings: SourceSettings, directory: Path) -> tuple[SourceSettings, str]:
    """Settings with format, encoding and, where there is no header, placeholder names."""
    file = open_source(settings, directory)
    format = format_of(file)
    if format.likeness(file) < _LIKELY_TABLE:
        raise DataError(file.shown, must="a table", came="plain text", do="Take it out of the folder.")
    settings, why = settings.model_copy(update={"format": format.name}), f"its content looks like {format.name}"
    if format.name != "parquet" and not _is_utf8(file):
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
    try:
        file.read_bytes().decode("utf8")
    except UnicodeDecodeError:
        return False
    return True


def _names(file_name: str, raw: pl.DataFrame) -> tuple[str, ...]:
    """Names for a table without a header: those of MovieLens for its files, else by what the columns hold."""
    known = _MOVIELENS.get((file_name.lower(), raw.width))
    if known:
        return known
    names = [f"column_{n}" for n in range(1, raw.width + 1)]
    if raw[:, 0].n_unique() >= 0.98 * raw.height:
        names[0] = "user_id" if _OF_USERS & set(words(file_name)) else "item_id"
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
