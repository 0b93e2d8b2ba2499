"""A data set: a packed log, and which of its events belong to this part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.check import CheckReport, check
from penchant.data.clean import Action, clean, rejected
from penchant.data.folds import folds
from penchant.data.log import Log
from penchant.data.pack import REJECTED, append, pack
from penchant.data.segments import folders
from penchant.data.sources import read_events, read_table
from penchant.data.sources.ids import as_ids
from penchant.data.sources.stream import EventStream
from penchant.data.sources.times import as_seconds
from penchant.data.spill import RULES, Events
from penchant.data.split import seconds, split, split_by_time, split_last
from penchant.schema.errors import DataError, RecipeError, did_you_mean
from penchant.schema.expression import Expression
from penchant.schema.recipe import Recipe
from penchant.schema.sections.data import CleanSettings

ROLES = ("user_id", "item_id", "timestamp")
ROWS_AT_ONCE = 1_000_000
"""Of which an expression is worked out together."""


@dataclass(frozen=True)
class Tables:
    """Frames as read, before checking: canonical columns, ids as text, time in seconds."""

    events: pl.DataFrame
    users: pl.DataFrame | None = None
    items: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, recipe: Recipe) -> "Tables":
        """Read the recipe's sources."""
        data = recipe.data
        events = read_events(data.events, recipe.directory)
        users = read_table(data.users, recipe.directory, "users") if data.users else None
        items = read_table(data.items, recipe.directory, "items") if data.items else None
        notes = [note for table in (events, users, items) if table for note in table.notes]
        return cls(events.frame, users.frame if users else None, items.frame if items else None, tuple(notes))


