"""A model's lists through the funnel of its recipe: which items may come, how various they are, what business has a say in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.funnel.condition import Told, plain
from penchant.funnel.plan import Facts, Listed, Plan, Plans
from penchant.models.queries import Queries

if TYPE_CHECKING:
    from penchant.models.recommender import Recommender

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Asking:
    """What is asked for every query alike.

    Attributes:
        exclude_seen: Whether items that the user has had are left out.
        filter, diversity: As `Recommender.recommend` takes them.
        explain: Whether rules are wanted.
    """

    exclude_seen: bool
    filter: str | None = None
    diversity: float | Mapping[str, Any] | None = None
    explain: bool = False


def listed(model: "Recommender", queries: Queries, k: int, asking: Asking) -> tuple[Rows, Floats, list[list[str]]]:
    """The lists, `[queries, k]`, -1 where fewer are left; their scores; and for each place, list after list, what moved its item."""
    plans, settings = Plans(model.recipe_.serving), model.recipe_.scenario
    if plans.simple and asking.filter is None and asking.diversity is None:
        return *model.top(queries, k, exclude_seen=asking.exclude_seen), [[]] * (len(queries) * k)
    moments = _moments(queries)
    names = [settings.name(moment) for moment in moments]
    lists = _Lists(len(queries), k)
    for name in dict.fromkeys(names):
        plan, own = plans.of(name, asking.filter, asking.diversity), np.array([place for place, each in enumerate(names) if each == name])
        if asking.filter is not None or asking.diversity is not None:
            plan.check(model.item_table, model.has_vectors)
        _fill(model, queries, own, asking.exclude_seen, plan, moments, lists)
    return lists.rows, lists.scores, lists.rules


def through(model: "Recommender", queries: Queries, plan: Plan, k: int, exclude_seen: bool) -> tuple[Rows, Floats, list[list[str]]]:
    """The lists of queries that all go by one plan, as `listed` gives them."""
    lists = _Lists(len(queries), k)
    _fill(model, queries, np.arange(len(queries)), exclude_seen, plan, _moments(queries), lists)
    return lists.rows, lists.scores, lists.rules


class _Lists:
    """Lists of k places, to be filled."""

    def __init__(self, queries: int, k: int) -> None:
        self.k = k
        self.rows, self.scores = np.full((queries, k), -1, dtype=np.int64), np.full((queries, k), -np.inf, dtype=np.float32)
        self.rules: list[list[str]] = [[] for _ in range(queries * k)]

    def put(self, place: int, one: Listed) -> None:
        """The list of one query."""
        size = len(one.candidates)
        self.rows[place, :size], self.scores[place, :size] = one.candidates.items, one.candidates.scores
        self.rules[place * self.k : place * self.k + size] = one.rules


def _moments(queries: Queries) -> list[dict[str, Any]]:
    """The circumstances of each query."""
    return queries.moment.select([name for name in queries.moment.columns if name != "user_id"]).to_dicts()


def _fill(
    model: "Recommender", queries: Queries, own: Rows, exclude_seen: bool, plan: Plan, moments: list[dict[str, Any]], lists: _Lists
) -> None:
    """The lists of the queries `own`, which share a plan, in place; those with the same items to choose from are asked together."""
    groups: dict[bytes, tuple[NDArray[np.bool_] | None, list[int]]] = {}
    told = {place: _told(model, queries, place, moments) for place in own.tolist()} if plan.filters or plan.arranges else {}
    for place in own.tolist():
        mask = plan.passes(model.item_table, told[place]) if plan.filters else None
        groups.setdefault(b"" if mask is None else np.packbits(mask).tobytes(), (mask, []))[1].append(place)
    pasts = dict(zip(own.tolist(), model.pasts(queries.take(own)), strict=True)) if plan.reads_past else {}
    for mask, places in groups.values():
        found, values = model.top(queries.take(np.array(places)), plan.pool(lists.k), exclude_seen=exclude_seen, ranked=mask)
        if not plan.arranges:
            lists.rows[places], lists.scores[places] = found, values
            continue
        for place, its, value in zip(places, found, values, strict=True):
            facts = Facts(model.item_table, model.item_rows, told[place], model.vectors_of, pasts.get(place, its[:0]))
            candidates = Candidates(its[its >= 0], value[its >= 0])
            candidates = _with_pinned(model, queries.take(np.array([place])), candidates, facts, plan, mask, exclude_seen)
            lists.put(place, plan.arrange(candidates, lists.k, facts))


def _with_pinned(
    model: "Recommender", query: Queries, found: Candidates, facts: Facts, plan: Plan, mask: NDArray[np.bool_] | None, exclude_seen: bool
) -> Candidates:
    """The candidates and behind them the pinned items that may come and are not among them."""
    pinned = plan.pinned(facts)
    if not pinned:
        return found
    barred = {*found.items.tolist(), *(query.seen()[1].tolist() if exclude_seen else [])}
    more = np.array([row for row in dict.fromkeys(pinned) if row not in barred and (mask is None or mask[row])], dtype=np.int64)
    if not len(more):
        return found
    scores = model.scores_of(query, more[None])[0]
    return replace(found, items=np.append(found.items, more), scores=np.append(found.scores, scores))


def _told(model: "Recommender", queries: Queries, place: int, moments: list[dict[str, Any]]) -> Told:
    row = int(queries.user[place])
    user = model.log_.users.row(row, named=True) if row >= 0 else {"user_id": None}
    return Told({name: plain(value) for name, value in user.items()}, moments[place])
