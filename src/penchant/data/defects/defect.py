"""What a defect is, and what is searched for them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from penchant.schema.recipe import Recipe

Severity = Literal["error", "warning", "information"]
TableName = Literal["events", "users", "items"]
FIRST_ROWS = 5
DAY = 86_400.0


@dataclass(frozen=True)
class Defect:
    """One thing found, counted and located.

    Attributes:
        code: Stable name of the kind.
        table: Where.
        column: Which column; None when it concerns whole rows.
        severity: `error` cannot be learnt from, `warning` probably harms, `information` is good to know.
        count: Rows concerned.
        share: Of the table's rows, 0 to 1.
        first_rows: The first such rows, counted from 1 in the table as it was read; at most `FIRST_ROWS`.
        sentence: What it is, with its numbers.
        mend: The cleaning rule that deals with it, or advice.
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

    def to_json(self) -> dict[str, Any]:
        """The attributes as JSON takes them."""
        return asdict(self) | {"first_rows": list(self.first_rows)}


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

    def has_clock(self) -> bool:
        """Whether the times are of a clock, not an order such as 0, 1, 2, ..."""
        middle = self.events["timestamp"].median()
        return isinstance(middle, float) and middle >= 1e8


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
) -> Iterator[Defect]:
    """A defect for the rows where `bad` is true, or nothing when there is none; missing counts as not bad.

    Args:
        frame: The table, `[rows, columns]`.
        bad: A condition over its columns, or its values `[rows]`.
        what: What such rows are ("events without a user_id"); numbers and the first row are added.
    """
    mask = bad if isinstance(bad, pl.Series) else frame.select(bad.alias("bad")).to_series()
    rows = mask.arg_true()
    if rows.len() == 0:
        return
    share = rows.len() / frame.height
    first = tuple(int(row) + 1 for row in rows[:FIRST_ROWS])
    sentence = f"{what}: {rows.len():,} of {frame.height:,} rows ({percent(share)}), first at row {first[0]:,}"
    yield Defect(code, table, column, severity, rows.len(), share, first, sentence, mend)


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
