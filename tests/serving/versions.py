"""Bundles whose model is a line of JSON, and engines whose scores tell which version made them."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from small_engine import SmallEngine

from penchant.serving.protocol import Description, RecommendationAnswer, RecommendationRequest, ScoredItem
from penchant.storage.bundles import Bundle, BundleStore, Metadata


class VersionEngine(SmallEngine):
    """Scores an item by its place, its events and the version, so that a list of mixed models can be told."""

    def __init__(self, version: str, does: str = "well") -> None:
        super().__init__()
        self.model_version, self.does = version, does  # type: ignore[misc]

    def describe(self) -> Description:
        facts = super().describe()
        return facts | {"scenarios": ["lounge"]} if self.does == "elsewhere" else facts  # type: ignore[return-value]

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        answer = super().recommend(request)
        if self.does == "fail":
            raise ValueError("broken")
        if self.does == "fall_back":
            return RecommendationAnswer(answer.items, self.model_version, degraded=True, fallback="popular")
        if self.does == "nothing":
            return RecommendationAnswer([], self.model_version)
        if self.does == "slowly":
            time.sleep(0.03)
        return RecommendationAnswer([self._score(item) for item in answer.items], self.model_version, fallback=answer.fallback)

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None:
        if self.does == "forget":
            raise ValueError("broken")
        super().upsert_items(records)

    def _score(self, item: ScoredItem) -> ScoredItem:
        if self.does == "constant":
            return ScoredItem(item.item_id, item.title, 0.5, item.tasks)
        if self.does == "nan":
            return ScoredItem(item.item_id, item.title, float("nan"), item.tasks)
        if self.does == "infinite task":
            return ScoredItem(item.item_id, item.title, item.score, {"click": float("inf")})
        name = "other " + item.item_id if self.does == "other items" else item.item_id
        return ScoredItem(name, item.title, score_of(self.model_version, item.item_id), item.tasks)


def score_of(version: str, item_id: str) -> float:
    """What version `version` says of an item; no two versions agree on any."""
    return int(version) + 1 / (1 + sum(map(ord, item_id)))


def load(bundle: Bundle) -> VersionEngine:
    does = json.loads((bundle.path / "model.json").read_text())["does"]
    if does == "unreadable":
        raise KeyError("weights")
    return VersionEngine(bundle.version, does)


def make(store: BundleStore, does: str = "well", **metrics: Any) -> str:
    """A new version that does this."""
    return store.create(writes(does), Metadata(metrics=metrics))


def writes(does: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "model.json").write_text(json.dumps({"does": does})) and None
