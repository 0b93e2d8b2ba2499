"""What a defect is, and what is searched for them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property
from math import isfinite
from typing import Any, Literal, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.defects.coded import Coded
from penchant.data.log import Column, Log
from penchant.data.split import split
from penchant.report.words import shortened
from penchant.schema.errors import PenchantError
from penchant.schema.expression import Expression
from penchant.schema.recipe import Recipe

Severity = Literal["error", "warning", "information"]
TableName = Literal["events", "users", "items"]
FIRST_ROWS = 5
DAY = 86_400.0
_LONGEST_EXAMPLE = 200


@dataclass(frozen=True)
class Defect:
    """One thing found, counted and located.

    Attributes:
        code: Stable name of the kind.
        table: Where.
        column: Which column, several with commas between; None when it concerns whole rows.
        severity: `error` cannot be learnt from, `warning` probably harms, `information` is good to know.
        count: Rows concerned.
        share: Of the table's rows, 0 to 1.
        first_rows: The first such rows, counted from 1 in the table as it was read; at most `FIRST_ROWS`.
        sentence: What it is, with its numbers.
        mend: The cleaning rule that deals with it, or advice.
        rule: The line of the recipe that mends it, as TOML with its whole key; None when only the export can be mended.
        examples: What the column holds in `first_rows`, shortened; as many, or none where the column is not one.
        rows: All such rows, counted from 0; None where they are not single rows.
    """

    code: str
    table: TableName
    column: str | None
    severity: Severity
    count: int
    share: float
    first_rows: tuple[int, ...]
    sentence: str
    mend: str
    rule: str | None = None
    examples: tuple[str, ...] = ()
    rows: pl.Series | None = field(default=None, repr=False, compare=False)

    @property
    def headline(self) -> str:
        """The sentence without the numbers that stand beside it on a page."""
        return self.sentence.partition(f": {self.count:,} of ")[0]

    @property
    def recipe_line(self) -> str | None:
        """The rule with its section, as people write it: `[data.clean] ids = "strip"`."""
        if self.rule is None:
            return None
        section = "data.clean" if self.rule.startswith("data.clean.") else self.rule.partition(".")[0]
        return f"[{section}] {self.rule.removeprefix(section + '.')}"

    @property
    def single_rows(self) -> bool:
        """Whether it is about rows, not about a column as a whole."""
        return f": {self.count:,} of " in self.sentence

    def to_json(self) -> dict[str, Any]:
        """Everything but `rows`."""
        told = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "rows"}
        return told | {"first_rows": list(self.first_rows), "examples": list(self.examples)}


@dataclass(frozen=True)
class Tables:
    """What is searched: tables with canonical columns as `sources` gives them, the recipe if there is one, and the time it is.

    `now` is seconds since 1970 (UTC). Users and items are None when there is no such table.
    """

    events: pl.DataFrame
    users: pl.DataFrame | None
    items: pl.DataFrame | None
    recipe: Recipe | None
    now: float

    def named(self) -> Iterator[tuple[TableName, pl.DataFrame]]:
        """Each table there is, with its name."""
        yield "events", self.events
        if self.users is not None:
            yield "users", self.users
        if self.items is not None:
            yield "items", self.items

    def texts(self) -> Iterator[tuple[TableName, pl.DataFrame, pl.Series]]:
        """Each column of text that is no id, with its table."""
        for table, frame in self.named():
            for column in frame:
                if column.dtype == pl.String and column.name not in ("user_id", "item_id"):
                    yield table, frame, column

    @cached_property
    def coded(self) -> Coded:
        """The events by number and in order, for all kinds together."""
        return Coded(self.events)

    @cached_property
    def _found(self) -> dict[tuple[str, TableName, str], Any]:
        return {}

    def counts(self, table: TableName, column: pl.Series) -> pl.DataFrame:
        """As `counted_values`, once for each column."""
        key = ("counts", table, column.name)
        if key not in self._found:
            of_id = table == "events" and column.name in ("user_id", "item_id")
            self._found[key] = self.coded.counts(column.name) if of_id else counted_values(column)
        return cast(pl.DataFrame, self._found[key])

    def different(self, table: TableName, column: pl.Series) -> int:
        """How many different values a column has, missing left out."""
        if column.dtype == pl.String:
            return self.counts(table, column).height
        key = ("different", table, column.name)
        if key not in self._found:
            self._found[key] = column.drop_nulls().n_unique()
        return cast(int, self._found[key])

    @cached_property
    def has_clock(self) -> bool:
        """Whether the times are of a clock, not an order such as 0, 1, 2, ..."""
        return has_clock(self.events)

    def uses(self, table: TableName, column: str) -> bool:
        """Whether the recipe learns from this column; without a recipe every column may be."""
        return self.recipe is None or column in _learnt_from(self.recipe, table)

    def reads_as_number(self, table: TableName, column: str) -> bool:
        """Whether the recipe takes this column for an amount, in a feature or a label; without a recipe every column may be one."""
        return self.recipe is None or column in _amounts(self.recipe, table)

    @cached_property
    def parts(self) -> tuple[pl.Series, pl.Series] | None:
        """Rows (from 0, ascending) to learn from and to be chosen by or judged on, by the recipe's split; None where it cannot divide."""
        if self.recipe is None or not {"user_id", "item_id", "timestamp"} <= set(self.events.columns):
            return None
        try:
            log, rows = self._packed(self.recipe.split.column)
            train, valid, test = split(log, np.arange(len(log)), self.recipe.split)
        except (PenchantError, pl.exceptions.PolarsError):
            return None  # training says it, in its own words
        return pl.Series(np.sort(rows[train])), pl.Series(np.sort(np.concatenate([rows[valid], rows[test]])))

    def _packed(self, period: str | None) -> tuple[Log, NDArray[np.int64]]:
        """The usable events as a log that can be split, by a column if one is named, and the row of each."""
        events = self.coded.by_user.drop_nulls("item")
        users, items = (self.coded.ids[key].to_frame(key) for key in ("user_id", "item_id"))
        user, item, time, row = (events[name].to_numpy() for name in ("user", "item", "time", "row"))
        columns = {period: Column.pack(self.events[period].gather(events["row"]))} if period else {}
        return Log(users, items, user, item, time, columns), row.astype(np.int64)


