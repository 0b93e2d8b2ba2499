"""Columns of users or items that were summed over events, later ones among them: they tell the future."""

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.defects.defect import Defect, TableName, Tables, counted, listed

STRONG = 0.2
"""Rank correlation with the number of later events. Of the honest columns of a month of short videos the strongest had .03; of those
that were summed over it the weakest had .27."""
_EXPLAINED = 0.1
_SAME = 0.98
_ENOUGH_ROWS = 100
_FEW_VALUES = 5
Ranks = NDArray[np.float64]


def find(tables: Tables) -> Iterator[Defect]:
    """Columns that follow how often their rows occur later (warning where the recipe learns from them); none without a recipe."""
    if tables.recipe is None or tables.parts is None:
        return
    if tables.items is not None:
        yield from _of_table(tables, "items", "item_id", tables.items)
    # Where each user's last events are judged, there are as many as the user has events.
    if tables.users is not None and tables.recipe.split.kind == "time":
        yield from _of_table(tables, "users", "user_id", tables.users)


def _of_table(tables: Tables, table: TableName, key: str, frame: pl.DataFrame) -> Iterator[Defect]:
    events = _Events(*_counts(tables, key, frame))
    numbers = [column for column in frame if column.dtype.is_numeric() and tables.different(table, column) >= _FEW_VALUES]
    found = [(column.name, strength) for column in numbers if (strength := _strength(column, events)) is not None]
    for used in (True, False):
        columns = sorted(((name, strength) for name, strength in found if tables.uses(table, name) is used), key=lambda pair: -pair[1])
        if columns:
            yield _defect(table, frame.height, columns, used)


def _defect(table: TableName, rows: int, columns: list[tuple[str, float]], used: bool) -> Defect:
    names = [name for name, _ in columns]
    strongest, weakest = columns[0][1], columns[-1][1]
    strengths = f"{strongest:.2f}" if len(columns) == 1 else f"{strongest:.2f} to {weakest:.2f}"
    sentence = (
        f"{counted(len(names), 'column')} of {table} may tell the future: {listed(names)} "
        f"{'follows' if len(names) == 1 else 'follow'} how often {table} occur in the events that are not learnt from "
        f"(rank correlation {strengths})"
    )
    mend = (
        "Take it out of [features] unless it was known when training ends." if used else "The recipe does not learn from it; leave it so."
    )
    return Defect("future_aggregate", table, ", ".join(names), "warning" if used else "information", rows, 1.0, (), sentence, mend)


def _counts(tables: Tables, key: str, frame: pl.DataFrame) -> tuple[Ranks, Ranks]:
    """How many events to learn from and how many others each row of a table has, `[rows]`."""
    assert tables.parts is not None
    ids, codes = tables.coded.ids[key], tables.coded.codes[key]
    counts = {f"{n}": np.bincount(codes.gather(part).to_numpy(), minlength=ids.len()) for n, part in enumerate(tables.parts)}
    rows = frame.select(key).join(pl.DataFrame({key: ids, **counts}), on=key, how="left", maintain_order="left")
    known, later = (rows[name].fill_null(0).to_numpy() for name in counts)
    return known, later


class _Events:
    """How many events to learn from and how many others each row of a table has, `[rows]`, as ranks."""

    def __init__(self, known: Ranks, later: Ranks) -> None:
        self._counts, self._ranks = (known, later), (_ranks(known), _ranks(later))

    def among(self, present: NDArray[np.bool_]) -> tuple[Ranks, Ranks]:
        """Ranks among some of the rows; those of all are kept, for most columns have no gap."""
        if present.all():
            return self._ranks
        known, later = (_ranks(counts[present]) for counts in self._counts)
        return known, later


def _strength(column: pl.Series, events: _Events) -> float | None:
    """The rank correlation with later events, where it is strong and not what the events to learn from say already; else None."""
    if _are_years(column):
        return None
    amounts = column.cast(pl.Float64).to_numpy()  # missing is nan
    present = np.isfinite(amounts)
    if present.sum() < _ENOUGH_ROWS:
        return None
    values, (before, after) = _ranks(amounts[present]), events.among(present)
    with_later = _correlation(values, after)
    if with_later < STRONG:
        return None
    with_known, both = _correlation(values, before), _correlation(before, after)
    beyond = (with_later - with_known * both) / max(1e-6, ((1 - with_known**2) * (1 - both**2)) ** 0.5)
    counted_before = with_known >= _SAME and abs(beyond) < _EXPLAINED
    return None if counted_before else with_later


def _are_years(column: pl.Series) -> bool:
    low, high = column.min(), column.max()
    return isinstance(low, int | float) and isinstance(high, int | float) and 1800 <= low <= high <= 2100


def _ranks(values: Ranks) -> Ranks:
    return pl.Series(values).rank("average").to_numpy()


def _correlation(a: Ranks, b: Ranks) -> float:
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size else 0.0
