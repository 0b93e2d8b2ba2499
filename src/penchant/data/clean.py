"""Applies the recipe's cleaning rules; every row that goes is kept aside with its reason and its number."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from penchant.data.defects import dates
from penchant.data.defects.bots import bots
from penchant.data.defects.defect import TableName, counted, has_clock
from penchant.data.defects.duplicates import event_keys, repeated
from penchant.data.defects.ids import PLACEHOLDERS
from penchant.data.defects.impossible import outside
from penchant.data.defects.missing import stands_for_missing
from penchant.data.defects.spellings import rarer_spellings
from penchant.data.defects.times import is_early, is_future, stands_for_none, unit_factor
from penchant.data.spelling import casefolded, stripped
from penchant.schema.errors import DataError, did_you_mean
from penchant.schema.sections.data import CleanSettings, LimitSettings

_IDS: dict[TableName, tuple[str, ...]] = {"events": ("user_id", "item_id"), "users": ("user_id",), "items": ("item_id",)}


@dataclass(frozen=True)
class Action:
    """What one rule did to one table.

    Attributes:
        rule: Its key in the recipe, below `data.clean`.
        table: Which table.
        rows: Rows it took out or changed.
        sentence: What it did, with its numbers.
        rejected: The rows it took out, with `reason` and `row` (from 1, in the table as it was read); None when it changed values.
    """

    rule: str
    table: TableName
    rows: int
    sentence: str
    rejected: pl.DataFrame | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Everything but the rows."""
        return {"rule": self.rule, "table": self.table, "rows": self.rows, "sentence": self.sentence}


@dataclass(frozen=True)
class Cleaned:
    """Clean tables, and what was done.

    Attributes:
        events: The rows that stay, in their old order. Every row has its ids and a finite time.
        users: One row per `user_id`; None when there was no table.
        items: One row per `item_id`; None when there was no table.
        actions: In the order they were done; rules that found nothing are absent.
        rejected: The rows taken out of each table that lost any, with the rule in `reason` and the row's number (from 1) in `row`.
    """

    events: pl.DataFrame
    users: pl.DataFrame | None
    items: pl.DataFrame | None
    actions: list[Action]
    rejected: dict[TableName, pl.DataFrame]


def clean(events: pl.DataFrame, users: pl.DataFrame | None, items: pl.DataFrame | None, settings: CleanSettings, *, now: float) -> Cleaned:
    """The tables after the rules of `settings`. Tables without defects come back as they are, uncopied.

    The rules are applied in the order of `CleanSettings`: first those that mend values, then those that take rows out, last the minimum
    events per user and item, again and again until both hold. Users and items always end with one row per id: "keep_all" speaks of
    events only.

    Args:
        events: With `user_id`, `item_id`, `timestamp` (seconds since 1970, UTC).
        users: With `user_id`, or None.
        items: With `item_id`, or None.
        settings: The rules.
        now: The present, seconds since 1970 (UTC).

    Raises:
        DataError: when a rule is "refuse" and finds a row, a limit is of no column of numbers, or no event is left.
    """
    log = _Sieve("events", events)
    records = [_Sieve(name, frame) for name, frame in (("users", users), ("items", items)) if frame is not None]  # type: ignore[arg-type]
    tables = [log, *records]
    _known_columns(tables, settings)
    for table in tables:
        _mend_values(table, settings)
    if settings.time_units == "mend" and has_clock(log.frame):
        factor = unit_factor(log.frame, now)
        log.change("time_units", "timestamp", factor.is_not_null(), log.frame["timestamp"] * factor, "read in the unit of the others")
    for table in tables:
        table.missing_ids(settings)
    _choose_events(log, records, settings, now)
    for table in records:
        table.duplicates(settings, list(_IDS[table.name]))
    if log.frame.is_empty():
        raise DataError("events", must="left after cleaning", came=log.story(), do="Loosen the rules in [data.clean] or look at the file.")
    kept = {table.name: table.frame for table in records}
    actions = [action for table in tables for action in table.actions]
    return Cleaned(log.frame, kept.get("users"), kept.get("items"), actions, rejected(actions))


def rejected(actions: Sequence[Action]) -> dict[TableName, pl.DataFrame]:
    """The rows that cleaning took out of each table that lost any, in the order they went."""
    frames: dict[TableName, list[pl.DataFrame]] = {}
    for action in actions:
        if action.rejected is not None:
            frames.setdefault(action.table, []).append(action.rejected)
    return {table: pl.concat(parts) for table, parts in frames.items()}


