"""Counts and names every defect of the tables; changes nothing."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from textwrap import wrap
from typing import Any

import polars as pl

from penchant.data import defects
from penchant.data.defects.defect import Defect, Tables, counted
from penchant.data.profile import Profile, profile
from penchant.report.words import shortened
from penchant.schema.recipe import Recipe

_LONGEST = 40
"""Characters of an example in a terminal."""
_WEIGHT = {"error": 0, "warning": 1, "information": 2}


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        counts: Rows of each table, and different users and items in the events: `events`, `users`, `items`.
        defects: What was found, errors first and the most frequent first among equals.
        profile: What the columns hold and when the events were, for the page.
    """

    counts: dict[str, int]
    defects: tuple[Defect, ...]
    profile: Profile = field(default_factory=lambda: Profile((), None))

    def of(self, *severities: str) -> tuple[Defect, ...]:
        """The defects of these severities."""
        return tuple(defect for defect in self.defects if defect.severity in severities)

    def to_json(self) -> dict[str, Any]:
        """Counts and defects as plain lists and dictionaries."""
        return {"counts": dict(self.counts), "defects": [defect.to_json() for defect in self.defects]}

    def summary(self) -> str:
        """One line: the counts, and how many defects."""
        counts = "  ".join(f"{self.counts[name]:,} {name}" for name in ("users", "items", "events"))
        errors, warnings, rest = (len(self.of(severity)) for severity in _WEIGHT)
        told = counted(errors + warnings, "defect") + (f" ({counted(errors, 'error')})" if errors else "")
        return f"{counts}   checked: {told}" + (f", {counted(rest, 'thing')} to know" if rest else "")

    def __str__(self) -> str:
        """The summary, what was found, and below each error and warning what it holds and what would mend it."""
        return self.told()

    def told(self, width: int | None = None, most: int | None = None) -> str:
        """The report as lines for a terminal.

        Args:
            width: Characters of a line; None breaks none.
            most: How many things to know are named; the others are counted. None names all.
        """
        wide = max((len(f"{defect.count:,}") for defect in self.defects), default=0)
        information = self.of("information")
        lines = _line("", self.summary(), width)
        for defect in (*self.of("error", "warning"), *information[:most]):
            lines += _line(f"  {defect.severity:<11}  {defect.count:>{wide},}  ", defect.sentence, width)
            if defect.severity != "information":
                lines += [line for told in _below(defect) for line in _line(f"  {'':<11}  {'':>{wide}}  ", told, width)]
        if most is not None and len(information) > most:
            lines.append(f"  {'':<11}  {'':>{wide}}  and {counted(len(information) - most, 'more thing')} to know, in the report")
        return "\n".join(lines)


def _line(first: str, text: str, width: int | None) -> list[str]:
    """A text behind a beginning, in as many lines as it needs."""
    if width is None:
        return [first + text]
    hanging = len(text) - len(text.lstrip())
    whole = text.replace(" %", "\u00a0%")  # no line begins with a percent sign
    lines = wrap(whole, max(width, 60), initial_indent=first, subsequent_indent=" " * (len(first) + hanging), break_on_hyphens=False)
    return [line.replace("\u00a0", " ") for line in lines]


def _below(defect: Defect) -> Iterator[str]:
    if any(defect.examples):
        held = (shortened(example, _LONGEST) or "empty" for example in defect.examples)
        shown = ", ".join(f"row {row:,} {example}" for row, example in zip(defect.first_rows, held, strict=True))
        yield f"  holds: {shown}"
    yield f"  mend:  {defect.recipe_line or defect.mend}"


def check(
    events: pl.DataFrame, users: pl.DataFrame | None, items: pl.DataFrame | None, recipe: Recipe | None = None, *, now: float
) -> CheckReport:
    """Every defect that a file in `defects/` knows how to find.

    Args:
        events: Canonical columns `user_id`, `item_id` (text), `timestamp` (seconds since 1970, UTC), as `sources` reads them.
        users: With `user_id`; None when there is no such table.
        items: With `item_id`; None when there is no such table.
        recipe: Whose labels are checked; None checks none.
        now: The present, seconds since 1970 (UTC); later events are defects.
    """
    tables = Tables(events, users, items, recipe, now)
    found = [defect for find in _kinds() for defect in find(tables)]
    found.sort(key=lambda defect: (_WEIGHT[defect.severity], -defect.count))
    shapes = profile(tables, found)
    # The rows served the timeline; a report that lives on must not hold them.
    return CheckReport(_counts(tables), tuple(replace(defect, rows=None) for defect in found), shapes)


@cache
def _kinds() -> tuple[Callable[[Tables], Iterator[Defect]], ...]:
    names = [module.name for module in pkgutil.iter_modules(defects.__path__)]
    modules = [importlib.import_module(f"{defects.__name__}.{name}") for name in names]
    return tuple(module.find for module in modules if hasattr(module, "find"))


def _counts(tables: Tables) -> dict[str, int]:
    users = tables.events["user_id"].drop_nulls().n_unique() if tables.users is None else tables.users.height
    items = tables.events["item_id"].drop_nulls().n_unique() if tables.items is None else tables.items.height
    return {"events": tables.events.height, "users": users, "items": items}