def has_clock(events: pl.DataFrame) -> bool:
    """Whether most times are of a clock: after 1973, in seconds."""
    middle = events["timestamp"].median()
    return isinstance(middle, float) and middle >= 1e8


def counted_values(column: pl.Series) -> pl.DataFrame:
    """The different values of a column, as `text`, and how many `rows` have each; missing left out, in any order."""
    return column.drop_nulls().alias("text").value_counts(name="rows")


def finite_of(column: pl.Series) -> pl.Series:
    """The amounts of a column of numbers that are finite, as float64 `[finite rows]`."""
    amounts = column.cast(pl.Float64).to_numpy()  # missing is nan
    return pl.Series(column.name, amounts[np.isfinite(amounts)])


def having(column: pl.Series, values: pl.Series) -> pl.Series:
    """Whether each row has one of these values `[rows]`; where there are none, no row is looked at."""
    return column.is_in(values.implode()) if values.len() else pl.repeat(False, column.len(), eager=True)


def located(
    frame: pl.DataFrame,
    bad: pl.Expr | pl.Series,
    *,
    code: str,
    table: TableName,
    column: str | None,
    severity: Severity,
    what: str,
    mend: str,
    rule: str | None = None,
    show: Callable[[pl.Series], pl.Series] | None = None,
) -> Iterator[Defect]:
    """A defect for the rows where `bad` is true, or nothing when there is none; missing counts as not bad.

    Args:
        frame: The table, `[rows, columns]`.
        bad: A condition over its columns, or its values `[rows]`.
        what: What such rows are ("events without a user_id"); numbers and the first row are added.
        rule: The recipe's line that mends it.
        show: What is shown of the column's first such values, where their beginnings would not tell it.
    """
    mask = bad if isinstance(bad, pl.Series) else frame.select(bad.alias("bad")).to_series()
    rows = mask.arg_true()
    if rows.len() == 0:
        return
    share = rows.len() / frame.height
    first = tuple(int(row) + 1 for row in rows[:FIRST_ROWS])
    sentence = f"{what}: {rows.len():,} of {frame.height:,} rows ({percent(share)}), first at row {first[0]:,}"
    held = frame[column].gather(rows[:FIRST_ROWS]) if column is not None and column in frame.columns else pl.Series()
    examples = _examples(show(held) if show else held)
    yield Defect(code, table, column, severity, rows.len(), share, first, sentence, mend, rule, examples, rows)


def percent(share: float) -> str:
    """A share for people; never 0 % of something that is there, nor 100 % of something incomplete.

    >>> percent(0.131), percent(0.00001), percent(0.99999), percent(1.0)
    ('13.1 %', 'under 0.01 %', 'over 99.9 %', '100 %')
    """
    if 0 < share < 0.0001:
        return "under 0.01 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{100 * share:.3g} %"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Names for a sentence.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c", "d"], most=2)
    ('a', 'a and b', 'a, b and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "user"), counted(1200, "user")
    ('1 user', '1,200 users')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def _examples(values: pl.Series) -> tuple[str, ...]:
    if values.name == "timestamp" and values.dtype.is_float():
        return tuple(_moment(value) for value in values.to_list())
    told = ("" if value is None else repr(value) if isinstance(value, str) else f"{value}" for value in values)
    return tuple(shortened(each, _LONGEST_EXAMPLE) for each in told)


def _moment(seconds: float | None) -> str:
    """A clock time for people, with its seconds since 1970 where it is none."""
    if seconds is None:
        return ""
    if not isfinite(seconds) or not -3e9 < seconds < 1e12:
        return f"{seconds:g}"
    if 0 < seconds < 1e8 or seconds > 2.6e11:
        return f"{seconds:.0f}"
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat(" ", "seconds").removesuffix("+00:00")


def _amounts(recipe: Recipe, table: TableName) -> set[str]:
    own = {"events": {**recipe.features.context, **recipe.history.columns}, "users": recipe.features.user, "items": recipe.features.item}
    features = {column for name, part in own[table].items() for column in part.reads(name) if part.kind == "number"}
    return features | {task.label for task in recipe.tasks.values() if task.label and table == "events"}


def _learnt_from(recipe: Recipe, table: TableName) -> set[str]:
    if table != "events":
        features = recipe.features.user if table == "users" else recipe.features.item
        return {column for name, feature in features.items() for column in feature.reads(name)}
    features = {**recipe.features.context, **recipe.history.columns}
    texts = [recipe.history.where, *(text for task in recipe.tasks.values() for text in task.expressions)]
    columns = {column for name, feature in features.items() for column in feature.reads(name)}
    columns |= {column for text in texts if text for column in Expression(text).columns} | recipe.features.counted_columns
    return columns | {*recipe.scenario.named, "timestamp"}
