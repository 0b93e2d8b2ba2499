"""A small engine that stands by, and is late, fails or hangs when it is told to."""

import threading
import time
from collections.abc import Sequence

from small_engine import SmallEngine

from penchant.schema.event import Event
from penchant.serving.draft import Draft
from penchant.serving.protocol import RankRequest, RecommendationAnswer, RecommendationRequest, ScoredItem, Standby


class FailingEngine(SmallEngine):
    """Knows five items; `i5` is the most popular, `i4` in the search, `i3` stands on the static list."""

    def __init__(self) -> None:
        super().__init__()
        self.late = 0.0
        self.fails = False
        self.leaves = False
        self.bad_numbers: set[str] = set()
        self.go = threading.Event()
        self.go.set()
        self.asked_for = 0
        self.once_seen: dict[str, list[str]] = {}
        self.counts_told: dict[str | None, dict[str, int]] = {None: {"i5": 9, "i4": 5}, "search": {"i4": 3, "i5": 1}}

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        self._suffer(request.draft)
        answer = super().recommend(request)
        items = [ScoredItem(one.item_id, one.title, float("nan") if one.item_id in self.bad_numbers else one.score) for one in answer.items]
        return RecommendationAnswer(items, "7")

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        self._suffer(None)
        return super().rank(request)

    def apply_events(self, events: Sequence[Event]) -> None:
        self.go.wait()
        super().apply_events(events)

    def standby(self) -> Standby:
        return Standby(
            counts=self.counts_told,
            listed=["i3"],
            holds=self.items.__contains__,
            title=lambda item: self.items[item].get("title"),
            scenario=lambda request: request.scenario if isinstance(request.scenario, str) else None,
            seen=lambda user: self.once_seen.get(user, []),
        )

    def _suffer(self, draft: Draft[RecommendationAnswer] | None) -> None:
        self.asked_for += 1
        if self.leaves and draft is not None:
            left = RecommendationAnswer([ScoredItem("i2", "Item 2", 0.25)], "7", True, "retrieved", "late")
            draft.offer(lambda: left)
        self.go.wait()
        time.sleep(self.late)
        if self.fails:
            raise KeyError("c4n4ry")