@dataclass(frozen=True)
class Dataset:
    """Events of one part of a log.

    Splits share the log, so that the history of an event is what the log holds before it, whichever part that is in.

    Attributes:
        recipe: What the columns mean.
        log: All events.
        rows: Event rows of this part, ascending.
        report: What the check found, when the data were read with a check.
        actions: What cleaning did.
    """

    recipe: Recipe
    log: Log
    rows: NDArray[np.int64]
    report: CheckReport | None = None
    actions: Sequence[Action] = field(default_factory=tuple)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def read(cls, recipe: Recipe | Path | str, now: float | None = None) -> "Dataset":
        """Read, check, clean and pack what a recipe names.

        Args:
            recipe: A recipe or its path.
            now: Seconds since 1970; events after it are in the future. The clock when absent.

        Raises:
            RecipeError, DataError: naming the key, file, column or value.
        """
        recipe = recipe if isinstance(recipe, Recipe) else Recipe.read(recipe)
        tables = Tables.read(recipe)
        return cls.from_frames(tables.events, tables.users, tables.items, recipe, now=now, notes=tables.notes)

    @classmethod
    def from_frames(
        cls,
        events: Any,
        users: Any = None,
        items: Any = None,
        recipe: Recipe | None = None,
        *,
        now: float | None = None,
        notes: tuple[str, ...] = (),
    ) -> "Dataset":
        """Check, clean and pack frames (polars, pandas or Arrow) with canonical columns.

        Args:
            events: `user_id`, `item_id`, `timestamp` and the columns the recipe names.
            users, items: Profiles and attributes by `user_id` / `item_id`; None when there are none.
            recipe: What the columns mean; its `[data]` paths are not read.
        """
        if recipe is None:
            raise DataError("recipe", must="given", came="None", do="Pass Recipe.parse(...) so that the columns have a meaning.")
        now = datetime.now(UTC).timestamp() if now is None else now
        log, note = _canonical_events(events)
        profiles, attributes = (
            None if frame is None else _canonical(frame, key) for frame, key in ((users, "user_id"), (items, "item_id"))
        )
        report = check(log, profiles, attributes, recipe, now=now)
        cleaned = clean(log, profiles, attributes, recipe.data.clean, now=now)
        notes = (*notes, note) if note else notes
        return cls._packed(recipe, cleaned.events, cleaned.users, cleaned.items, report, cleaned.actions, notes)

    @classmethod
    def pack(
        cls, recipe: Recipe, directory: Path, events: Events, users: Any = None, items: Any = None, *, now: float | None = None
    ) -> "Dataset":
        """Clean and pack events that stream in, without holding them, into a folder that `open` reads; see `penchant.data.pack`.

        Args:
            recipe: What the columns mean, and how to clean; its `[data]` paths are not read.
            directory: A new or empty folder.
            events: An `EventStream`, or frames, or a lazy frame, with canonical columns; a column has the same type throughout.
            users, items: As in `from_frames`.
            now: Seconds since 1970; events after it are in the future. The clock when absent.
        """
        profiles, attributes, more = _clean_tables(users, items, recipe)
        _check_table_columns(recipe, profiles, attributes)
        columns = sorted(event_columns(recipe) - set(ROLES))
        now = datetime.now(UTC).timestamp() if now is None else now
        settings = recipe.data.clean
        done = pack(directory, _stream(events, recipe, columns), columns, profiles, attributes, settings=settings, now=now)
        return cls._added(recipe, directory, done, more, events)

    @classmethod
    def append(
        cls, recipe: Recipe, directory: Path, events: Events, users: Any = None, items: Any = None, *, now: float | None = None
    ) -> "Dataset":
        """Add events to a folder that `pack` wrote; nothing that lies there is rewritten. Arguments as in `pack`.

        Of users and items only what is new, or told otherwise than before, is written.
        """
        profiles, attributes, more = _clean_tables(users, items, recipe)
        log = Log.open(directory)
        profiles, attributes = _news(profiles, log.users), _news(attributes, log.items)
        columns = sorted(event_columns(recipe) - set(ROLES))
        now = datetime.now(UTC).timestamp() if now is None else now
        done = append(directory, _stream(events, recipe, columns), profiles, attributes, settings=recipe.data.clean, now=now)
        return cls._added(recipe, directory, done, more, events)

    @classmethod
    def _added(cls, recipe: Recipe, directory: Path, done: list[Action], more: list[Action], events: Any) -> "Dataset":
        """What was just packed or appended, told what cleaning did to events and tables; the tables' rejected rows are written, too."""
        for table, frame in rejected(more).items():
            folder = folders(directory)[-1] / REJECTED
            folder.mkdir(exist_ok=True)
            frame.write_parquet(folder / f"{table}.parquet")
        notes = tuple(events.notes) if isinstance(events, EventStream) else ()
        return replace(cls.open(recipe, directory), actions=[*done, *more], notes=notes)

    @classmethod
    def open(cls, recipe: Recipe, directory: Path) -> "Dataset":
        """The packed events in a folder, memory-mapped.

        Raises:
            DataError: when there is no packed log, or it lacks a column the recipe speaks of.
        """
        log = Log.open(directory)
        for name in sorted(event_columns(recipe) - set(ROLES)):
            if name not in log.columns:
                raise _column_missing(recipe, name, [*ROLES, *log.columns])
        _check_table_columns(recipe, log.users, log.items)
        return cls._of(recipe, log)

    @classmethod
    def _of(cls, recipe: Recipe, log: Log, report: CheckReport | None = None, actions: Sequence[Action] = (), notes: Any = ()) -> "Dataset":
        if recipe.history.where:
            log = replace(log, in_history=_where(log, recipe.history.where))
        return cls(recipe, log, np.arange(len(log), dtype=np.int64), report, actions, notes)

    @classmethod
    def _packed(
        cls,
        recipe: Recipe,
        events: pl.DataFrame,
        users: pl.DataFrame | None,
        items: pl.DataFrame | None,
        report: CheckReport,
        actions: Sequence[Action],
        notes: tuple[str, ...],
    ) -> "Dataset":
        users = pl.DataFrame(schema={"user_id": pl.String}) if users is None else users
        items = pl.DataFrame(schema={"item_id": pl.String}) if items is None else items
        columns = sorted(event_columns(recipe) - set(ROLES))
        for name in columns:
            if name not in events.columns:
                raise _column_missing(recipe, name, events.columns)
        _check_table_columns(recipe, users, items)
        if not len(events):
            raise DataError("the events", must="at least one usable row", came="none after cleaning", do="See the check report.")
        return cls._of(recipe, Log.pack(events, users, items, columns), report, actions, notes)

    def part(self, rows: NDArray[np.integer]) -> "Dataset":
        """The same log with other rows."""
        return replace(self, rows=np.sort(np.asarray(rows, dtype=np.int64)))

    def split(self) -> tuple["Dataset", "Dataset", "Dataset"]:
        """Train, valid and test as the recipe says."""
        train, valid, test = split(self.log, self.rows, self.recipe.split)
        return self.part(train), self.part(valid), self.part(test)

    def folds(self) -> Iterator[tuple["Dataset", "Dataset", "Dataset"]]:
        """Train, valid and judged part of every fold that the recipe asks for; each judged event is in no other part of its fold.

        Raises:
            RecipeError: when it asks for none.
            DataError: when there are too few users, events or moments to fill them.
        """
        settings = self.recipe.split
        if settings.folds is None:
            do = 'Add under [split], for example: folds = 5, and fold_by = "user", "record" or "time".'
            raise RecipeError("key 'split.folds'", must="present for cross-validation", came="nothing", do=do)
        choosing = settings.model_copy(update={"test": 0.0, "valid_from": None, "test_from": None, "column": None})
        for learnt, judged in folds(self.log, self.rows, settings.folds, settings.fold_by, seed=settings.seed):
            train, valid, _ = split(self.log, learnt, choosing)
            yield self.part(train), self.part(valid), self.part(judged)

    def split_last(self, valid: float | int = 0.1, test: float | int = 0.1) -> tuple["Dataset", "Dataset", "Dataset"]:
        """Each user's newest events: shares (float) or counts (int)."""
        train, validation, tested = split_last(self.log, self.rows, valid, test)
        return self.part(train), self.part(validation), self.part(tested)

    def split_by_time(self, valid_from: str, test_from: str) -> tuple["Dataset", "Dataset", "Dataset"]:
        """Before `valid_from`, from there to `test_from`, and after (ISO dates or times)."""
        train, valid, test = split_by_time(self.log, self.rows, seconds(valid_from), seconds(test_from))
        return self.part(train), self.part(valid), self.part(test)

    @cached_property
    def positives(self) -> NDArray[np.int64]:
        """Event rows of this part that the next_item task counts as wanted; all rows when it sets no condition."""
        task = self.recipe.tasks.get(self.recipe.retrieval_task or "")
        return self.rows if task is None or task.positive_where is None else self.rows[self.where(task.positive_where)]

    def where(self, condition: str) -> NDArray[np.bool_]:
        """Whether a column condition holds, for each row of this part; missing counts as no."""
        return _where(self.log, condition, self.rows)

    def values(self, expression: str) -> NDArray[np.float32]:
        """An expression's value for each row of this part; missing is NaN."""
        return values_of(self.log, expression, self.rows)


