"""Labels that their task cannot be taught with."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.defect import Defect, Tables, located
from penchant.schema.expression import Expression
from penchant.schema.sections.tasks import TaskPart


def find(tables: Tables) -> Iterator[Defect]:
    """Labels that cannot be computed or taught (errors) or, where they are yes or no, are all alike; none without a recipe."""
    if tables.recipe is None:
        return
    for name, task in tables.recipe.tasks.items():
        if task.label is not None and task.kind != "next_item":
            yield from _of_task(tables.events, name, task, task.label)


def _of_task(events: pl.DataFrame, name: str, task: TaskPart, label: str) -> Iterator[Defect]:
    what = f"label '{label}' of task '{name}'"
    try:
        values, counted = _values(events, task, label)
    except pl.exceptions.PolarsError as error:
        sentence = f"{what} cannot be computed ({str(error).splitlines()[0][:120]})"
        yield Defect("broken_label", "events", None, "error", events.height, 1.0, (), sentence, "Correct the label in the recipe.")
        return
    if task.kind in ("binary", "pairwise"):
        yield from _not_binary(events, values.filter(counted), values, counted, what)
    elif not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        sentence = f"{what} must be a number; it is {values.dtype}"
        yield Defect("broken_label", "events", label, "error", events.height, 1.0, (), sentence, "Name a column of numbers.")


def _values(events: pl.DataFrame, task: TaskPart, label: str) -> tuple[pl.Series, pl.Series]:
    """The label `[rows]`, and whether each row is taught `[rows]`."""
    counted = Expression(task.only_where or "true").polars().fill_null(False)
    frame = events.with_columns(Expression(label).polars().alias("__label__"), counted.alias("__counted__"))
    return frame["__label__"], frame["__counted__"]


def _not_binary(events: pl.DataFrame, taught: pl.Series, values: pl.Series, counted: pl.Series, what: str) -> Iterator[Defect]:
    bad = counted & values.is_not_null() & ~_is_zero_or_one(values)
    example = values.filter(bad)
    found = f", found {example[0]!r}" if example.len() else ""
    yield from located(
        events, bad, code="label_not_binary", table="events", column=None, severity="error", what=f"{what} must be 0 or 1{found}",
        mend='Write a condition such as "rating >= 4", or use kind = "regression" for amounts.',
    )  # fmt: skip
    if not example.len() and taught.drop_nulls().n_unique() < 2:
        sentence = f"{what} has only one value in the {taught.len():,} rows it is taught on"
        yield Defect("label_of_one_class", "events", None, "warning", taught.len(), 1.0, (), sentence, "Nothing can be learnt from it.")


def _is_zero_or_one(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return values.is_not_null()
    if not values.dtype.is_numeric():
        return pl.repeat(False, values.len(), eager=True)
    return (values == 0) | (values == 1)
