"""What one request goes through beside the model: filter, boosts, diversity, pins and quotas, as the recipe and the request say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penchant.funnel.candidates import Candidates
from penchant.funnel.condition import NOTHING_TOLD, Told
from penchant.funnel.diversity.calibrated import calibrated
from penchant.funnel.diversity.dpp import dpp
from penchant.funnel.diversity.mmr import mmr
from penchant.funnel.explore.explore import Drawn, explore
from penchant.funnel.explore.policies import EpsilonGreedy, GumbelTopK, LinUCB, Thompson
from penchant.funnel.explore.policy import Policy, Unsure
from penchant.funnel.item_table import ItemTable, Mask, Rows
from penchant.funnel.rules import Arranged, AtLeast, AtMost, arrange, boosted
from penchant.schema.errors import FilterError, RecipeError, UnsupportedError, did_you_mean
from penchant.schema.filter import Filter, read_filter
from penchant.schema.sections.funnel import DiversitySettings, ExplorationSettings, FunnelSettings, QuotaRule
from penchant.schema.sections.serving import ServingSettings
from penchant.schema.settings import read_settings

POOL = 200
"""The best items that boosts and quotas choose among, at least."""
Vectors = Callable[[Rows], NDArray[np.float32] | None]


@dataclass(frozen=True)
class Facts:
    """What the plan of a request looks things up in.

    Attributes:
        table: The items' columns.
        rows: Item rows by id.
        told: Of the user and the moment.
        vectors: Vectors of some items `[n, width]`, None where the model has none.
        past: Item rows of the user's past, an item as often as it was had.
        spread: How unsure the scores of some items are `[n, 1]`, None where the model does not know.
    """

    table: ItemTable
    rows: Mapping[str, int]
    told: Told = NOTHING_TOLD
    vectors: Vectors = lambda rows: None
    past: Rows = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    spread: Vectors = lambda rows: None


@dataclass(frozen=True)
class Listed:
    """A list and how it came about.

    Attributes:
        candidates: The items, first place first.
        rules: For each the names of what moved it.
        dropped: Names of rules that could not be kept.
        drawn: What was left to chance; None where nothing was.
    """

    candidates: Candidates
    rules: list[list[str]]
    dropped: list[str]
    drawn: Drawn | None = None


@dataclass(frozen=True)
class Plan:
    """A funnel's settings, read.

    Attributes:
        filters: All must pass.
        settings: Pins, boosts and quotas.
        diversity: None for the order of scores.
    """

    settings: FunnelSettings
    filters: tuple[Filter, ...]
    diversity: DiversitySettings | None

    @property
    def arranges(self) -> bool:
        """Whether the order is another than that of scores."""
        settings = self.settings
        return bool(self.diversity or settings.pin or settings.boost or settings.quota or settings.exploration)

    @property
    def reads_past(self) -> bool:
        """Whether the user's past has a say in the order."""
        return self.diversity is not None and self.diversity.method == "calibrated"

    def pool(self, n: int) -> int:
        """How many of the best items a list of n is chosen from."""
        choosing = POOL if self.settings.boost or self.settings.quota else 0
        exploring = self.settings.exploration.candidates if self.settings.exploration else 0
        return max(n, choosing, exploring, self.diversity.candidates if self.diversity else 0)

    def check(self, table: ItemTable, has_vectors: bool, context: Mapping[str, Any] | None = None, profile: Any = None) -> None:
        """Refuse what the columns and the model cannot do.

        Raises:
            FilterError: for a filter that they cannot answer.
            UnsupportedError: for diversity by what there is not.
        """
        for asked in self.filters:
            table.check(asked, context, profile)
        if self.diversity is not None:
            kinds_by(self.diversity, table, has_vectors)

    def passes(self, table: ItemTable, told: Told) -> Mask | None:
        """Which items may come `[items]`; None for all."""
        masks = [table.mask(each, told) for each in self.filters]
        return np.logical_and.reduce(masks) if len(masks) > 1 else masks[0] if masks else None

    def pinned(self, facts: Facts) -> list[int]:
        """Rows of the items that have a place, whatever their score."""
        return [
            facts.rows[pin.item] for pin in self.settings.pin if pin.item in facts.rows and _holds(pin.where, facts.rows[pin.item], facts)
        ]

    def arrange(self, candidates: Candidates, n: int, facts: Facts, rng: np.random.Generator | None = None) -> Listed:
        """The list of at most n items.

        Args:
            candidates: The best first, `pool(n)` of them and those of the pinned items that may come.
            n: Places.
            facts: What is known.
            rng: Draws what is left to chance; nothing is when None.
        """
        moved: dict[int, list[str]] = {}
        candidates = self._boosted(candidates, facts, moved)
        order = self._diverse(candidates, n, facts, moved)
        pins, dropped = self._pins(candidates, n, facts)
        most, least = self._quotas(candidates, facts)
        found = arrange(order, n, pins, most, least)
        listed = self._told(candidates, found, moved, dropped)
        exploration = self.settings.exploration
        if exploration is None or rng is None or not len(candidates):
            return listed
        kept = np.array([candidate for candidate, _ in pins.values()], dtype=np.int64)
        open_to = np.setdiff1d(_explored(exploration, candidates, facts), kept)
        kinds = _alike([*(rule.members for rule in most), *(rule.members for rule in least)], len(candidates))
        places = [place - 1 for place in exploration.places]
        drawn = explore(found.places, _unsure(candidates, facts), open_to, places, _policy(exploration), rng, kinds)
        changed = drawn.places != found.places
        rules = [["exploration"] if own else before for own, before in zip(changed.tolist(), listed.rules, strict=True)]
        return Listed(candidates.take(drawn.places), rules, listed.dropped, drawn if drawn.explored else None)

    def _told(self, candidates: Candidates, found: Arranged, moved: dict[int, list[str]], dropped: list[str]) -> Listed:
        rules = [[*moved.get(place, []), *found.moved.get(place, [])] for place in found.places.tolist()]
        return Listed(candidates.take(found.places), rules, [*dropped, *found.dropped])

    def _boosted(self, candidates: Candidates, facts: Facts, moved: dict[int, list[str]]) -> Candidates:
        if not self.settings.boost or not len(candidates):
            return candidates
        scores = candidates.scores
        names: list[list[str]] = [[] for _ in range(len(candidates))]
        for place, boost in enumerate(self.settings.boost):
            members = facts.table.passes(read_filter(boost.where), candidates.items, facts.told)
            scores = boosted(scores, boost.factor, members)
            for each in np.flatnonzero(members):
                names[each].append(boost.name or f"boost {place + 1}")
        order = np.lexsort((candidates.items, -scores))
        moved.update({place: names[each] for place, each in enumerate(order.tolist()) if names[each]})
        return replace(candidates, scores=scores).take(order)

    def _diverse(self, candidates: Candidates, n: int, facts: Facts, moved: dict[int, list[str]]) -> Rows:
        order = np.arange(len(candidates))
        if self.diversity is None or not len(candidates):
            return order
        pool = candidates.take(order[: max(n, self.diversity.candidates)])
        places = len(pool) if self.settings.quota else min(n + len(self.settings.pin), len(pool))
        chosen = _diversified(self.diversity, pool, places, facts)
        for place, candidate in enumerate(chosen[:n].tolist()):
            if place != candidate:
                moved.setdefault(candidate, []).append(self.diversity.method)
        rest = np.ones(len(order), dtype=bool)
        rest[chosen] = False
        return np.concatenate([chosen, order[rest]])

    def _pins(self, candidates: Candidates, n: int, facts: Facts) -> tuple[dict[int, tuple[int, str]], list[str]]:
        """Candidates by place; a place or an item is taken by the first rule that names it."""
        if not self.settings.pin:
            return {}, []
        where = {item: candidate for candidate, item in enumerate(candidates.items.tolist())}
        pins: dict[int, tuple[int, str]] = {}
        dropped = []
        for number, pin in enumerate(self.settings.pin):
            name, row = pin.name or f"pin {number + 1}", facts.rows.get(pin.item, -1)
            if pin.place > n or not _holds(pin.where, row, facts):
                continue
            taken = pin.place - 1 in pins or any(candidate == where.get(row) for candidate, _ in pins.values())
            if row not in where or taken or pin.place > len(candidates):
                dropped.append(name)
            else:
                pins[pin.place - 1] = where[row], name
        return pins, dropped

    def _quotas(self, candidates: Candidates, facts: Facts) -> tuple[list[AtMost], list[AtLeast]]:
        most: list[AtMost] = []
        least: list[AtLeast] = []
        for number, quota in enumerate(self.settings.quota):
            for name, members in _members(quota, quota.name or f"quota {number + 1}", candidates, facts):
                if quota.at_most is not None:
                    most.append(AtMost(name, members, quota.first, quota.at_most))
                if quota.at_least is not None:
                    least.append(AtLeast(name, members, quota.first, quota.at_least))
        return most, least


