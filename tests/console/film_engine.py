"""An engine with films for the pages: its scores follow what the user said of a film's genre."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from penchant.schema.event import Event
from penchant.serving.protocol import (
    Description,
    RankRequest,
    Reason,
    RecommendationAnswer,
    RecommendationRequest,
    ScoredItem,
    SimilarAnswer,
    SimilarRequest,
)

FILMS = {
    "f1": ("Spirited Away 千与千寻", "animation"),
    "f2": ("The Third Man", "noir"), "f3": ("Chinatown", "noir"), "f4": ("哪吒之魔童降世", "animation"),
    "f5": ("In the Mood for Love 花样年华", "romance"), "f6": ("Before Sunrise", "romance"), "f7": ("Alien", "horror"),
    "f8": ("My Neighbour Totoro 龙猫", "animation"), "f9": ("Double Indemnity", "noir"), "f10": ("The Thing", "horror"),
    "f11": ("Brief Encounter", "romance"), "f12": ("Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb", "satire"),
    "x1": ("<img src=x onerror=\"document.title='broken'\">", "hostile"), "x2": ("<script>document.title='broken'</script>", "hostile"),
    "x3": ("\"'><b>bold</b>&amp;", "hostile"),
}  # fmt: skip


class FilmEngine:
    """A film's like-probability rises with every event of the user on its genre."""

    def __init__(self, version: str = "3", constant: bool = False) -> None:
        self.model_version, self.constant = version, constant
        self.taste: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.seen: dict[str, set[str]] = defaultdict(set)

    def describe(self) -> Description:
        return {
            "tasks": [
                {"name": "watch", "kind": "binary", "low": 0.0, "high": 1.0},
                {"name": "like", "kind": "binary", "low": 0.0, "high": 1.0},
                {"name": "stars", "kind": "regression", "low": 1.0, "high": 5.0},
            ],
            "scenarios": ["home", "search", "after_play"],
            "context": [
                {"name": "device", "kind": "category", "values": ["phone", "television", "desk"]},
                {"name": "hour", "kind": "number", "values": []},
            ],
            "profile": [
                {"name": "age", "kind": "number", "values": []},
                {"name": "occupation", "kind": "category", "values": ["student", "engineer", "artist"]},
            ],
            "events": [
                {"name": "watch", "values": []},
                {"name": "like", "values": []},
                {"name": "stars", "values": [1.0, 2.0, 3.0, 4.0, 5.0]},
            ],
            "title": "title",
            "counts": {"users": 943, "items": 1682, "events": 100000},
            "sample_users": ["196", "186", "22", "244", "166"],
            "sample_items": [{"item_id": name, "title": title} for name, (title, _) in FILMS.items()],
        }

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        taste, seen = dict(self.taste[request.user_id or ""]), set(self.seen[request.user_id or ""])
        for event in request.session:
            taste[FILMS[event.item_id][1]] = taste.get(FILMS[event.item_id][1], 0) + 1
            seen.add(event.item_id)
        names = [name for name in FILMS if not (request.exclude_seen and name in seen)]
        items = sorted((self._scored(name, place, taste, request) for place, name in enumerate(names)), key=lambda item: -item.score)
        return RecommendationAnswer(items[: request.n], self.model_version, fallback=None if request.user_id else "anonymous")

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        return self.recommend(request)

    def similar(self, request: SimilarRequest) -> Callable[[], SimilarAnswer]:
        return lambda: SimilarAnswer([], self.model_version, "joint", "cosine")

    def apply_events(self, events: Sequence[Event]) -> None:
        for event in events:
            self.taste[event.user_id][FILMS[event.item_id][1]] += (event.value or 3) / 3
            self.seen[event.user_id].add(event.item_id)

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def upsert_users(self, records: Mapping[str, dict[str, Any]]) -> None: ...

    def user(self, user_id: str) -> dict[str, Any] | None:
        return None

    def item(self, item_id: str) -> dict[str, Any] | None:
        return None

    def _scored(self, name: str, place: int, taste: dict[str, float], request: RecommendationRequest) -> ScoredItem:
        title, genre = FILMS[name]
        push = taste.get(genre, 0.0) + (0.4 if request.context.get("device") == "phone" and genre == "animation" else 0)
        like = 0.5 if self.constant else 1 / (1 + math.exp(1.2 + 0.14 * place - push))
        reasons = self._reasons(genre, taste, request) if request.explain else []
        return ScoredItem(name, title, like, {"watch": like * 0.7 + 0.1, "like": like * 0.4, "stars": 2.5 + 2 * like}, reasons=reasons)

    def _reasons(self, genre: str, taste: dict[str, float], request: RecommendationRequest) -> list[Reason]:
        """A source, a sentence, and causes for and against, in the language of the request."""
        chinese = request.language == "zh"
        said = [(f"它的类型是{genre}", "你看过它") if chinese else (f"Its genre is {genre}", "You watched it")][0]
        effects = (0.5 + taste.get(genre, 0.0), -0.25)
        ends = ("提高了得分", "降低了得分") if chinese else ("speaks for it", "speaks against it")
        causes = [
            {
                "kind": kind,
                "name": "genre",
                "value": genre,
                "effect": effect,
                "effects": {"watch": effect / 2, "like": -effect},
                "text": f"{text}: {end}",
            }
            for kind, effect, text, end in zip(("item", "history"), effects, said, ends, strict=True)
        ]
        return [
            {"kind": "source", "name": "retrieval"},
            {"kind": "summary", "name": "why", "text": f"{'因为' if chinese else 'Because '}{said[0]}."},
            *causes,
        ]
