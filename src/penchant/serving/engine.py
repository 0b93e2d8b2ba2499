"""Answers from a bundle and the state built on it: memory -> query -> funnel -> titles."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from penchant.features.feature import Feature
from penchant.funnel.candidates import Candidates
from penchant.funnel.funnel import Funnel
from penchant.models.batch import Moments, assemble
from penchant.models.network import Encoding
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import usual_scenario
from penchant.schema.errors import TargetError
from penchant.schema.event import Event
from penchant.schema.recipe import COUNTERS
from penchant.serving.memory import Memory, UserPast, frame_of
from penchant.serving.protocol import (
    ColumnDescription,
    Description,
    EventDescription,
    RankRequest,
    RecommendationAnswer,
    RecommendationRequest,
    ScoredItem,
    TaskDescription,
)

logger = logging.getLogger(__name__)
SAMPLES = 50
MOST_VALUES = 200
SHARE_SHOWN = 0.05  # the next-item share a full bar stands for


@dataclass(frozen=True)
class Asked:
    """Requests, encoded; and of each why its answer will be less personal than it could be, if it will."""

    encoding: Encoding
    moments: pl.DataFrame
    """What candidates are counted by beside the item, `[requests]`."""
    scores: NDArray[np.float32]
    """Retrieval's score of every catalogue item `[requests, items]`."""
    fallbacks: list[str | None]