def plan_of(settings: FunnelSettings, filter: str | None = None, diversity: float | Mapping[str, Any] | None = None) -> Plan:
    """The funnel of a recipe with what a request asks for beside it.

    Args:
        settings: The recipe's, for the scenario.
        filter: One more filter.
        diversity: A strength, or some keys of `DiversitySettings`; the others are the recipe's.

    Raises:
        FilterError: for a filter that cannot be read.
        RecipeError: for diversity that is none.
    """
    texts = [text for text in (settings.filter, filter) if text]
    return Plan(settings, tuple(read_filter(text) for text in texts), _diversity(settings.diversity, diversity))


class Plans:
    """The funnels of a recipe's scenarios, each read once.

    Args:
        serving: The recipe's section.

    Attributes:
        filter: Whether any scenario has a filter.
        arrange: Whether any scenario has another order than that of scores.
    """

    def __init__(self, serving: ServingSettings) -> None:
        self._serving = serving
        self._everywhere = plan_of(serving.funnel(None))
        self._own = {name: plan_of(serving.funnel(name)) for name in serving.scenarios}
        self.filter = any(plan.filters for plan in (self._everywhere, *self._own.values()))
        self.arrange = any(plan.arranges for plan in (self._everywhere, *self._own.values()))

    @property
    def simple(self) -> bool:
        """Whether the recipe asks for nothing but the order of scores, in every scenario."""
        return not (self.filter or self.arrange)

    def of(self, scenario: str | None, filter: str | None = None, diversity: float | Mapping[str, Any] | None = None) -> Plan:
        """The funnel of a scenario, with what a request asks for; raises as `plan_of`."""
        plan = self._own.get(scenario or "", self._everywhere)
        return plan if filter is None and diversity is None else plan_of(plan.settings, filter, diversity)

    def check(self, table: ItemTable, has_vectors: bool, has_spread: bool = False) -> None:
        """Refuse a recipe that speaks of columns that are not there, or of spreads that the model has not. Raises RecipeError."""
        for name, plan in {"": self._everywhere, **self._own}.items():
            where = f"recipe, serving.scenarios.{name}" if name else "recipe, serving"
            settings = plan.settings
            conditions = {"filter": settings.filter} | {
                f"{kind}.{place}.where": each.where
                for kind in ("pin", "boost", "quota")
                for place, each in enumerate(getattr(settings, kind))
            }
            if settings.exploration is not None:
                conditions |= {"exploration.where": settings.exploration.where, "exploration.never": settings.exploration.never}
                _told_of_recipe(f"{where}.exploration", partial(_explores, settings.exploration, has_spread))
            for key, text in conditions.items():
                if text is not None:
                    _told_of_recipe(f"{where}.{key}", partial(_checked, text, table))
            for place, quota in enumerate(settings.quota):
                if quota.by is not None:
                    _told_of_recipe(f"{where}.quota.{place}.by", partial(_known, quota.by, table))
            if plan.diversity is not None:
                _told_of_recipe(f"{where}.diversity", partial(kinds_by, plan.diversity, table, has_vectors))


