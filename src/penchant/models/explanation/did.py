"""What an event of the past was: its name and its amount, as far as the data tell."""

from collections.abc import Mapping
from typing import Any

from penchant.data.log import Column, Log
from penchant.schema.recipe import Recipe


def did(recipe: Recipe, log: Log, told: int | Mapping[str, Any] | None) -> tuple[str | None, float | None]:
    """The name of an event and its amount; None for what is not known.

    An event of the service has both. One of a log without names is called by the event of `[serving.events]` whose columns it has, of
    several the one that says most.
    """
    if told is None:
        return None, None
    row = told if not isinstance(told, int) else _row(recipe, log, told)
    if row.get("event") not in (None, "", "event"):
        return str(row["event"]), _amount(row.get("value"))
    fitting = [(len(means), name) for name, means in recipe.serving.events.items() if means and _fits(row, means)]
    if not fitting:
        return None, None
    name = max(fitting, key=lambda pair: pair[0])[1]
    amount = next((row[column] for column, meaning in recipe.serving.events[name].items() if meaning == "value"), None)
    return name, _amount(amount)


def _row(recipe: Recipe, log: Log, row: int) -> Mapping[str, Any]:
    """The columns of an event of the log that tell what it was."""
    names = ({column for means in recipe.serving.events.values() for column in means} | {"event", "value"}) & log.columns.keys()
    return {name: _cell(log.columns[name], row) for name in names}


def _cell(column: Column, row: int) -> Any:
    """One value, without the detour by way of a series; a missing one is None or NaN."""
    value = column.data[row].item()
    return value if column.values is None else None if value < 0 else column.values[value]


def _fits(row: Mapping[str, Any], means: Mapping[str, float | str]) -> bool:
    return all(
        row.get(column) is not None and row[column] == row[column] and (meaning == "value" or row[column] == meaning)
        for column, meaning in means.items()
    )


def _amount(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value == value else None
