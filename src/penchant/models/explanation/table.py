"""Explanations as a table."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.models.explanation.cause import Effect
from penchant.models.explanation.telling import Telling, plain, shares_of
from penchant.models.queries import Queries

Ask = Callable[[Queries, NDArray[np.int64]], list[list[Effect]]]
COLUMNS = {
    "user_id": pl.String, "item_id": pl.String, "kind": pl.String, "name": pl.String, "value": pl.String, "time": pl.Float64,
    "events": pl.Int64, "effect": pl.Float64, "share": pl.Float64, "text": pl.String,
}  # fmt: skip


def explained(ask: Ask, queries: Queries, items: NDArray[np.int64], ids: Sequence[str], telling: Telling) -> pl.DataFrame:
    """A row for each cause of each pair of a query and the item beside it, the strongest first.

    Args:
        ask: Gives the effects of each of some items for one who asks.
        queries: Who asks, when.
        items: An item row beside each query.
        ids: The user's id beside each.
        telling: How causes are put, and which are.

    Returns:
        The columns of `COLUMNS`, and an effect for each task that the model tells of, `effect_NAME`.
    """
    rows: list[dict[str, Any]] = []
    tasks: dict[str, None] = {}
    for place, (user, item) in enumerate(zip(ids, items.tolist(), strict=True)):
        (effects,) = ask(queries.take(np.array([place])), np.array([item]))
        tasks |= dict.fromkeys(name for effect in effects for name in effect.tasks)
        rows += told(effects, telling, user, telling.names(item)[0])
    kinds = COLUMNS | {f"effect_{name}": pl.Float64 for name in tasks}
    return pl.DataFrame([pl.Series(name, [row.get(name) for row in rows], dtype=kind) for name, kind in kinds.items()])


def told(effects: Sequence[Effect], telling: Telling, user: str, item: str) -> list[dict[str, Any]]:
    """The rows of one pair."""
    shares = dict(zip(map(id, effects), shares_of(effects), strict=True))
    return [
        {
            **{name: value for name, value in telling.reason(effect).items() if name not in ("value", "effects")},
            **{f"effect_{name}": value for name, value in effect.tasks.items()},
            "user_id": user,
            "item_id": item,
            "value": _written(telling.reason(effect)["value"]),
            "share": shares[id(effect)],
            "events": effect.cause.events,
        }
        for effect in telling.kept(effects)
    ]


def _written(value: Any) -> str | None:
    value = plain(value)
    if value is None:
        return None
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