def kinds_by(diversity: DiversitySettings, table: ItemTable, has_vectors: bool) -> str | None:
    """The column of kinds that diversity goes by; None for vectors. Raises UnsupportedError where there is neither."""
    if diversity.by is not None:
        return _known(diversity.by, table)
    if diversity.method != "calibrated" and has_vectors:
        return None
    if table.kinds is None:
        do = "Name one: by = 'genre'."
        raise UnsupportedError("diversity", must="by an item column of kinds", came="no such feature, and none named", do=do)
    return table.kinds


def _checked(text: str, table: ItemTable) -> None:
    table.check(read_filter(text))


def _known(by: str, table: ItemTable) -> str:
    if by not in table.names.item:
        do = did_you_mean(by, table.names.item)
        raise UnsupportedError("diversity or a quota", must="by an item column", came="another name", do=do)
    return by


def _told_of_recipe(key: str, look: Callable[[], object]) -> None:
    try:
        look()
    except FilterError as error:
        raise RecipeError(f"{key}, character {error.place}", must=error.must, came=error.came, do=error.do) from None
    except UnsupportedError as error:
        raise RecipeError(key, must=error.must, came=error.came, do=error.do) from None


def _diversity(own: DiversitySettings | None, asked: float | Mapping[str, Any] | None) -> DiversitySettings | None:
    told = {} if asked is None else dict(asked) if isinstance(asked, Mapping) else {"strength": asked}
    base = {} if own is None else own.model_dump()
    found = own if not told else read_settings(DiversitySettings, base | told, "diversity")
    return found if found is not None and found.strength > 0 else None