class BundleEngine:
    """A `serving.protocol.Engine` over a fitted network. One thread calls it, one call at a time.

    Args:
        recommender: Read from a verified bundle.
        model_version: The bundle's version.
    """

    def __init__(self, recommender: NetworkRecommender, model_version: str) -> None:
        self.recommender, self.model_version = recommender, model_version
        recipe = recommender.recipe
        self._records = recommender.items.to_dicts()
        self._ids: list[str] = recommender.items["item_id"].to_list()
        self._rows = {name: row for row, name in enumerate(self._ids)}
        self._titles = [self._title(record) for record in self._records]
        self._users = recommender.log_.users
        self._user_rows = {name: row for row, name in enumerate(self._users["user_id"])}
        self._profiles: dict[str, dict[str, Any]] = {}
        self.memory = Memory(recommender, self._rows)
        # where retrieval alone decides the order, only the items shown need their tasks' predictions
        width = 1 if recommender.ranks_by_retrieval else recipe.serving.candidates
        self._funnel: Funnel[Asked] = Funnel(self._retrieve, self._rank, width)
        log = recommender.log_
        self._counted = sorted(recipe.features.candidate_moment)
        self._scenarios = [value for feature in recommender.features.features["scenario"].values() for value in _known(feature)]
        self._popular = np.bincount(log.item, minlength=len(log.items)).astype(np.float32)

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """The best items; when the network fails, the most popular ones, marked as degraded."""
        excluded = self._excluded(request)
        try:
            return self._recommend([request], [excluded])[0]
        except Exception as error:
            return self._popular_of(np.setdiff1d(np.arange(len(self._ids)), excluded), request.n, error)

    def recommend_many(self, requests: Sequence[RecommendationRequest]) -> list[RecommendationAnswer]:
        """What `recommend` answers to each, in one pass through the network."""
        if len(requests) > 1 and self.recommender.network.retrieval is not None:  # else each request fills a pass by itself
            with suppress(Exception):  # one that fails must not take the others along
                return self._recommend(requests, [self._excluded(request) for request in requests])
        return [self.recommend(request) for request in requests]

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        """The given items, best first; unknown ones are left out. When the network fails, the most popular first, marked as degraded."""
        rows = np.array([self._rows[name] for name in request.items if name in self._rows], dtype=np.int64)
        try:
            asked = self._ask([request])
            (ranked,) = self._rank(asked, [Candidates(rows, np.zeros(len(rows), dtype=np.float32))])
            return self._answer(ranked.best(request.n), asked.fallbacks[0])
        except Exception as error:
            return self._popular_of(rows, request.n, error)

    def similar_items(self, item_id: str, n: int) -> list[ScoredItem]:
        """The nearest other items by the cosine of their vectors."""
        if item_id not in self._rows:
            raise TargetError("item", must="in the catalogue", came="an id it does not hold", do="Add it with PUT /v1/items/{id}.")
        row = self._rows[item_id]
        vectors = torch.nn.functional.normalize(self.recommender.item_vectors, dim=1)
        cosine = (vectors @ vectors[row]).numpy()
        cosine[row] = -np.inf
        best = Candidates(np.arange(len(cosine)), cosine).best(n)
        return [self._item(item, score, {}) for item, score in zip(best.items.tolist(), best.scores.tolist(), strict=True)]

    def apply_events(self, events: Sequence[Event]) -> None:
        """Take in stored events; the very next answer knows of them."""
        self.memory.apply(events)

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None:
        """New items can be recommended at once by their content, and events that came before them count; changed ones get a new vector."""
        if not records:
            return
        frame = frame_of([{**record, "item_id": name} for name, record in records.items()])
        vectors = self.recommender.vectors_of(self.recommender.features.encode("item", frame))
        before = len(self._ids)
        for name, record in records.items():
            record = {**record, "item_id": name}
            if name not in self._rows:
                self._rows[name] = len(self._ids)
                self._ids.append(name)
                self._records.append(record)
                self._titles.append(self._title(record))
            else:
                self._records[self._rows[name]] = record
                self._titles[self._rows[name]] = self._title(record)
        places = np.arange(len(self._ids))
        places[[self._rows[name] for name in records]] = before + np.arange(len(records))
        self.recommender.item_vectors = torch.cat([self.recommender.item_vectors, vectors])[torch.from_numpy(places)]
        self.recommender.catalogue = pl.concat([self.recommender.catalogue, self.recommender.features.catalogue(frame)])[places]
        self.memory.welcome(records)

    def upsert_users(self, records: Mapping[str, dict[str, Any]]) -> None:
        """Profiles count from the next answer on."""
        self._profiles.update({name: dict(record) for name, record in records.items()})

    def user(self, user_id: str) -> dict[str, Any] | None:
        """A user's profile and number of history events, or None."""
        if user_id not in self._profiles and not self.memory.knows(user_id):
            return None
        stored = self._users.row(self._user_rows[user_id], named=True) if user_id in self._user_rows else {}
        return {**stored, **self._profiles.get(user_id, {}), "user_id": user_id, "seen_items": len(self.memory.of(user_id).seen)}

    def item(self, item_id: str) -> dict[str, Any] | None:
        """An item's record, or None."""
        return dict(self._records[self._rows[item_id]]) if item_id in self._rows else None

    def describe(self) -> Description:
        """The facts behind the playground's controls."""
        recipe, features, log = self.recommender.recipe, self.recommender.features, self.recommender.log_
        popular = np.argsort(-self._popular, kind="stable")[:SAMPLES]
        busiest = np.argsort(-np.diff(log.offsets), kind="stable")
        sample = busiest[np.linspace(0, len(busiest) - 1, min(SAMPLES, len(busiest))).astype(int)] if len(busiest) else busiest
        return Description(
            tasks=[self._describe_task(name) for name in recipe.tasks],
            scenarios=self._scenarios,
            context=[
                _column(part.reads(name)[0], part.kind, features.features["context"][name])
                for name, part in recipe.features.context.items()
                if part.kind != COUNTERS  # they are counted, not chosen
            ],
            profile=[
                _column(part.reads(name)[0], part.kind, features.features["user"][name]) for name, part in recipe.features.user.items()
            ],
            events=[self._describe_event(name, means) for name, means in recipe.serving.events.items()],
            title=recipe.data.title,
            counts={"users": len(log.users), "items": len(self._ids), "events": len(log)},
            sample_users=[self._users["user_id"][int(row)] for row in sample],
            sample_items=[{"item_id": self._ids[row], "title": self._titles[row]} for row in popular.tolist()],
        )

    def _excluded(self, request: RecommendationRequest) -> NDArray[np.int64]:
        """Rows of items that must not come; none where the recipe or the request lets them come again."""
        if not (request.exclude_seen and self.recommender.recipe.serving.exclude_seen):
            return np.zeros(0, dtype=np.int64)
        visited = {self._rows[event.item_id] for event in request.session if event.item_id in self._rows}
        return np.array(sorted(self.memory.of(request.user_id).seen | visited), dtype=np.int64)

    def _past(self, request: RecommendationRequest) -> UserPast:
        past = self.memory.of(request.user_id)
        if not request.session:
            return past
        past = past.copy()
        self.memory.extend(past, request.session)
        return past

    def _moment(self, request: RecommendationRequest) -> dict[str, Any]:
        """What is known of now: the clock, unless the request names another time; the scenario, the most frequent when none is named.

        A scenario may be named as such or, like any column, in the context.
        """
        now = _seconds(request.context.get("timestamp"), datetime.now(UTC).timestamp())
        moment = {**request.context, "timestamp": now, "user_id": request.user_id}
        column = self.recommender.recipe.scenario.column
        if column is None:
            return moment
        named = (request.scenario, request.context.get(column), usual_scenario(self.recommender.features))
        return moment | {column: next((name for name in named if name is not None), None)}

    def _recommend(self, requests: Sequence[RecommendationRequest], excluded: Sequence[NDArray[np.int64]]) -> list[RecommendationAnswer]:
        asked = self._ask(requests)
        found = self._funnel.run(asked, [request.n for request in requests], excluded)
        return [self._answer(best, fallback) for best, fallback in zip(found, asked.fallbacks, strict=True)]

    def _ask(self, requests: Sequence[RecommendationRequest]) -> Asked:
        recommender, features = self.recommender, self.recommender.features
        pasts, profiles = [self._past(request) for request in requests], [self._profile(request) for request in requests]
        moments = [self._moment(request) for request in requests]
        arrays = self.memory.arrays(pasts)
        batch = assemble(
            {name: array[:, 0] for name, array in _stacked([profile for profile, _ in profiles]).items()},
            arrays,
            Moments(
                times=np.array([[moment["timestamp"]] for moment in moments]),
                visible=arrays.length[:, None],
                present=np.ones((len(requests), 1), dtype=bool),
                context=_stacked([features.encode_one("context", moment) for moment in moments]),
                scenario=_stacked([features.encode_one("scenario", moment) for moment in moments]),
            ),
        )
        encoding = recommender.encode(batch)
        counted = frame_of([{name: moment.get(name) for name in self._counted} for moment in moments])
        personal = zip(requests, pasts, profiles, strict=True)
        fallbacks = [self._fallback(one, past, told) for one, past, (_, told) in personal]
        return Asked(encoding, counted, recommender.retrieve(encoding, counted), fallbacks)

    def _fallback(self, request: RecommendationRequest, past: UserPast, has_profile: bool) -> str | None:
        known = request.user_id is not None and (self.memory.knows(request.user_id) or request.user_id in self._profiles)
        return None if known or past.items or has_profile else "unknown_user" if request.user_id else "anonymous"

    def _profile(self, request: RecommendationRequest) -> tuple[dict[str, NDArray[Any]], bool]:
        """The profile's features, and whether anything is known of it."""
        changed = {**self._profiles.get(request.user_id or "", {}), **(request.profile or {})}
        row = self._user_rows.get(request.user_id or "")
        if row is not None and not changed:
            return {name: array[row : row + 1] for name, array in self.recommender.encoded(self.recommender.log_).user.items()}, True
        nobody = {"user_id": request.user_id or ""}  # an id that is unknown, not missing
        stored = self._users.row(row, named=True) if row is not None else nobody
        return self.recommender.features.encode_one("user", {**stored, **changed}), bool(changed) or row is not None

    def _retrieve(self, asked: Asked) -> list[Candidates]:
        everything = np.arange(asked.scores.shape[1])
        return [Candidates(everything, scores) for scores in asked.scores]

    def _rank(self, asked: Asked, candidates: list[Candidates]) -> list[Candidates]:
        longest = max(map(len, candidates))
        if not longest:
            return candidates
        network = self.recommender.network
        rows = np.zeros((len(candidates), longest), dtype=np.int64)
        for place, one in enumerate(candidates):
            rows[place, : len(one)] = one.items
        with torch.inference_mode():
            outputs = self.recommender.judge(asked.encoding, rows, asked.moments)
            tasks = {name: task.predict(outputs[name]).float().numpy() for name, task in network.ranking_tasks.items()}
            if network.retrieval is not None:
                totals = torch.from_numpy(asked.scores).logsumexp(1, keepdim=True)
                tasks = {network.retrieval.name: (outputs[network.retrieval.name] - totals).exp().numpy()} | tasks
            scores = self.recommender.combine(outputs)
        return [
            Candidates(one.items, scores[place, : len(one)], {name: values[place, : len(one)] for name, values in tasks.items()})
            for place, one in enumerate(candidates)
        ]

    def _popular_of(self, rows: NDArray[np.int64], n: int, error: Exception) -> RecommendationAnswer:
        """The items with most events first. Logs the error without a traceback, which could carry ids."""
        logger.error("the network failed (%s); answering with popular items", type(error).__name__)
        counts = np.pad(self._popular, (0, len(self._ids) - len(self._popular)))
        return self._answer(Candidates(rows, counts[rows]).best(n), "popular", degraded=True)

    def _answer(self, candidates: Candidates, fallback: str | None, degraded: bool = False) -> RecommendationAnswer:
        names = list(candidates.tasks)
        values = np.stack([candidates.tasks[name] for name in names], axis=1).tolist() if names else [[]] * len(candidates)
        lines = zip(candidates.items.tolist(), candidates.scores.tolist(), values, strict=True)
        items = [self._item(row, score, dict(zip(names, own, strict=True))) for row, score, own in lines]
        return RecommendationAnswer(items, self.model_version, degraded, fallback)

    def _item(self, row: int, score: float, tasks: dict[str, float]) -> ScoredItem:
        return ScoredItem(self._ids[row], self._titles[row], score, tasks)

    def _title(self, record: Mapping[str, Any]) -> str | None:
        column = self.recommender.recipe.data.title
        value = record.get(column) if column else None
        return " ".join(map(str, value)) if isinstance(value, list) else None if value is None else str(value)

    def _describe_task(self, name: str) -> TaskDescription:
        task = self.recommender.network.ranking_tasks.get(name)
        if task is None:
            return TaskDescription(name=name, kind="next_item", low=0.0, high=SHARE_SHOWN)
        low, high = (0.0, 1.0) if task.part.kind == "binary" else (task.settings.minimum, task.settings.maximum)
        return TaskDescription(name=name, kind=task.part.kind, low=0.0 if low is None else low, high=1.0 if high is None else high)

    def _describe_event(self, name: str, means: Mapping[str, float | str]) -> EventDescription:
        log = self.recommender.log_
        column = next((column for column, meaning in means.items() if meaning == "value" and column in log.columns), None)
        values = sorted(log.series(column).drop_nulls().unique().to_list()) if column else []
        return EventDescription(name=name, values=[float(value) for value in values] if len(values) <= 10 else [])


def _stacked(records: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """Arrays `{name: [1, *]}` of each record as `{name: [records, 1, *]}`."""
    return {name: np.stack([record[name] for record in records]) for name in records[0]}


def _known(feature: Feature) -> list[Any]:
    values = getattr(feature, "values_", None)
    return [] if values is None else values.head(MOST_VALUES).to_list()


def _column(name: str, kind: str, feature: Feature) -> ColumnDescription:
    return ColumnDescription(name=name, kind=kind, values=_known(feature))


def _seconds(value: Any, now: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else now