def write_rejected(actions: Sequence[Action], folder: Path) -> list[Path]:
    """Writes the rejected rows of each table as `TABLE.parquet` and takes away those of an earlier run; the files' paths.

    Raises:
        DataError: when a file of such a name holds something else, which is left as it is.
        OSError: when the folder cannot be written.
    """
    found = rejected(actions)
    earlier = [file for name in _IDS if (file := folder / f"{name}.parquet").exists()]
    for file in earlier:
        _refuse_other(file)
    for file in earlier:
        file.unlink()
    if found:
        folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.parquet" for name in found]
    for path, frame in zip(paths, found.values(), strict=True):
        frame.write_parquet(path)
    return paths


def _refuse_other(file: Path) -> None:
    """A table of the user's own may lie in the folder and bear the name."""
    try:
        own = {"row", "reason"} <= pl.read_parquet_schema(file).keys()
    except (pl.exceptions.PolarsError, OSError):
        own = False
    if not own:
        raise DataError(f"'{file}'", must="absent, or rows rejected earlier", came="another file", do="Name another folder.")


@dataclass
class _Sieve:
    """One table on its way through the rules."""

    name: TableName
    frame: pl.DataFrame
    actions: list[Action] = field(default_factory=list)
    numbers: pl.Series = field(init=False)
    """Where each row stood in the table as it was read, from 1."""

    def __post_init__(self) -> None:
        self.numbers = pl.int_range(1, self.frame.height + 1, eager=True).alias("row")

    def drop(self, rule: str, bad: pl.Expr, what: str) -> int:
        """Takes out the rows where `bad` is true and says so; the number of rows."""
        mask = self.frame.select(bad.fill_null(False).alias("bad")).to_series()
        count = int(mask.sum())
        if count:
            gone = self.frame.filter(mask).with_columns(reason=pl.lit(rule), row=self.numbers.filter(mask))
            self.frame, self.numbers = self.frame.filter(~mask), self.numbers.filter(~mask)
            self.actions.append(Action(rule, self.name, count, f"{rule}: left out {count:,} {self.name} {what}", gone))
        return count

    def change(self, rule: str, column: str, bad: pl.Series, values: pl.Series | None, what: str) -> None:
        """Gives the column other values (missing when None) where `bad` is true, and says so."""
        bad = bad.fill_null(False)
        count = int(bad.sum())
        if count:
            old = self.frame[column].filter(bad)[0]
            new = pl.lit(None) if values is None else values
            self.frame = self.frame.with_columns(pl.when(bad).then(new).otherwise(pl.col(column)).alias(column))
            shown = f"{rule}: {column} of {count:,} {self.name} {what} (such as {old!r:.60})"
            self.actions.append(Action(rule, self.name, count, shown))

    def refuse(self, rule: str, bad: pl.Expr, must: str, what: str) -> None:
        """Raises `DataError` when `bad` is true anywhere."""
        rows = self.frame.select(bad.fill_null(False).arg_true()).to_series()
        if rows.len():
            came = f"{rows.len():,} of {self.frame.height:,} rows {what}, first row {self.numbers[rows[0]]:,}"
            raise DataError(self.name, must=must, came=came, do=f'Mend them, or set data.clean.{rule} = "drop".')

    def apply(self, decision: str, rule: str, bad: pl.Expr, must: str, what: str) -> None:
        """Drops or refuses such rows, as the recipe decides."""
        if decision == "refuse":
            self.refuse(rule, bad, must, what)
        elif decision == "drop":
            self.drop(rule, bad, what)

    def missing_ids(self, settings: CleanSettings) -> None:
        ids = _IDS[self.name]
        bad = pl.any_horizontal(pl.col(name).is_null() | (pl.col(name) == "") for name in ids)
        self.apply(settings.missing_ids, "missing_ids", bad, f"complete in {' and '.join(ids)}", f"without {' or '.join(ids)}")

    def duplicates(self, settings: CleanSettings, keys: list[str]) -> None:
        key = pl.struct(keys)
        bad = ~key.is_first_distinct() if settings.duplicates == "keep_first" else ~key.is_last_distinct()
        kept = "earlier" if settings.duplicates == "keep_first" else "later"
        self.drop("duplicates", bad, f"with the {', '.join(keys)} of {'an ' if kept == 'earlier' else 'a '}{kept} row")

    def story(self) -> str:
        """Why the table is empty, for an error."""
        return "; ".join(action.sentence for action in self.actions) or "a table without rows"