def _diversified(diversity: DiversitySettings, pool: Candidates, places: int, facts: Facts) -> Rows:
    """Candidates of the pool by place."""
    relevance = _from_0_to_1(pool.scores)
    vectors: NDArray[Any] | None = None
    if diversity.by is None and diversity.method != "calibrated":
        vectors = facts.vectors(pool.items)
    if vectors is None:
        by = kinds_by(diversity, facts.table, False)
        assert by is not None
        past = facts.past if diversity.method == "calibrated" else facts.past[:0]
        both = facts.table.shares(by, np.concatenate([pool.items, past]))
        shares, had = both[: len(pool)], both[len(pool) :]
        if diversity.method == "calibrated":
            return calibrated(relevance, shares, had.sum(axis=0), diversity.strength, places)
        vectors = shares
    choose = mmr if diversity.method == "mmr" else dpp
    return choose(relevance, _unit(vectors), diversity.strength, places)


def _explores(exploration: ExplorationSettings, has_spread: bool) -> None:
    if exploration.method in ("thompson", "linucb") and not has_spread:
        do = 'Choose "epsilon_greedy" or "gumbel".'
        raise UnsupportedError(f'exploration by "{exploration.method}"', must="of scores that know how unsure they are", came="none", do=do)


def _explored(exploration: ExplorationSettings, candidates: Candidates, facts: Facts) -> Rows:
    """Candidates that may be explored."""
    best = np.arange(min(exploration.candidates, len(candidates)))
    for text, wanted in ((exploration.where, True), (exploration.never, False)):
        if text is not None:
            best = best[facts.table.passes(read_filter(text), candidates.items[best], facts.told) == wanted]
    return best


def _policy(exploration: ExplorationSettings) -> Policy:
    match exploration.method:
        case "epsilon_greedy":
            return EpsilonGreedy(exploration.epsilon)
        case "gumbel":
            return GumbelTopK(exploration.temperature)
        case "thompson":
            return Thompson(exploration.draws, exploration.widening)
        case "linucb":
            return LinUCB(2 * exploration.widening, exploration.draws)


def _unsure(candidates: Candidates, facts: Facts) -> Unsure:
    spread = facts.spread(candidates.items)
    told = np.zeros(len(candidates)) if spread is None else spread[:, 0].astype(np.float64)
    return Unsure(candidates.scores.astype(np.float64), told)


def _alike(masks: list[Mask], n: int) -> Rows | None:
    """Numbers that are equal for candidates in the same masks `[n]`: one may stand for the other without breaking a quota."""
    if not masks:
        return None
    same: Rows = np.unique(np.stack(masks, axis=1), axis=0, return_inverse=True)[1].reshape(n)
    return same


def _from_0_to_1(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Scores on a scale from the worst candidate to the best; all 1 where they are equal."""
    low, high = float(scores.min()), float(scores.max())
    return (scores.astype(np.float64) - low) / (high - low) if high > low else np.ones(len(scores))


def _unit(vectors: NDArray[Any]) -> NDArray[np.float64]:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float64] = vectors / np.where(length > 0, length, 1)
    return unit


def _holds(where: str | None, row: int, facts: Facts) -> bool:
    return where is None or (row >= 0 and bool(facts.table.passes(read_filter(where), np.array([row]), facts.told)[0]))


def _members(quota: QuotaRule, name: str, candidates: Candidates, facts: Facts) -> list[tuple[str, Mask]]:
    if quota.where is not None:
        return [(name, facts.table.passes(read_filter(quota.where), candidates.items, facts.told))]
    assert quota.by is not None
    found: dict[str, list[int]] = {}
    for place, kinds in enumerate(facts.table.kinds_of(quota.by, candidates.items)):
        for kind in kinds:
            found.setdefault(kind, []).append(place)
    masks = []
    for kind, places in found.items():
        if quota.at_most is not None and len(places) > quota.at_most:
            mask = np.zeros(len(candidates), dtype=bool)
            mask[places] = True
            masks.append((f"{name}: {kind}", mask))
    return masks
