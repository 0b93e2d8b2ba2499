"""Applies the recipe's cleaning rules; every row that goes is kept aside with its reason."""

from dataclasses import dataclass, field

import polars as pl

from penchant.data.defects.defect import TableName
from penchant.data.defects.duplicates import event_keys
from penchant.data.defects.times import is_future
from penchant.schema.errors import DataError
from penchant.schema.recipe import CleanSettings


@dataclass(frozen=True)
class Action:
    """What one rule did to one table: its key in the recipe, the rows it took out, and a sentence that says so."""

    rule: str
    table: TableName
    rows: int
    sentence: str


@dataclass(frozen=True)
class Cleaned:
    """Clean tables, and what was done.

    Attributes:
        events: The rows that stay, in their old order. Every row has its ids and a finite time.
        users: One row per `user_id`; None when there was no table.
        items: One row per `item_id`; None when there was no table.
        actions: In the order they were done; rules that found nothing are absent.
        rejected: The rows taken out of each table that lost any, with the rule in the column `reason`.
    """

    events: pl.DataFrame
    users: pl.DataFrame | None
    items: pl.DataFrame | None
    actions: list[Action]
    rejected: dict[TableName, pl.DataFrame]


def clean(events: pl.DataFrame, users: pl.DataFrame | None, items: pl.DataFrame | None, settings: CleanSettings, *, now: float) -> Cleaned:
    """The tables after the rules of `settings`. Tables without defects come back as they are, uncopied.

    Rules in order: missing ids; missing or infinite times; future times; duplicates; minimum events per user and item, again and again
    until both hold. Users and items always end with one row per id: "keep_all" speaks of events only.

    Args:
        events: With `user_id`, `item_id`, `timestamp` (seconds since 1970, UTC).
        users: With `user_id`, or None.
        items: With `item_id`, or None.
        settings: The rules.
        now: The present, seconds since 1970 (UTC).

    Raises:
        DataError: when a rule is "refuse" and finds a row, or no event is left.
    """
    log = _Sieve("events", events)
    log.missing_ids(settings, ["user_id", "item_id"])
    _times(log, settings, now)
    if settings.duplicates != "keep_all":
        log.duplicates(settings, event_keys(events))
    _too_few(log, settings)
    if log.frame.is_empty():
        raise DataError("events", must="left after cleaning", came=log.story(), do="Loosen the rules in [data.clean] or look at the file.")
    tables = [log, _of_records("users", "user_id", users, settings), _of_records("items", "item_id", items, settings)]
    actions = [action for table in tables if table for action in table.actions]
    rejected = {table.name: pl.concat(table.rejected) for table in tables if table and table.rejected}
    kept_users, kept_items = (table.frame if table else None for table in tables[1:])
    return Cleaned(log.frame, kept_users, kept_items, actions, rejected)


@dataclass
class _Sieve:
    """One table on its way through the rules."""

    name: TableName
    frame: pl.DataFrame
    actions: list[Action] = field(default_factory=list)
    rejected: list[pl.DataFrame] = field(default_factory=list)

    def drop(self, rule: str, bad: pl.Expr, what: str) -> int:
        """Takes out the rows where `bad` is true and says so; the number of rows."""
        mask = self.frame.select(bad.fill_null(False).alias("bad")).to_series()
        count = int(mask.sum())
        if count:
            self.rejected.append(self.frame.filter(mask).with_columns(reason=pl.lit(rule)))
            self.frame = self.frame.filter(~mask)
            self.actions.append(Action(rule, self.name, count, f"{rule}: left out {count:,} {self.name} {what}"))
        return count

    def refuse(self, rule: str, bad: pl.Expr, must: str, what: str) -> None:
        """Raises `DataError` when `bad` is true anywhere."""
        rows = self.frame.select(bad.fill_null(False).arg_true()).to_series()
        if rows.len():
            came = f"{rows.len():,} of {self.frame.height:,} rows {what}, first row {rows[0] + 1:,}"
            raise DataError(self.name, must=must, came=came, do=f'Mend them, or set data.clean.{rule} = "drop".')

    def apply(self, decision: str, rule: str, bad: pl.Expr, must: str, what: str) -> None:
        """Drops or refuses such rows, as the recipe decides."""
        if decision == "refuse":
            self.refuse(rule, bad, must, what)
        elif decision == "drop":
            self.drop(rule, bad, what)

    def missing_ids(self, settings: CleanSettings, ids: list[str]) -> None:
        named = " or ".join(ids)
        bad = pl.any_horizontal(pl.col(name).is_null() | (pl.col(name) == "") for name in ids)
        self.apply(settings.missing_ids, "missing_ids", bad, f"complete in {' and '.join(ids)}", f"without {named}")

    def duplicates(self, settings: CleanSettings, keys: list[str]) -> None:
        key = pl.struct(keys)
        bad = ~key.is_first_distinct() if settings.duplicates == "keep_first" else ~key.is_last_distinct()
        kept = "earlier" if settings.duplicates == "keep_first" else "later"
        self.drop("duplicates", bad, f"with the {', '.join(keys)} of {'an ' if kept == 'earlier' else 'a '}{kept} row")

    def story(self) -> str:
        """Why the table is empty, for an error."""
        return "; ".join(action.sentence for action in self.actions) or "a table without rows"


def _times(log: _Sieve, settings: CleanSettings, now: float) -> None:
    time = pl.col("timestamp")
    log.apply(settings.missing_time, "missing_time", time.is_null() | ~time.is_finite(), "at a known time", "without a finite timestamp")
    log.apply(settings.future_times, "future_times", is_future(time, now), "in the past", "more than a day in the future")


def _too_few(log: _Sieve, settings: CleanSettings) -> None:
    """Drops users and items with too few events until none is left; dropping one may make another too rare."""
    rules = [("user", settings.minimum_events_per_user), ("item", settings.minimum_events_per_item)]
    dropped = 1
    while dropped:
        dropped = 0
        for owner, least in rules:
            if least > 1:
                few = pl.len().over(f"{owner}_id") < least
                dropped += log.drop(f"minimum_events_per_{owner}", few, f"of {owner}s with fewer than {least:,} events")


def _of_records(name: TableName, id_name: str, frame: pl.DataFrame | None, settings: CleanSettings) -> _Sieve | None:
    if frame is None:
        return None
    table = _Sieve(name, frame)
    table.missing_ids(settings, [id_name])
    table.duplicates(settings, [id_name])
    return table
