"""Numbers outside what was declared, outside what the column's name allows, or far from all the others."""

import re
from collections.abc import Iterator
from math import copysign, log1p
from typing import Any

import polars as pl

from penchant.data.defects.defect import Defect, TableName, Tables, finite_of, located
from penchant.schema.recipe import Recipe
from penchant.schema.sections.data import LimitSettings
from penchant.schema.sections.part import Part

_SENSIBLE: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("age", "ages"), (0, 120)),
    **dict.fromkeys(("percent", "percentage", "pct"), (0, 100)),
    **dict.fromkeys(("lat", "latitude"), (-90, 90)),
    **dict.fromkeys(("lon", "lng", "longitude"), (-180, 180)),
    **dict.fromkeys(
        ("price", "cost", "quantity", "duration", "count", "counts", "cnt", "num", "views", "plays", "clicks"), (0, float("inf"))
    ),
}
_MOST = 0.05
"""Share of rows from which the name means something else than it seems to."""
_FAR = 8.0
_ENOUGH_ROWS = 100


def find(tables: Tables) -> Iterator[Defect]:
    """Values outside declared limits (error), outside what the name allows (warning), and far from all others (information)."""
    declared = _declared(tables.recipe) if tables.recipe else {}
    for table, frame in tables.named():
        for column in frame:
            if column.name == "timestamp" or not column.dtype.is_numeric():
                continue
            if column.name in declared:
                yield from _outside(frame, table, column.name, declared[column.name])
            elif sensible := sensible_limits(column.name):
                yield from _not_sensible(frame, table, column, sensible)
            if tables.uses(table, column.name) and not column.name.lower().endswith("id"):
                yield from _outliers(frame, table, column)


def _declared(recipe: Recipe) -> dict[str, LimitSettings]:
    """Limits of columns, as tasks, features and cleaning name them; the cleaning rule's own word is last."""
    parts: list[tuple[str | None, Part]] = [(task.label, task) for task in recipe.tasks.values()]
    features = {**recipe.features.user, **recipe.features.item, **recipe.features.context, **recipe.history.columns}
    parts += [(column, part) for name, part in features.items() for column in part.reads(name)]
    found = {column: _limits(part.settings) for column, part in parts if column}
    return {column: limits for column, limits in found.items() if limits} | dict(recipe.data.clean.limits)


def _limits(settings: dict[str, object]) -> LimitSettings | None:
    bounds = {name: value for name in ("minimum", "maximum") if isinstance(value := settings.get(name), int | float)}
    ordered = bounds.get("minimum", float("-inf")) <= bounds.get("maximum", float("inf"))
    return LimitSettings(**bounds) if bounds and ordered else None


def outside(column: str, limits: LimitSettings) -> pl.Expr:
    """Whether a value is outside its limits; missing and NaN are not."""
    value = pl.col(column)
    below = value < limits.minimum if limits.minimum is not None else pl.lit(False)
    above = value > limits.maximum if limits.maximum is not None else pl.lit(False)
    return (below | above) & ~value.cast(pl.Float64).is_nan()


def _outside(frame: pl.DataFrame, table: TableName, column: str, limits: LimitSettings) -> Iterator[Defect]:
    told = ", ".join(f"{name} = {value:g}" for name, value in limits.model_dump().items() if value is not None)
    yield from located(
        frame, outside(column, limits), code="out_of_limits", table=table, column=column, severity="error",
        what=f"{table} whose {column} is outside its declared limits ({told})",
        mend="`clean.limits` makes them missing, or leaves the rows out with `impossible_values`.",
        rule=f"data.clean.limits.{_key(column)} = {{ {told} }}",
    )  # fmt: skip


def sensible_limits(column: str) -> LimitSettings | None:
    """The limits that a column's name tells ("age", "unitPrice", "play_cnt"), or None."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", column).lower().split("_")
    found = [_SENSIBLE[word] for word in words if word in _SENSIBLE]
    if not found:
        return None
    low, high = found[-1]
    return LimitSettings(minimum=low, maximum=high if high < float("inf") else None)


def _not_sensible(frame: pl.DataFrame, table: TableName, column: pl.Series, limits: LimitSettings) -> Iterator[Defect]:
    if _within(column, limits):
        return
    bad = frame.select(outside(column.name, limits).fill_null(False).alias("bad")).to_series()
    told = ", ".join(f"{name} = {value:g}" for name, value in limits.model_dump().items() if value is not None)
    if int(bad.sum()) <= _MOST * frame.height:
        yield from located(
            frame, bad, code="impossible_value", table=table, column=column.name, severity="warning",
            what=f"{table} whose {column.name} cannot be ({told} by its name)",
            mend="`clean.limits` makes them missing.", rule=f"data.clean.limits.{_key(column.name)} = {{ {told} }}",
        )  # fmt: skip


def _outliers(frame: pl.DataFrame, table: TableName, column: pl.Series) -> Iterator[Defect]:
    """Beyond eight times the middle half's width from the median, on a logarithmic scale, so that long tails are not meant."""
    finite = finite_of(column)
    if finite.len() < _ENOUGH_ROWS:
        return
    low, middle, high = (_logarithm(finite.quantile(part)) for part in (0.25, 0.5, 0.75))
    reach = _FAR * (high - low)
    if not reach or max(abs(_logarithm(end) - middle) for end in (finite.min(), finite.max())) <= reach:
        return
    amount = pl.col(column.name).cast(pl.Float64)
    size = amount.abs()
    far = ((amount.sign() * size.log1p() - middle).abs() > reach) & amount.is_finite() & (size > size.quantile(0.9))
    yield from located(
        frame, far, code="outlier", table=table,
        column=column.name, severity="information",
        what=f"{table} whose {column.name} is far from all the others",
        mend="Look at them; features of numbers hold such values back by themselves.",
    )  # fmt: skip


def _within(column: pl.Series, limits: LimitSettings) -> bool:
    """Whether the least and the greatest amount are inside, so that no row need be looked at."""
    least, most = column.min(), column.max()
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        return False
    return (limits.minimum is None or least >= limits.minimum) and (limits.maximum is None or most <= limits.maximum)


def _logarithm(value: Any) -> float:
    """Of an amount of either sign."""
    return copysign(log1p(abs(value)), value)


def _key(column: str) -> str:
    return column if re.fullmatch(r"[A-Za-z0-9_-]+", column) else f"'{column}'"
