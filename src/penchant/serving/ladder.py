"""Answers from memory, for when the engine is late, fails or hangs: the best rung that has something for who asks.

    personalised                the engine's; everything below is marked as degraded
    retrieved                   what the engine had found before it judged it
    last_list                   the last good list of this user or visit in this scenario
    popular_in_scenario         most events in this scenario
    popular                     most events
    static                      the recipe's `serving.static_list`

A rung that does not fill the list is filled up by those below it; `fallback` names the first one that gave something.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar

from penchant.schema.event import Event
from penchant.serving.draft import Draft
from penchant.serving.protocol import RankRequest, RecommendationAnswer, RecommendationRequest, ScoredItem, Standby

LONGEST = 100
"""Items kept of a last good list."""
NEWEST = 50
"""Events kept of a user, beside those that the engine has taken in."""
MOST_POPULAR = 2000
"""Items of a popular list: as many as a request may want, and as many that it may have seen."""
_FRESH = 1.0  # seconds for which a popular list stands before it is counted anew
_PRUNE = 10 * MOST_POPULAR

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Ladder:
    """What is kept for degraded answers. The event loop's alone; it waits for nobody.

    Args:
        remembered: Users whose last list, and whose newest events, are kept; the least recently used give way.
    """

    def __init__(self, remembered: int) -> None:
        self._lists: _Recent[tuple[tuple[str, str], str | None], tuple[str, ...]] = _Recent(remembered)
        self._newest: _Recent[str, deque[str]] = _Recent(remembered)
        self._popular: dict[str | None, _Popular] = {None: _Popular({})}
        self._standby = Standby()

    def know(self, standby: Standby) -> None:
        """Takes in what an engine leaves for degraded answers; what was counted since an earlier one counts on only where it does too."""
        self._standby = standby
        self._popular = {name: _Popular(standby.counts.get(name, {})) for name in (None, *standby.counts)}

    def remember(self, request: RecommendationRequest, answer: RecommendationAnswer) -> None:
        """Keeps a good list."""
        who = _who(request)
        if who is not None and answer.items:
            self._lists.put((who, self._standby.scenario(request)), tuple(item.item_id for item in answer.items[:LONGEST]))

    def put(self, items: Mapping[str, Mapping[str, Any]]) -> None:
        """Takes in items that are stored: filters hold of them as they are now."""
        self._standby.tell(items)

    def saw(self, events: Iterable[Event]) -> None:
        """Takes in events that are stored, whether or not the engine has taken them in."""
        for event in events:
            newest = self._newest.get(event.user_id) or deque(maxlen=NEWEST)
            newest.append(event.item_id)
            self._newest.put(event.user_id, newest)
            if self._standby.holds(event.item_id):
                self._popular[None].add(event.item_id)
                if event.scenario in self._popular and event.scenario is not None:
                    self._popular[event.scenario].add(event.item_id)

    def answer(
        self, request: RecommendationRequest, reason: str, model_version: str, draft: Draft[RecommendationAnswer] | None = None
    ) -> RecommendationAnswer:
        """The best list that can be had without the engine.

        Args:
            request: Who asks.
            reason: Why the engine does not answer.
            model_version: Whose memory this is.
            draft: What the engine has left of its own work.
        """
        so_far = None if draft is None else draft.answer()
        if so_far is not None:
            return so_far
        if isinstance(request, RankRequest):
            return self._ranked(request, reason, model_version)
        items, fallback = self._fill(request, request.n, self._excluded(request))
        return RecommendationAnswer(items, model_version, True, fallback, reason)

    def filled(self, request: RecommendationRequest, items: Sequence[ScoredItem], left_out: Collection[str]) -> list[ScoredItem]:
        """A list whose unfit items were left out, filled up from below; its scores go on falling.

        Args:
            request: Who asks.
            items: What is left.
            left_out: Items that must not come back.
        """
        missing = min(request.n, len(items) + len(left_out)) - len(items)
        if missing <= 0 or isinstance(request, RankRequest):
            return list(items)
        excluded = {*self._excluded(request), *left_out, *(item.item_id for item in items)}
        more, _ = self._fill(request, missing, excluded)
        least = items[-1].score if items else 1.0
        return [*items, *(ScoredItem(one.item_id, one.title, least - 1 + one.score) for one in more)]

    def _fill(self, request: RecommendationRequest, wanted: int, excluded: Collection[str]) -> tuple[list[ScoredItem], str]:
        passes = self._standby.passes(request)
        found: dict[str, None] = {}
        fallback = "static"
        for name, items in self._rungs(request):
            fresh = (item for item in items if item not in excluded and item not in found and (passes is None or passes(item)))
            taken = dict.fromkeys(islice(fresh, wanted - len(found)))
            if taken and not found:
                fallback = name
            found |= taken
            if len(found) >= wanted:
                break
        return [self._item(item, place) for place, item in enumerate(found)], fallback

    def _rungs(self, request: RecommendationRequest) -> Iterator[tuple[str, Iterable[str]]]:
        scenario = self._standby.scenario(request)
        who = _who(request)
        if who is not None:
            yield "last_list", self._lists.get((who, scenario)) or ()
        if scenario is not None and scenario in self._popular:
            yield "popular_in_scenario", self._popular[scenario].best()
        yield "popular", self._popular[None].best()
        yield "static", self._standby.listed

    def _ranked(self, request: RankRequest, reason: str, model_version: str) -> RecommendationAnswer:
        """The given items, the most popular first, else as they were given."""
        scenario = self._standby.scenario(request)
        counts = [self._popular[name] for name in dict.fromkeys((scenario, None)) if name in self._popular]
        passes = self._standby.passes(request)
        known = [item for item in request.items if self._standby.holds(item) and (passes is None or passes(item))]
        known.sort(key=lambda item: [-each.of(item) for each in counts])
        fallback = "popular_in_scenario" if len(counts) > 1 else "popular"
        items = [self._item(item, place) for place, item in enumerate(known[: request.n])]
        return RecommendationAnswer(items, model_version, True, fallback, reason)

    def _excluded(self, request: RecommendationRequest) -> Collection[str]:
        """Items that must not come, as far as memory knows."""
        seen = self._standby.seen
        if seen is None or not request.exclude_seen:
            return ()
        excluded = {event.item_id for event in request.session}
        if request.user_id is not None:
            excluded.update(seen(request.user_id), self._newest.get(request.user_id) or ())
        return excluded

    def _item(self, item_id: str, place: int) -> ScoredItem:
        """Nobody has judged it: its score tells its place only."""
        return ScoredItem(item_id, self._standby.title(item_id), 1 / (1 + place))


@dataclass
class _Popular:
    """Items by their events, most first."""

    counts: Mapping[str, float]
    _counter: Counter[str] = field(init=False)
    _best: list[str] | None = None
    _counted: float = 0.0
    _changed: bool = False

    def __post_init__(self) -> None:
        self._counter = Counter({item: int(count) for item, count in self.counts.items()})

    def add(self, item: str) -> None:
        """One event more."""
        self._counter[item] += 1
        self._changed = True

    def of(self, item: str) -> int:
        """How many events."""
        return self._counter[item]

    def best(self) -> list[str]:
        """At most `MOST_POPULAR` items; a list may stand for a second before it is counted anew."""
        now = time.monotonic()
        if self._best is None or (self._changed and now - self._counted >= _FRESH):
            ordered = self._counter.most_common(MOST_POPULAR)
            self._best, self._counted, self._changed = [item for item, _ in ordered], now, False
            if len(self._counter) > _PRUNE:
                self._counter = Counter(dict(ordered))
        return self._best


class _Recent(Generic[Key, Value]):
    """At most so many; the least recently used give way."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        value = self._kept.get(key)
        if value is not None:
            self._kept.move_to_end(key)
        return value

    def put(self, key: Key, value: Value) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _who(request: RecommendationRequest) -> tuple[str, str] | None:
    """Whose list it is; users and visits do not mix."""
    if request.user_id is not None:
        return "user", request.user_id
    return None if request.session_id is None else ("visit", request.session_id)
