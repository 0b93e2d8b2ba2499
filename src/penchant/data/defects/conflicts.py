"""Labels that contradict one another: the same user, item and moment, once yes and once no; or another answer within the hour."""

from collections.abc import Iterator

import polars as pl

from penchant.data.defects.coded import mask_of
from penchant.data.defects.defect import Defect, Tables, located
from penchant.data.defects.duplicates import event_keys
from penchant.schema.expression import Expression
from penchant.schema.sections.tasks import TaskPart

_SOON = 3600.0
_PAIR = ("user_id", "item_id")


def find(tables: Tables) -> Iterator[Defect]:
    """Contradicting labels of one moment (warning) and of one hour (information); none without a recipe."""
    if tables.recipe is None:
        return
    for name, task in tables.recipe.tasks.items():
        if task.label is not None and task.kind in ("binary", "regression"):
            yield from _of_task(tables, f"label '{task.label}' of task '{name}'", task)


def _of_task(tables: Tables, what: str, task: TaskPart) -> Iterator[Defect]:
    keys = event_keys(tables.events)
    label, rows = Expression(task.label or "null"), tables.coded.of_same_pair
    try:
        again = tables.events.select(*{*keys, *label.columns})[rows]
        labels = again.select(*keys, label.polars().alias("=label"), rows.alias("=row"))
    except pl.exceptions.PolarsError:
        return  # `labels` says that it cannot be computed
    told = labels.drop_nulls()
    moment = told.lazy().filter(pl.struct(keys).is_duplicated()).filter(pl.col("=label").n_unique().over(keys) > 1).collect()
    yield from located(
        tables.events, mask_of(moment["=row"], tables.events.height), code="label_conflict", table="events", column=None,
        severity="warning",
        what=f"events whose {what} contradicts that of the same {', '.join(keys)}",
        mend="`clean.conflicts` can leave all of them out; `clean.duplicates` otherwise keeps one.", rule=_rule(tables),
    )  # fmt: skip
    if task.kind == "binary" and tables.has_clock:
        yield from located(
            tables.events, mask_of(_soon(told)["=row"], tables.events.height), code="label_change", table="events", column=None,
            severity="information",
            what=f"events whose {what} is another than within the hour before, for the same user and item",
            mend="People change their minds; nothing needs to be done.",
        )  # fmt: skip


def _rule(tables: Tables) -> str:
    # A recipe that keeps all duplicates cannot drop some as conflicts.
    wanted = tables.recipe is not None and tables.recipe.data.clean.duplicates == "keep_all"
    return 'data.clean.duplicates = "keep_last"' if wanted else 'data.clean.conflicts = "drop"'


def _soon(labels: pl.DataFrame) -> pl.DataFrame:
    """Events whose label is another than that of the same user and item shortly before."""
    before = {name: pl.col(name).shift() for name in (*_PAIR, "timestamp", "=label")}
    wait = pl.col("timestamp") - before["timestamp"]
    same = pl.all_horizontal(pl.col(name) == before[name] for name in _PAIR)
    other = same & (before["=label"] != pl.col("=label")) & (wait > 0) & (wait <= _SOON)
    return labels.lazy().sort(*_PAIR, "timestamp", "=row").filter(other).collect()
