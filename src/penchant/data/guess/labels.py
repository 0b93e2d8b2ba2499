"""What can be learnt from the events: the columns that tell outcomes, and the tasks they make."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

from penchant.data.guess.words import ACTIONS, IMPRESSIONS, OUTCOMES, RATINGS, is_expressible, words

_FEWEST_POSITIVES = 20
_SHARE_OF_BEST = 0.8


@dataclass
class Labels:
    """Guessed tasks.

    Attributes:
        tasks: Name -> keys, in the order of the recipe; `next` last.
        columns: Columns that tell an outcome and may enter histories, never the present event's features.
        outcomes: Further columns only known afterwards.
        says: Serving's event names -> what they say of the log's columns.
        why: Task -> the reason.
    """

    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    columns: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    says: dict[str, dict[str, Any]] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)


def labels_of(events: pl.DataFrame) -> Labels:
    """Tasks from a rating, from columns of 0 and 1 named like actions, and from kinds of events; `next` always."""
    labels = Labels()
    conditions = [_rating(events, labels), _flags(events, labels), _kinds(events, labels)]
    positive = next((condition for condition in conditions if condition), None)
    labels.tasks["next"] = {"kind": "next_item"} | ({"positive_where": positive} if positive else {})
    labels.why["next"] = f"the next item with {positive}" if positive else "the next item; every event counts as positive"
    labels.outcomes = [name for name in events.columns if name not in labels.columns and _tells_outcome(events[name])]
    return labels


def _tells_outcome(column: pl.Series) -> bool:
    return column.dtype.is_numeric() and bool((OUTCOMES | {"ratio"}) & set(words(column.name)))


def _rating(events: pl.DataFrame, labels: Labels) -> str | None:
    for column in events:
        if not (RATINGS & set(words(column.name)) and column.dtype.is_numeric() and is_expressible(column.name)):
            continue
        values = column.drop_nulls()
        best = float(values.to_numpy().max(initial=0))
        if values.n_unique() > 21 or values.n_unique() < 3 or not 3 <= best <= 10:
            continue
        condition = f"{column.name} >= {_SHARE_OF_BEST * best:g}"
        labels.tasks["stars"] = {"kind": "regression", "label": column.name}
        labels.tasks["like"] = {"kind": "binary", "label": condition}
        labels.why["stars"] = f"{column.name} has {values.n_unique()} values up to {best:g}"
        labels.why["like"] = f"{_SHARE_OF_BEST:.0%} of the best {column.name}"
        labels.columns.append(column.name)
        labels.says["rating"] = {column.name: "value"}
        return condition
    return None


def _flags(events: pl.DataFrame, labels: Labels) -> str | None:
    """A binary task per column of 0 and 1 that is named like an action, in the order of `ACTIONS`."""
    flags = [column for column in events if _is_flag(column) and set(ACTIONS) & set(words(column.name))]
    flags.sort(key=lambda column: min(ACTIONS.index(word) for word in words(column.name) if word in ACTIONS))
    for column in flags:
        positives = int(column.cast(pl.Int64).sum())
        if positives < _FEWEST_POSITIVES or positives == column.drop_nulls().len():
            continue
        name = column.name.removeprefix("is_").removeprefix("has_")
        labels.tasks[name] = {"kind": "binary", "label": column.name}
        labels.why[name] = f"{column.name} is 0 or 1, and 1 in {positives:,} events"
        labels.columns.append(column.name)
        labels.says[name] = {column.name: 1}
    first = next((column for column in flags if column.name in labels.columns), None)
    return None if first is None else f"{first.name} == {'true' if first.dtype == pl.Boolean else 1}"


def _is_flag(column: pl.Series) -> bool:
    if not is_expressible(column.name) or not (column.dtype.is_numeric() or column.dtype == pl.Boolean):
        return False
    values = column.drop_nulls().cast(pl.Float64)
    return values.n_unique() == 2 and bool(((values == 0) | (values == 1)).all())


def _kinds(events: pl.DataFrame, labels: Labels) -> str | None:
    """A binary task per kind of event, impressions aside."""
    if "event" not in events.columns or events.schema["event"] != pl.String:
        return None
    kinds = events["event"].drop_nulls().value_counts(sort=True)
    if not 2 <= kinds.height <= 20:
        return None
    acts = [kind for kind, count in kinds.rows() if count >= _FEWEST_POSITIVES and not IMPRESSIONS & set(words(kind))]
    acts.sort(key=lambda kind: min((ACTIONS.index(word) for word in words(kind) if word in ACTIONS), default=len(ACTIONS)))
    for kind in acts:
        labels.tasks[_task_name(kind)] = {"kind": "binary", "label": f"event == {kind!r}"}
        labels.why[_task_name(kind)] = f"'{kind}' is one of {kinds.height} kinds of events"
        labels.says[kind] = {"event": kind}
    labels.columns.append("event")
    return f"event in ({', '.join(repr(kind) for kind in acts)},)" if acts else None


def _task_name(kind: str) -> str:
    name = "_".join(words(kind)) or kind
    return f"{name}_event" if name == "next" else name
