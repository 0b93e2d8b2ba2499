"""An engine small enough to see through: it recommends the items least often acted on, by id."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from penchant.schema.errors import TargetError, UnsupportedError
from penchant.schema.event import Event
from penchant.serving.protocol import (
    Description,
    RankRequest,
    RecommendationAnswer,
    RecommendationRequest,
    ScoredItem,
    ScoredUser,
    SimilarAnswer,
    SimilarRequest,
)
from penchant.storage.events import SQLiteEventLog


class SmallEngine:
    """Scores an item by 1 / (1 + events on it); items the user acted on are left out when asked."""

    model_version = "7"

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {f"i{n}": {"title": f"Item {n}"} for n in range(1, 6)}
        self.users: dict[str, dict[str, Any]] = {"u1": {"age": 30}}
        self.seen: dict[str, list[str]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.requests: list[RecommendationRequest] = []
        self.asked: list[SimilarRequest] = []
        self.likeness: dict[str, float] = {}

    def describe(self) -> Description:
        return {
            "tasks": [{"name": "click", "kind": "binary", "low": 0.0, "high": 1.0}],
            "scenarios": ["home", "search"],
            "final_score": {"everywhere": {"click": 1.0}},
            "context": [{"name": "device", "kind": "category", "values": ["phone", "desk"]}],
            "profile": [{"name": "age", "kind": "number", "values": []}],
            "events": [{"name": "click", "values": []}, {"name": "rating", "values": [1.0, 5.0]}],
            "title": "title",
            "counts": {"users": 1, "items": 5, "events": 0},
            "sample_users": ["u1"],
            "sample_items": [{"item_id": "i1", "title": "Item 1"}],
        }

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        self.requests.append(request)
        seen = {event.item_id for event in request.session} | set(self.seen[request.user_id or ""])
        items = [item for item in self.items if not (request.exclude_seen and item in seen)]
        fallback = None if request.user_id in self.users else "unknown_user"
        return RecommendationAnswer(self._scored(items)[: request.n], self.model_version, fallback=fallback)

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        self.requests.append(request)
        return RecommendationAnswer(self._scored([item for item in request.items if item in self.items])[: request.n], self.model_version)

    def similar(self, request: SimilarRequest) -> Callable[[], SimilarAnswer]:
        """Everything else, or everybody; it knows no content."""
        self.asked.append(request)
        if request.id not in (self.items if request.of == "item" else self.users):
            raise TargetError(f"{request.of} '{request.id}'", must="known", came="an unknown one", do="Name another.")
        if request.space == "content":
            raise UnsupportedError("space 'content'", must="told by features", came="ids only", do="Ask by behaviour.")
        found = self._scored([item for item in self.items if item != request.id]) if request.of == "item" else self._people(request.id)
        return lambda: SimilarAnswer(found[: request.n], self.model_version, request.space or "behaviour", request.by)

    def apply_events(self, events: Sequence[Event]) -> None:
        for event in events:
            self.seen[event.user_id].append(event.item_id)
            self.counts[event.item_id] += 1

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None:
        self.items.update(records)

    def upsert_users(self, records: Mapping[str, dict[str, Any]]) -> None:
        self.users.update(records)

    def user(self, user_id: str) -> dict[str, Any] | None:
        return self.users.get(user_id)

    def item(self, item_id: str) -> dict[str, Any] | None:
        return self.items.get(item_id)

    def _people(self, name: str) -> list[ScoredUser]:
        return [ScoredUser(user, self.likeness.get(user, 0.5), user == "friend") for user in self.users if user != name]

    def _scored(self, items: list[str]) -> list[ScoredItem]:
        scored = [ScoredItem(item, self.items[item].get("title"), s := 1 / (1 + self.counts[item]), {"click": s}) for item in items]
        return sorted(scored, key=lambda item: (-item.score, item.item_id))


@dataclass
class Served:
    """A running app and what it is made of."""

    client: TestClient
    app: FastAPI
    engine: SmallEngine
    log: SQLiteEventLog
    key: str


def wait_until_ready(client: TestClient) -> None:
    for _ in range(500):
        if client.get("/health/ready").status_code == 200:
            return
        time.sleep(0.01)
    raise AssertionError("not ready within 5 s")