def values_of(log: Log, expression: str, rows: NDArray[np.integer] | slice = slice(None)) -> NDArray[np.float32]:
    """A numeric or boolean expression over event columns at these rows; missing is NaN."""
    parsed = Expression(expression)
    rows = np.arange(len(log))[rows] if isinstance(rows, slice) else rows
    values = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows) or 1, ROWS_AT_ONCE):  # a type that does not fit is told even where there are no rows
        part = slice(start, start + ROWS_AT_ONCE)
        values[part] = _values_of(log, parsed, rows[part])
    return values


def _values_of(log: Log, expression: Expression, rows: NDArray[np.integer]) -> NDArray[np.float32]:
    frame = log.take(sorted(expression.columns) or ["timestamp"], rows)  # a constant, too, has one value per row
    try:
        values = frame.with_columns(expression.polars().cast(pl.Float32).fill_null(float("nan")).alias("=value"))["=value"]
    except pl.exceptions.PolarsError as error:
        told = ", ".join(_of_kind(frame[name]) for name in frame.columns)
        raise DataError(
            f"expression '{expression.text}'",
            must="numbers or true/false",
            came=told or str(error).splitlines()[0],
            do="Mend the values, or compare texts with texts and numbers with numbers.",
        ) from None
    return values.to_numpy()


def _of_kind(column: pl.Series) -> str:
    """A column and what it holds, with a text that is no number where there is one."""
    strange = column.filter(column.cast(pl.Float64, strict=False).is_null()).drop_nulls() if column.dtype == pl.String else column[:0]
    return f"column {column.name} ({column.dtype})" + (f" with texts such as '{strange[0][:40]}'" if len(strange) else "")


def labels_of(data: Dataset, task: str) -> NDArray[np.float32]:
    """A task's label for each row of a part; NaN where there is none or the task does not apply."""
    part = data.recipe.tasks[task]
    if part.label is None:
        raise RecipeError(
            f"task '{task}', key 'label'", must="a column or an expression", came="nothing", do='For example: label = "rating"'
        )
    labels = data.values(part.label)
    return labels if part.only_where is None else np.where(data.where(part.only_where), labels, np.float32("nan"))


def _where(log: Log, condition: str, rows: NDArray[np.integer] | slice = slice(None)) -> NDArray[np.bool_]:
    held: NDArray[np.bool_] = np.nan_to_num(values_of(log, condition, rows)) != 0
    return held


def event_columns(recipe: Recipe) -> set[str]:
    """Every event column the recipe speaks of."""
    texts = [recipe.history.where, recipe.serving.rank_by_learnt]
    texts += [text for task in recipe.tasks.values() for text in task.expressions]
    columns = {name for text in texts if text for name in Expression(text).columns}
    for features in (recipe.features.context, recipe.history.columns):
        columns |= {column for name, feature in features.items() for column in feature.reads(name)}
    columns |= recipe.features.counted_columns
    return columns | {column for column in (*recipe.scenario.named, recipe.split.column) if column}


