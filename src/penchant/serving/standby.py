"""What a bundle's engine leaves for answers that must do without it."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.scenario import scenario_names
from penchant.models.recommender import Recommender, usual_factors
from penchant.schema.errors import TargetError
from penchant.serving.memory import Memory
from penchant.serving.protocol import RankRequest, RecommendationRequest, Standby
from penchant.serving.requests import Requests

logger = logging.getLogger(__name__)
MOST = 2000
"""Items counted by scenario."""
LISTED = 100
"""Items listed when the recipe lists none."""


def standby_of(
    recommender: Recommender,
    ids: Sequence[str],
    rows: Mapping[str, int],
    titles: Sequence[str | None],
    memory: Memory,
    filters: "Filters",
) -> Standby:
    """What is known now, and ways to ask what is known later.

    Args:
        recommender: What the engine answers from.
        ids: Items by row; grows with the catalogue, as `rows` and `titles` do.
        rows: Rows by item.
        titles: Titles by row.
        memory: What users have had.
        filters: Which items may come.
    """
    serving = recommender.recipe_.serving

    def title(item_id: str) -> str | None:
        row = rows.get(item_id, len(titles))
        return titles[row] if row < len(titles) else None

    def seen(user_id: str) -> Collection[str]:
        return [ids[row] for row in memory.seen(user_id)]

    counts = _counts(recommender, ids)
    listed = [item for item in serving.static_list if item in rows] or [*dict.fromkeys([*counts[None], *ids[:LISTED]])][:LISTED]
    return Standby(
        counts=counts,
        listed=listed,
        holds=rows.__contains__,
        title=title,
        scenario=_scenario_of(recommender),
        seen=seen if serving.exclude_seen else None,
        passes=filters.passes,
        tell=filters.tell,
    )


class Filters:
    """The filters of recipe and requests over a catalogue of its own, so that the engine's thread and whoever asks here share no columns.

    Args:
        funnel: The engine's.
        rows: Items' rows as of now.
        record: What is known of who asks.
        moment: What is known of a request's moment.
    """

    def __init__(
        self,
        funnel: Requests,
        rows: Mapping[str, int],
        record: Callable[[RecommendationRequest], Mapping[str, Any]],
        moment: Callable[[RecommendationRequest], Mapping[str, Any]],
    ) -> None:
        self._rows = dict(rows)
        self._funnel = funnel.again(self._rows)
        self._record, self._moment = record, moment

    def passes(self, request: RecommendationRequest) -> Callable[[str], bool] | None:
        """Says of an item whether it may come; nothing may where that cannot be told."""
        ranks = isinstance(request, RankRequest)
        if not (request.filter is not None if ranks else self._funnel.filters(request)):
            return None
        try:
            record, moment = self._record(request), self._moment(request)
            if isinstance(request, RankRequest):
                given = np.array([self._rows[item] for item in request.items if item in self._rows], dtype=np.int64)
                rows = {*self._funnel.passing(request, given, record, moment).tolist()}
            else:
                rows = {*np.flatnonzero(self._funnel.passes(request, record, moment)).tolist()}
        except Exception as error:
            logger.error("a filter could not be asked (%s); nothing passes", type(error).__name__)
            rows = set()
        return lambda item: self._rows.get(item) in rows

    def tell(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Items, new or changed."""
        for name, record in records.items():
            self._funnel.table.tell(self._rows.setdefault(name, len(self._rows)), {**record, "item_id": name})


def _scenario_of(recommender: Recommender) -> Callable[[RecommendationRequest], str | None]:
    settings = recommender.recipe_.scenario
    usual = usual_factors(getattr(recommender, "features", None))

    def scenario(request: RecommendationRequest) -> str | None:
        told = {name: request.context[name] for name in settings.named if request.context.get(name) is not None}
        with suppress(TargetError):
            told |= {name: value for name, value in settings.values(request.scenario).items() if value is not None}
        return settings.name(usual | told)

    return scenario


def _counts(recommender: Recommender, ids: Sequence[str]) -> dict[str | None, dict[str, int]]:
    """Events of the items with most of them, everywhere and in each scenario."""
    log, settings = recommender.log_, recommender.recipe_.scenario
    counts: dict[str | None, dict[str, int]] = {None: _most(log.item, ids)}
    if settings.named:
        names = scenario_names(settings, log.take(list(settings.named), slice(None))).cast(pl.String)
        for name in names.drop_nulls().unique().sort().to_list():
            counts[name] = _most(log.item[(names == name).fill_null(False).to_numpy()], ids)
    return counts


def _most(items: NDArray[np.integer], ids: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(items)
    best = np.argsort(-counts, kind="stable")[:MOST]
    return {ids[row]: int(counts[row]) for row in best.tolist() if counts[row]}