def _known_columns(tables: list[_Sieve], settings: CleanSettings) -> None:
    """Every limit is of a column of numbers."""
    for name in settings.limits:
        having = [table for table in tables if name in table.frame.columns]
        if not having:
            known = sorted({column for table in tables for column in table.frame.columns})
            raise DataError(
                f"data.clean.limits.{name}", must="of a column of the tables", came=f"no column '{name}'", do=did_you_mean(name, known)
            )
        for table in having:
            if not table.frame.schema[name].is_numeric():
                came = f"column '{name}' of the {table.name}, which is {table.frame.schema[name]}"
                do = "Take the limit out, or mend the cells that are not numbers."
                raise DataError(f"data.clean.limits.{name}", must="of a column of numbers", came=came, do=do)


def _mend_values(table: _Sieve, settings: CleanSettings) -> None:
    """The rules that change values and leave the rows: spelling of ids, stand-ins, spelling of categories, limits."""
    for column in _IDS[table.name]:
        if settings.ids != "keep":
            written = stripped if settings.ids == "strip" else casefolded
            plain = table.frame.select(written(pl.col(column))).to_series()
            table.change("ids", column, table.frame[column] != plain, plain, "written another way")
    if settings.stand_ins == "missing":
        _stand_ins(table)
    if settings.spellings == "commonest":
        _spellings(table)
    for name, limits in settings.limits.items():
        if name in table.frame.columns:
            _limit(table, name, limits, settings)


def _spellings(table: _Sieve) -> None:
    for column in table.frame:
        rare = rarer_spellings(column) if column.dtype == pl.String and column.name not in ("user_id", "item_id") else None
        if rare is not None and rare.height:
            better = column.replace(rare["text"], rare["better"])
            table.change("spellings", column.name, column != better, better, "spelt as most rows do")


def _stand_ins(table: _Sieve) -> None:
    for column in table.frame:
        if column.name in _IDS[table.name]:
            bad = column.str.to_lowercase().is_in(PLACEHOLDERS)
        elif column.name == "timestamp" and table.name == "events":
            bad = stands_for_none(table.frame) if has_clock(table.frame) else pl.Series([False]).new_from_index(0, table.frame.height)
        elif dates.is_of_dates(column):
            bad = table.frame.select(dates.stands_for_none(pl.col(column.name)).alias("bad")).to_series()
        elif column.dtype == pl.String:
            bad = stands_for_missing(column)
        else:
            continue
        table.change("stand_ins", column.name, bad, None, "stood for missing")


def _limit(table: _Sieve, column: str, limits: LimitSettings, settings: CleanSettings) -> None:
    bad = outside(column, limits)
    what = f"whose {column} is outside its limits"
    if settings.impossible_values == "missing":
        mask = table.frame.select(bad.alias("bad")).to_series()
        table.change("limits", column, mask, None, "made missing: outside its limits")
    elif settings.impossible_values == "drop":
        table.drop("impossible_values", bad, what)
    else:
        table.refuse("impossible_values", bad, f"within data.clean.limits.{column}", what)


def _choose_events(log: _Sieve, records: list[_Sieve], settings: CleanSettings, now: float) -> None:
    """The rules that take events out."""
    time = pl.col("timestamp")
    log.apply(settings.missing_time, "missing_time", time.is_null() | ~time.is_finite(), "at a known time", "without a finite timestamp")
    if settings.early_times != "keep" and has_clock(log.frame):
        log.apply(settings.early_times, "early_times", is_early(time), "after 1980", "before 1980")
    log.apply(settings.future_times, "future_times", is_future(time, now), "in the past", "more than a day in the future")
    if settings.bots == "drop":
        users = bots(log.frame)
        log.drop("bots", pl.col("user_id").is_in(users.implode()), f"of {counted(users.len(), 'user')} who are none")
    for table, decision in ((each, getattr(settings, f"unknown_{each.name}")) for each in records):
        if decision == "drop":
            (key,) = _IDS[table.name]
            known = table.frame[key].implode()
            log.drop(f"unknown_{table.name}", ~pl.col(key).is_in(known), f"of {table.name} that the table of {table.name} lacks")
    _repeated(log, settings)
    _too_few(log, settings)


def _repeated(log: _Sieve, settings: CleanSettings) -> None:
    keys = event_keys(log.frame)
    if settings.conflicts == "drop" and log.frame.select(repeated(keys).any()).item():
        others = [name for name in log.frame.columns if name not in keys]
        again = pl.struct(keys).is_duplicated()
        whole = pl.struct([*keys, *others])
        differing = again & (whole.n_unique().over(keys) > 1) if others else pl.lit(False)
        log.drop("conflicts", differing, f"that contradict another of the same {', '.join(keys)}")
    if settings.duplicates != "keep_all":
        log.duplicates(settings, keys)


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