def _column_missing(recipe: Recipe, name: str, known: Sequence[str]) -> DataError:
    users = [
        f"[tasks.{task_name}]"
        for task_name, task in recipe.tasks.items()
        if any(name in Expression(text).columns for text in task.expressions)
    ]
    learnt = recipe.serving.rank_by_learnt
    users += ["[serving] rank_by_learnt"] if learnt and name in Expression(learnt).columns else []
    users += [f"[features] context.{key}" for key, feature in recipe.features.context.items() if name in feature.reads(key)]
    users += [f"[features] item.{key}" for key, feature in recipe.features.candidate.items() if name in feature.reads(key)]
    users += [f"[history.columns] {key}" for key, feature in recipe.history.columns.items() if name in feature.reads(key)]
    users += ["[scenario]"] if name in recipe.scenario.named else []
    asked = f" (asked for by {', '.join(users)})" if users else ""
    return DataError(
        f"column '{name}' of the events{asked}",
        must="in the events",
        came=f"columns {', '.join(sorted(known))}",
        do=did_you_mean(name, known),
    )


def _check_table_columns(recipe: Recipe, users: pl.DataFrame, items: pl.DataFrame) -> None:
    for owner, frame, features in (("user", users, recipe.features.user), ("item", items, recipe.features.item)):
        asked_for = [(name, column) for name, feature in features.items() for column in feature.reads(name)]
        for asking, column in asked_for:
            if column not in frame.columns:
                raise DataError(
                    f"column '{column}' of the {owner}s (asked for by [features] {owner}.{asking})",
                    must=f"in the {owner} table",
                    came=f"columns {', '.join(frame.columns)}" if len(frame.columns) > 1 else "no such table",
                    do=did_you_mean(column, frame.columns),
                )
    if recipe.data.title and recipe.data.title not in items.columns:
        raise DataError(
            f"data.title '{recipe.data.title}'",
            must="a column of the items",
            came=f"columns {', '.join(items.columns)}",
            do=did_you_mean(recipe.data.title, items.columns),
        )


def _stream(events: Events, recipe: Recipe, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Batches with canonical columns."""
    frames = events.collect_batches(maintain_order=True) if isinstance(events, pl.LazyFrame) else events
    for frame in frames:
        batch = frame if isinstance(events, EventStream) else _canonical_events(frame)[0]
        for name in columns:
            if name not in batch.columns:
                raise _column_missing(recipe, name, batch.columns)
        yield batch


def _clean_tables(users: Any, items: Any, recipe: Recipe) -> tuple[pl.DataFrame, pl.DataFrame, list[Action]]:
    """Profiles and attributes, one row per id; tables of ids alone where there are none."""
    profiles, attributes = (
        pl.DataFrame(schema={key: pl.String}) if frame is None else _canonical(frame, key)
        for frame, key in ((users, "user_id"), (items, "item_id"))
    )
    event = pl.DataFrame({"user_id": ["any"], "item_id": ["any"], "timestamp": [0.0]})  # the rules ask for one
    cleaned = clean(event, profiles, attributes, CleanSettings.model_validate(recipe.data.clean.model_dump(include=RULES)), now=0.0)
    assert cleaned.users is not None
    assert cleaned.items is not None
    return cleaned.users, cleaned.items, cleaned.actions


def _news(table: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """The rows that the known table lacks or tells otherwise; all where the columns are others."""
    if table.schema != known.select(name for name in table.columns if name in known.columns).schema:
        return table
    return table.join(known, on=table.columns, how="anti", nulls_equal=True, maintain_order="left")


def _canonical_events(frame: Any) -> tuple[pl.DataFrame, str | None]:
    """Events as polars, ids as text, time as float seconds; and a note where the time's unit was guessed."""
    events = _canonical(frame, *ROLES)
    time, note = as_seconds(events["timestamp"], None, "the events")
    return events.with_columns(time.alias("timestamp")), note


def _canonical(frame: Any, *needed: str) -> pl.DataFrame:
    """Any frame as polars with the needed columns, ids as text."""
    table = "events" if "timestamp" in needed else f"{needed[0].removesuffix('_id')}s"
    frame = _as_polars(frame, table)
    for name in needed:
        if name not in frame.columns:
            raise DataError(
                f"column '{name}' of the {table}",
                must="present",
                came=f"columns {', '.join(frame.columns)}",
                do=did_you_mean(name, frame.columns),
            )
    ids = [as_ids(frame[name], f"the {table}").alias(name) for name in needed if name != "timestamp"]
    canonical: pl.DataFrame = frame.with_columns(*ids)
    return canonical


def _as_polars(frame: Any, table: str) -> pl.DataFrame:
    """A polars, pandas or Arrow frame as polars."""
    if isinstance(frame, pl.DataFrame):
        return frame
    try:
        # pandas speaks Arrow too, but its index and its object columns need their own reading
        converted = pl.from_pandas(frame) if hasattr(frame, "iloc") else pl.from_arrow(frame)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        came = f"{type(frame).__name__}: {error}"[:200]
        raise DataError(
            f"the {table}", must="a polars, pandas or Arrow frame", came=came, do="Build one, for example pl.DataFrame(...)."
        ) from None
    return converted if isinstance(converted, pl.DataFrame) else converted.to_frame()
