"""What every table goes through: read, columns named, rows chosen, ids as text, times in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import polars as pl

from penchant.data.sources.ids import as_ids
from penchant.data.sources.names import Role, listed, mapping
from penchant.data.sources.places import Source, open_source
from penchant.data.sources.times import as_seconds
from penchant.data.sources.unified import unified
from penchant.schema.errors import DataError, did_you_mean
from penchant.schema.expression import Expression
from penchant.schema.sections.data import SourceSettings

_NEEDED: dict[Role, tuple[str, ...]] = {"events": ("user_id", "item_id"), "users": ("user_id",), "items": ("item_id",)}
_CONVERTED = frozenset({"user_id", "item_id", "timestamp"})
_ROW, _BEFORE = "\x1frow", "\x1fbefore"  # no columns of a table


@dataclass(frozen=True)
class Table:
    """A table with canonical columns.

    Attributes:
        frame: The rows in file order. `user_id` and `item_id` are text; `timestamp` is Float64 seconds since 1970 (UTC).
        mapped: Canonical name -> the file's column, where they differ.
        notes: Sentences for people: what was mapped, guessed, cut or left out.
    """

    frame: pl.DataFrame
    mapped: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_events(sources: SourceSettings | Sequence[SourceSettings], directory: Path) -> Table:
    """All event sources of a recipe as one table, one after the other; a column that a source lacks is missing there.

    Raises:
        DataError: as `read_table`, and when a column has types that do not go together.
    """
    tables = [read_table(one, directory, "events") for one in ([sources] if isinstance(sources, SourceSettings) else sources)]
    if len(tables) == 1:
        return tables[0]
    frame = unified([table.frame for table in tables], "event sources")
    mapped = {name: column for table in tables for name, column in table.mapped.items()}
    return Table(frame, mapped, [note for table in tables for note in table.notes])


def read_table(settings: SourceSettings, directory: Path, role: Role, rows: int | None = None) -> Table:
    """One table of the recipe.

    Steps: the place and its format from the settings or guessed; columns mapped to canonical names (one note says which); `where` applied
    to the canonical columns; a list of items made one event each; ids to text; times to seconds. Events without a time column get their
    row number (0, 1, 2, ...) as time.

    Args:
        settings: Where it lies and how it is read.
        directory: Where a relative path starts.
        role: Which canonical columns it must have: users `user_id`, items `item_id`, events both.
        rows: Keep only so many rows from the start of the table; all when None.

    Raises:
        DataError: when the file is absent, empty or undecodable, or a column is missing or of a type that cannot be used.
    """
    file = open_source(settings, directory, role)
    mapped: dict[str, str] = {}
    frame, notes = file.read(partial(keep_wanted, file=file, role=role, rows=rows, mapped=mapped))
    frame = frame if rows is None else frame.head(rows)
    if mapped:
        notes.insert(0, f"{file.shown}: read {', '.join(f'{column} as {name}' for name, column in mapped.items())}")
    frame = converted(one_event_each(frame, file, notes), file, role, notes)
    if role == "events" and "timestamp" not in frame.columns:
        frame = frame.with_columns(pl.int_range(pl.len()).cast(pl.Float64).alias("timestamp"))
        notes.append(f"{file.shown}: has no time column; the order of its rows stands for the time")
    return Table(frame, mapped, notes)


def keep_wanted(lazy: pl.LazyFrame, *, file: Source, role: Role, rows: int | None, mapped: dict[str, str]) -> pl.LazyFrame:
    """Columns renamed and rows filtered before anything is held in memory; fills `mapped`."""
    columns = lazy.collect_schema().names()
    mapped.update(mapping(columns, file.settings, role))
    # A canonical name that the settings give to another column leaves the file's own column under a second name.
    renamed = {name: f"{name}_original" for name in mapped if name in columns} | {column: name for name, column in mapped.items()}
    present = [renamed.get(column, column) for column in columns]
    _require(present, file, role)
    named = lazy.select(pl.col(column).alias(name) for column, name in zip(columns, present, strict=True))
    if _filters_early(file.settings):
        named = named.filter(_condition(file.settings, named.collect_schema(), file))
    return named if rows is None else named.head(rows)


def _require(columns: Sequence[str], file: Source, role: Role) -> None:
    given = {*columns, "item_id"} if file.settings.item_list else set(columns)
    for name in _NEEDED[role]:
        if name not in given:
            do = f"Say which column it is: columns = {{{name} = ...}}."
            raise DataError(f"column '{name}' of {file.shown}", must=f"in a table of {role}", came=f"columns {listed(columns)}", do=do)
    for key, name in _lists(file.settings).items():
        if name not in columns:
            raise DataError(
                f"{key} '{name}'", must=f"a column of {file.shown}", came=f"columns {listed(columns)}", do=did_you_mean(name, columns)
            )


def _lists(settings: SourceSettings) -> dict[str, str]:
    """The columns of lists that are read, by the key that names each."""
    marks = {f"item_list_marks.{mark}": name for mark, name in settings.item_list_marks.items()}
    return ({"item_list": settings.item_list} if settings.item_list else {}) | marks


def _filters_early(settings: SourceSettings) -> bool:
    """Whether the condition reads only columns that are not converted, so that it can run while the file is read."""
    return settings.where is not None and not Expression(settings.where).columns & _CONVERTED


def _condition(settings: SourceSettings, schema: pl.Schema, file: Source) -> pl.Expr:
    expression = Expression(cast(str, settings.where))
    thing = f"condition '{expression.text}' for {file.shown}"
    for name in sorted(expression.columns - set(schema)):
        raise DataError(thing, must="over the table's columns", came=f"'{name}'", do=did_you_mean(name, schema))
    try:
        pl.DataFrame(schema=schema).filter(expression.polars())
    except pl.exceptions.PolarsError as error:
        types = ", ".join(f"{name} is {schema[name]}" for name in sorted(expression.columns))
        came = f"types that cannot be compared so ({str(error).splitlines()[0][:120]}; {types})"
        raise DataError(thing, must="a condition over those columns' types", came=came, do="Compare text with text.") from None
    return expression.polars()


def one_event_each(frame: pl.DataFrame, file: Source, notes: list[str]) -> pl.DataFrame:
    """One row per element of `item_list`, in the list's order, marked by the other lists they stand in."""
    name, marks = file.settings.item_list, file.settings.item_list_marks
    if name is None:
        return frame
    for key, column in _lists(file.settings).items():
        if not isinstance(frame.schema[column], pl.List):
            came = f"values of type {frame.schema[column]}"
            raise DataError(f"{key} '{column}' of {file.shown}", must="a column of lists", came=came, do=f"Take `{key}` out of the recipe.")
    others = [column for column, kind in frame.schema.items() if isinstance(kind, pl.List) and column != name]
    unread = [column for column in others if column not in marks.values()]
    empty = int((frame[name].list.len().fill_null(0) == 0).sum())
    if unread:
        notes.append(f"{file.shown}: left out {listed(unread)}, lists that belong to a whole row and not to one event")
    if empty:
        notes.append(f"{file.shown}: {empty:,} rows have an empty list and give no event")
    lists = frame.with_row_index(_ROW).filter(pl.col(name).list.len() > 0)
    events = lists.drop([*others, "item_id"], strict=False).explode(name).rename({name: "item_id"})
    for mark, column in marks.items():
        listed_there = lists.select(_ROW, pl.col(column).alias("item_id")).explode("item_id").drop_nulls().unique()
        events = events.join(listed_there.with_columns(pl.lit(1).alias(mark)), on=[_ROW, "item_id"], how="left", maintain_order="left")
        alone = len(listed_there) - len(listed_there.join(events, on=[_ROW, "item_id"], how="semi"))
        if alone:
            notes.append(f"{file.shown}: left out {alone:,} items of '{column}' that do not stand in '{name}'")
    if file.settings.item_list_apart:
        events = events.with_columns((pl.len() - 1 - pl.int_range(pl.len())).over(_ROW).alias(_BEFORE))
    return events.with_columns(pl.col(list(marks)).fill_null(0)).drop(_ROW)


def converted(frame: pl.DataFrame, file: Source, role: Role, notes: list[str]) -> pl.DataFrame:
    """Ids as text, times as seconds, and the rows of a condition that could not be looked at before."""
    for name in ("user_id", "item_id"):
        if name in frame.columns and (role == "events" or name in _NEEDED[role]):
            frame = frame.with_columns(as_ids(frame[name], file.shown).alias(name))
    if role == "events" and "timestamp" in frame.columns:
        seconds, note = as_seconds(frame["timestamp"], file.settings.time_unit, file.shown, file.settings.time_zone)
        frame = frame.with_columns(seconds.alias("timestamp"))
        notes.extend([f"{file.shown}: {note}"] if note else [])
        if _BEFORE in frame.columns:
            earlier = pl.col(_BEFORE) * file.settings.item_list_apart
            frame = frame.with_columns(pl.col("timestamp") - earlier).drop(_BEFORE)
    if file.settings.where is not None and not _filters_early(file.settings):
        frame = frame.filter(_condition(file.settings, frame.schema, file))
    return frame
