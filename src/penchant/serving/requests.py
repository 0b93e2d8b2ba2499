"""Each request's way through the funnel: the recipe's filter, diversity and rules for its scenario, and what it asks for itself."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.funnel.condition import Told, plain
from penchant.funnel.plan import Facts, Listed, Plan, Plans, plan_of
from penchant.models.recommender import Recommender
from penchant.schema.sections.funnel import FunnelSettings
from penchant.serving.protocol import RankRequest, Reason, RecommendationRequest
from penchant.serving.served import Person, Rows, Served

NO_SETTINGS = FunnelSettings()


class Requests:
    """The funnel around a served model. A recipe and a request that ask for nothing cost nothing.

    Args:
        recommender: Whose recipe and catalogue.
        model: The same, served.
        rows: Item rows by id; shared with the engine, who adds items.

    Attributes:
        table: The catalogue's columns as they are now; the engine tells it of items.
    """

    def __init__(self, recommender: Recommender, model: Served, rows: Mapping[str, int]) -> None:
        self._recommender, self._model, self._rows = recommender, model, rows
        self.table = recommender.item_table.copy()
        self._scenario, self._plans = recommender.recipe_.scenario, Plans(recommender.recipe_.serving)

    def again(self, rows: Mapping[str, int]) -> "Requests":
        """The same as of now, for another thread, with rows of its own."""
        fresh = Requests(self._recommender, self._model, rows)
        fresh.table = self.table.again()
        return fresh

    def check(self, request: RecommendationRequest) -> None:
        """Refuse what cannot be asked; only what the request itself says is looked at. Raises FilterError, UnsupportedError."""
        if request.filter is not None or request.diversity is not None:
            own = NO_SETTINGS if isinstance(request, RankRequest) else self._plans.of(self._name(request.scenario)).settings
            plan = plan_of(own.model_copy(update={"filter": None}), request.filter, request.diversity)
            plan.check(self.table, self._recommender.has_vectors, request.context, request.profile)

    def filters(self, request: RecommendationRequest) -> bool:
        """Whether a filter may bear on the request."""
        return request.filter is not None or self._plans.filter

    def arranges(self, request: RecommendationRequest, person: Person) -> bool:
        """Whether its list may be in another order than that of scores."""
        return (request.diversity is not None or self._plans.arrange) and self._plan(request, person.moment).arranges

    def pool(self, request: RecommendationRequest, person: Person) -> int:
        """How many of the best items its list is chosen from."""
        return self._plan(request, person.moment).pool(request.n) if self.arranges(request, person) else request.n

    def passes(self, request: RecommendationRequest, record: Mapping[str, Any], moment: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which items may come `[items]`, the caller's own."""
        mask = self._plan(request, moment).passes(self.table, _told(record, moment))
        return np.ones(len(self.table), dtype=bool) if mask is None else mask.copy()

    def arranged(
        self, request: RecommendationRequest, person: Person, record: Mapping[str, Any], excluded: Rows, best: Candidates
    ) -> Listed:
        """The list from the best items; pinned ones that may come and are not among them are asked for."""
        plan, facts = self._plan(request, person.moment), self._facts(person, record)
        pinned = np.array(plan.pinned(facts), dtype=np.int64)
        if len(pinned):
            missing = np.unique(pinned[~np.isin(pinned, best.items) & ~np.isin(pinned, excluded)])
            best = joined(best, self._model.rank(person, missing)) if len(missing) else best
        return plan.arrange(best, request.n, facts, _chance(request))

    def of_rank(self, request: RankRequest) -> bool:
        """Whether a request to order given items asks for more than that; rules of the recipe have no part in it."""
        return request.filter is not None or request.diversity is not None

    def passing(self, request: RankRequest, rows: Rows, record: Mapping[str, Any], moment: Mapping[str, Any]) -> Rows:
        """The given items that pass the request's own filter."""
        mask = plan_of(NO_SETTINGS, request.filter).passes(self.table, _told(record, moment))
        return rows if mask is None else rows[mask[rows]]

    def ranked(self, request: RankRequest, person: Person, record: Mapping[str, Any], ranked: Candidates) -> Listed:
        """The given items by score, and as various as the request asks."""
        plan = plan_of(NO_SETTINGS, None, request.diversity)
        return plan.arrange(ranked.best(len(ranked)), request.n, self._facts(person, record))

    def reasons(self, listed: Listed) -> list[list[Reason]]:
        """Of each item the sources that proposed it and the rules that moved it."""
        names, bits = self._model.sources, listed.candidates.sources
        told = [0] * len(listed.candidates) if bits is None else bits.tolist()
        sources = [[name for place, name in enumerate(names) if own >> place & 1] for own in told]
        return [
            [*({"kind": "source", "name": name} for name in proposed), *({"kind": "rule", "name": name} for name in moved)]
            for proposed, moved in zip(sources, listed.rules, strict=True)
        ]

    def _facts(self, person: Person, record: Mapping[str, Any]) -> Facts:
        past = np.array(self._model.past_items(person), dtype=np.int64)
        return Facts(self.table, self._rows, _told(record, person.moment), self._model.vectors_of, past)

    def _plan(self, request: RecommendationRequest, moment: Mapping[str, Any]) -> Plan:
        return self._plans.of(self._scenario.name(moment), request.filter, request.diversity)

    def _name(self, scenario: str | Mapping[str, Any] | None) -> str | None:
        return self._scenario.name(self._scenario.values(scenario))


def joined(one: Candidates, other: Candidates) -> Candidates:
    """The candidates of both, the second behind the first, proposed by no source."""
    tasks = {name: np.append(values, other.tasks[name]) for name, values in one.tasks.items()}
    sources = None if one.sources is None else np.append(one.sources, np.zeros(len(other), dtype=np.int64))
    return replace(one, items=np.append(one.items, other.items), scores=np.append(one.scores, other.scores), tasks=tasks, sources=sources)


def _chance(request: RecommendationRequest) -> np.random.Generator | None:
    """What draws for a request: the same for the same id; nothing where nobody is shown the list."""
    return None if request.request_id is None else np.random.default_rng(list(request.request_id.encode()))


def _told(record: Mapping[str, Any], moment: Mapping[str, Any]) -> Told:
    return Told({name: plain(value) for name, value in record.items()}, {name: plain(value) for name, value in moment.items()})
