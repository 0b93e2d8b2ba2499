"""Answers from a bundle and the state built on it: who asks -> the model's best -> titles."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from penchant.data.records import frame_of
from penchant.funnel.candidates import Candidates
from penchant.funnel.explore.explore import Drawn
from penchant.funnel.plan import Listed
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender, known_factors, usual_factors
from penchant.models.similar.likeness import Found, Likeness
from penchant.models.similar.spaces import Owner, Space
from penchant.models.similar.table import find, pairs_of
from penchant.schema.errors import TargetError, UnsupportedError
from penchant.schema.event import Event
from penchant.serving.elsewhere import Elsewhere
from penchant.serving.encoders import Encoders
from penchant.serving.fingerprint import fingerprint
from penchant.serving.memory import Memory
from penchant.serving.protocol import (
    Description,
    EventDescription,
    Given,
    RankRequest,
    Reason,
    RecommendationAnswer,
    RecommendationRequest,
    ScoredItem,
    ScoredUser,
    SimilarAnswer,
    SimilarRequest,
    Standby,
)
from penchant.serving.reasoning import Reasoning
from penchant.serving.requests import Requests
from penchant.serving.served import Person, Served
from penchant.serving.served_classic import ServedClassic
from penchant.serving.served_network import ServedNetwork
from penchant.serving.standby import Filters, standby_of

logger = logging.getLogger(__name__)
SAMPLES = 50


class BundleEngine:
    """A `serving.protocol.Engine` over a fitted model: the network, or a classic one. One thread calls it, one call at a time.

    Args:
        recommender: Read from a verified bundle.
        model_version: The bundle's version.
    """

    def __init__(self, recommender: Recommender, model_version: str) -> None:
        self.recommender, self.model_version = recommender, model_version
        self._records = recommender.items.to_dicts()
        self._ids: list[str] = recommender.items["item_id"].to_list()
        self._rows = {name: row for row, name in enumerate(self._ids)}
        self._titles = [self._title(record) for record in self._records]
        log = recommender.log_
        self._users = log.users
        self._user_rows = {name: row for row, name in enumerate(self._users["user_id"])}
        self._profiles: dict[str, dict[str, Any]] = {}
        self.model: Served = _served(recommender, self._rows)
        self._elsewhere: Elsewhere | None = None
        self._scenarios = recommender.scenarios()
        self._combinations = frozenset(self._scenarios)
        self._funnel = Requests(recommender, self.model, self._rows)
        self._reasoning = Reasoning(recommender, self.model, self._ids, self._titles, self._records)
        self._popular = np.bincount(log.item, minlength=len(log.items)).astype(np.float32)

    @property
    def memory(self) -> Memory:
        """What is known of each user's past."""
        return self.model.memory

    def encoders(self) -> Encoders | None:
        """The process that reads words and pictures, not started; None where there are none to read. The engine reads none from now on."""
        recommender = self.recommender
        if not isinstance(recommender, NetworkRecommender):
            return None
        serving = recommender.recipe.serving
        process = Encoders(recommender.features, recommender.recipe.directory, serving.encoder_threads, serving.deadline_ms / 2000)
        if not process.needed:
            return None
        self._elsewhere = Elsewhere(recommender.features, recommender.encoded(recommender.log_).user)
        return process

    def to_encode(self, request: RecommendationRequest) -> dict[str, dict[str, Any]]:
        """The records with words or pictures that the request needs and nobody has encoded."""
        if self._elsewhere is None:
            return {}
        user = self._record_of(request)
        needed: dict[str, dict[str, Any]] = {}
        if self._elsewhere.lacks("user", user, self._given(request)["user"]):
            needed["user"] = user
        if self._elsewhere.lacks("context", request.context, {}):
            needed["context"] = request.context
        return needed

    def check(self, request: RecommendationRequest) -> None:
        """Refuse a filter over columns that there are not, and diversity by what there is not. Raises FilterError, UnsupportedError."""
        self._funnel.check(request)

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """The best items; when the model fails, the most popular ones, marked as degraded."""
        excluded = self._excluded(request)
        try:
            return self._recommend([request], [excluded])[0]
        except Exception as error:
            return self._popular_of(np.setdiff1d(np.arange(len(self._ids)), excluded), request.n, error)

    def recommend_many(self, requests: Sequence[RecommendationRequest]) -> list[RecommendationAnswer]:
        """What `recommend` answers to each, in one pass through the model."""
        if len(requests) > 1 and self.model.together:
            with suppress(Exception):  # one that fails must not take the others along
                return self._recommend(requests, [self._excluded(request) for request in requests])
        return [self.recommend(request) for request in requests]

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        """The given items, best first; unknown ones are left out. When the model fails, the most popular first, marked as degraded."""
        rows = np.array([self._rows[name] for name in request.items if name in self._rows], dtype=np.int64)
        if self._funnel.of_rank(request):
            rows = self._funnel.passing(request, rows, self._record_of(request), self._moment(request))
        try:
            person = self._person(request)
            ranked = self.model.rank(person, rows)
            if self._funnel.of_rank(request):
                listed = self._funnel.ranked(request, person, self._record_of(request), ranked)
            else:
                best = ranked.best(request.n)
                listed = Listed(best, [[] for _ in range(len(best))], [])
            return self._answer(listed.candidates, self._fallback(person), person.unread, self._reasons(listed, request, person))
        except Exception as error:
            return self._popular_of(rows, request.n, error)

    def fingerprint(self) -> str:
        """The state built on the bundle as a hash: equal for equal states, however they came about."""
        return fingerprint(self.recommender, self._ids, self.memory, dict(zip(self._ids, self._records, strict=True)), self._profiles)

    def standby(self) -> Standby:
        """What answers need when this engine is late, fails or hangs."""
        filters = Filters(self._funnel, self._rows, self._record_of, self._moment)
        return standby_of(self.recommender, self._ids, self._rows, self._titles, self.memory, filters)

    def similar(self, request: SimilarRequest) -> Callable[[], SimilarAnswer]:
        """The most alike other items or users, in the space asked for or, where that knows nothing of this one, in the other.

        When the search fails nobody is alike, marked as degraded.
        """
        row = self.model.place(request.of, request.id)
        if row is None:
            must, do = ("in the catalogue", "item") if request.of == "item" else ("known", "user")
            raise TargetError(request.of, must=must, came="an id it does not hold", do=f"Add it with PUT /v1/{do}s/{{id}}.")
        likeness, fallback = self._likeness(request, row)
        if fallback == "nothing_known":
            nothing = SimilarAnswer([], self.model_version, likeness.space, likeness.by, fallback=fallback)
            return lambda: nothing
        rows = np.array([row])
        search = find(likeness, likeness.of_rows(rows), rows, request.n, request.friends)
        return partial(self._similar, request.of, row, likeness, fallback, search)

    def apply_events(self, events: Sequence[Event]) -> None:
        """Take in stored events; the very next answer knows of them."""
        self.model.apply_events(events)

    def upsert_items(self, records: Mapping[str, dict[str, Any]], given: Given | None = None) -> None:
        """A model that can recommends new items at once by their content; events that came before them count.

        Args:
            records: By id.
            given: What another process made of their words and pictures, a row per record.
        """
        if not records:
            return
        before = len(self._ids)
        fresh = [name for name in records if name not in self._rows]
        rows = {name: before + place for place, name in enumerate(fresh)}
        rows |= {name: self._rows[name] for name in records if name not in rows}
        places = np.arange(before + len(fresh))
        places[[rows[name] for name in records]] = before + np.arange(len(records))
        records = {name: {**record, "item_id": name} for name, record in records.items()}
        self.model.upsert_items(frame_of(list(records.values())), places, given if self._elsewhere is None else given or {})
        self._rows.update(rows)
        self._ids += fresh
        self._records += [{}] * len(fresh)
        self._titles += [None] * len(fresh)
        for name, record in records.items():
            self._records[rows[name]], self._titles[rows[name]] = record, self._title(record)
            self._funnel.table.tell(rows[name], record)
        self.model.welcome(records)

    def upsert_users(self, records: Mapping[str, dict[str, Any]], given: Given | None = None) -> None:
        """Profiles count from the next answer on; arguments as of `upsert_items`."""
        self._profiles.update({name: dict(record) for name, record in records.items()})
        if self._elsewhere is None:
            self.model.upsert_users(records)
            return
        self._elsewhere.keep_users(records, given or {})
        rows = {name: self._user_rows.get(name, -1) for name in records}
        self.model.upsert_users(records, {name: self._elsewhere.of_user(name, rows[name], record, {}) for name, record in records.items()})

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
        recipe, log = self.recommender.recipe_, self.recommender.log_
        popular = np.argsort(-self._popular, kind="stable")[:SAMPLES]
        busiest = np.argsort(-np.diff(log.offsets), kind="stable")
        sample = busiest[np.linspace(0, len(busiest) - 1, min(SAMPLES, len(busiest))).astype(int)] if len(busiest) else busiest
        return Description(
            tasks=self.model.describe_tasks(),
            final_score=self.model.describe_score(),
            scenarios=self._scenarios,
            factors=self._factors(),
            context=self.model.describe_columns("context"),
            profile=self.model.describe_columns("user"),
            events=[self._describe_event(name, means) for name, means in recipe.serving.events.items()],
            title=recipe.data.title,
            counts={"users": len(log.users), "items": len(self._ids), "events": len(log)},
            sample_users=[self._users["user_id"][int(row)] for row in sample],
            sample_items=[{"item_id": self._ids[row], "title": self._titles[row]} for row in popular.tolist()],
        )

    def _likeness(self, request: SimilarRequest, row: int) -> tuple[Likeness, str | None]:
        """What knows something of this row, and why it is not what was asked for, if it is not."""
        asked = self.model.likeness(request.of, request.space, request.by)
        needed: tuple[Space, ...] = ("content", "behaviour") if asked.space == "joint" else (asked.space,)
        lacking = next((space for space in needed if not self._knows(request, space, row)), None)
        if lacking is None:
            return asked, None
        other: Space = "behaviour" if lacking == "content" else "content"
        if self._knows(request, other, row):
            return self.model.likeness(request.of, other, request.by), f"no_{lacking}"
        return asked, "nothing_known"

    def _knows(self, request: SimilarRequest, space: Space, row: int) -> bool:
        with suppress(UnsupportedError):
            likeness = self.model.likeness(request.of, space, request.by)
            return bool(likeness.knows(likeness.of_rows(np.array([row])))[0])
        return False

    def _similar(self, of: Owner, row: int, likeness: Likeness, fallback: str | None, search: Found) -> SimilarAnswer:
        """The neighbours found, told in any thread."""
        try:
            rows, scores = (found[0] for found in search())
        except Exception as error:
            logger.error("the search for neighbours failed (%s)", type(error).__name__)
            return SimilarAnswer([], self.model_version, likeness.space, likeness.by, True, "search_failed")
        listed = rows >= 0
        pairs = list(zip(rows[listed].tolist(), scores[listed].tolist(), strict=True))
        if of == "item":
            items = [self._item(other, score, {}) for other, score in pairs]
            return SimilarAnswer(items, self.model_version, likeness.space, likeness.by, False, fallback)
        friends = set(pairs_of(likeness.related, np.array([row]))[1].tolist())
        users = [ScoredUser(self.model.user_name(other), score, other in friends) for other, score in pairs]
        return SimilarAnswer(users, self.model_version, likeness.space, likeness.by, False, fallback)

    def _factors(self) -> dict[str, list[str]]:
        known = known_factors(getattr(self.recommender, "features", None))
        if known or not self.recommender.recipe_.scenario.named:
            return known
        columns = self.recommender.log_.take(list(self.recommender.recipe_.scenario.named), slice(None))
        return {column.name: column.drop_nulls().cast(pl.String).unique().sort().to_list() for column in columns}

    def _excluded(self, request: RecommendationRequest) -> NDArray[np.int64]:
        """Rows of items that must not come: seen ones, but where the recipe or the request lets them come again, and filtered ones."""
        seen = self._seen(request)
        if not self._funnel.filters(request):
            return seen
        barred = ~self._funnel.passes(request, self._record_of(request), self._moment(request))
        barred[seen] = True
        return np.flatnonzero(barred)

    def _seen(self, request: RecommendationRequest) -> NDArray[np.int64]:
        if not (request.exclude_seen and self.recommender.recipe_.serving.exclude_seen):
            return np.zeros(0, dtype=np.int64)
        visited = {self._rows[event.item_id] for event in request.session if event.item_id in self._rows}
        return np.array(sorted(self.memory.of(request.user_id).seen | visited), dtype=np.int64)

    def _person(self, request: RecommendationRequest) -> Person:
        name = request.user_id or ""
        profile = {**self._profiles.get(name, {}), **(request.profile or {})}
        past = self.memory.with_visit(request.user_id, request.session)
        row, moment = self._user_rows.get(name, -1), self._moment(request)
        if self._elsewhere is None:
            return Person(request.user_id, row, past, request.session, profile, moment, retrieved=partial(self._offer, request))
        given = self._given(request)
        unread = self._elsewhere.lacks("user", profile, given["user"]) or self._elsewhere.lacks("context", moment, given["context"])
        return Person(request.user_id, row, past, request.session, profile, moment, given, unread, partial(self._offer, request))

    def _given(self, request: RecommendationRequest) -> dict[str, Given]:
        """What is encoded of who asks and of the moment, by "user" and "context"."""
        assert self._elsewhere is not None
        name = request.user_id or ""
        known = self._elsewhere.of_user(name, self._user_rows.get(name, -1), self._profiles.get(name, {}), request.profile or {})
        return {"user": {**known, **request.given.get("user", {})}, "context": request.given.get("context", {})}

    def _record_of(self, request: RecommendationRequest) -> dict[str, Any]:
        """All that is known of who asks: by the log, by the record put since, and by the request."""
        name = request.user_id or ""
        stored = self._users.row(self._user_rows[name], named=True) if name in self._user_rows else {}
        return {**stored, **self._profiles.get(name, {}), **(request.profile or {}), "user_id": name}

    def _moment(self, request: RecommendationRequest) -> dict[str, Any]:
        """What is known of now: the clock, unless the request names another time; the scenario, the most frequent where none is named.

        A scenario may be named as such or, like any column, in the context.
        """
        settings = self.recommender.recipe_.scenario
        now = _seconds(request.context.get("timestamp"), datetime.now(UTC).timestamp())
        moment = {**request.context, "timestamp": now, "user_id": request.user_id}
        usual = dict.fromkeys(settings.named) | usual_factors(getattr(self.recommender, "features", None))
        named = {name: request.context.get(name) for name in settings.named} | settings.values(request.scenario)
        return moment | usual | {name: value for name, value in named.items() if value is not None}

    def _recommend(self, requests: Sequence[RecommendationRequest], excluded: Sequence[NDArray[np.int64]]) -> list[RecommendationAnswer]:
        people = [self._person(request) for request in requests]
        wanted = [self._funnel.pool(request, person) for request, person in zip(requests, people, strict=True)]
        found = self.model.recommend(people, wanted, excluded, any(request.explain for request in requests))
        return [self._arranged(*each) for each in zip(requests, people, excluded, found, strict=True)]

    def _arranged(
        self, request: RecommendationRequest, person: Person, excluded: NDArray[np.int64], best: Candidates
    ) -> RecommendationAnswer:
        """The answer from the best items, in the order that the funnel's rules give them."""
        if not self._funnel.arranges(request, person):
            reasons = self._reasons(Listed(best, [[] for _ in range(len(best))], []), request, person)
            return self._answer(best, self._fallback(person), person.unread, reasons)
        listed = self._funnel.arranged(request, person, self._record_of(request), excluded, best)
        answer = self._answer(listed.candidates, self._fallback(person), person.unread, self._reasons(listed, request, person))
        items = answer.items if listed.drawn is None else _drawn(answer.items, listed.drawn)
        return replace(answer, items=items, dropped_rules=listed.dropped)

    def _reasons(self, listed: Listed, request: RecommendationRequest, person: Person) -> list[list[Reason]] | None:
        """Who proposed each item, what moved it, and what moved its score, where that is asked for."""
        if not request.explain:
            return None
        causes = self._reasoning.causes(person, self._record_of(request), listed.candidates.items, request.language)
        return [[*moved, *own] for moved, own in zip(self._funnel.reasons(listed), causes, strict=True)]

    def _fallback(self, person: Person) -> str | None:
        """Why the answer is less personal than it could be, if it is.

        "not_encoded": words or pictures told of the user or the moment have not been read in time.
        A combination of several factors that was never seen is answered from what each of them is known for.
        """
        if person.unread:
            return "not_encoded"
        settings = self.recommender.recipe_.scenario
        if len(settings.named) > 1 and settings.name(person.moment) not in self._combinations:
            return "scenario_factors"
        if self.model.reads_profiles and (person.profile or person.row >= 0 or person.user_id in self._profiles):
            return None
        if person.past.items or (person.user_id is not None and self.memory.knows(person.user_id)):
            return None
        return "unknown_user" if person.user_id else "anonymous"

    def _popular_of(self, rows: NDArray[np.int64], n: int, error: Exception) -> RecommendationAnswer:
        """The items with most events first. Logs the error without a traceback, which could carry ids."""
        logger.error("the model failed (%s); answering with popular items", type(error).__name__)
        counts = np.pad(self._popular, (0, len(self._ids) - len(self._popular)))
        return replace(self._answer(Candidates(rows, counts[rows]).best(n), "popular", degraded=True), reason="failed")

    def _offer(self, request: RecommendationRequest, retrieved: Candidates) -> bool:
        """Leaves what was retrieved for when the ranking comes too late; whether there is time to rank."""
        if request.draft is None:
            return True
        make = partial(self._answer, retrieved.best(request.n), "retrieved", degraded=True)
        return request.draft.offer(lambda: replace(make(), reason="late"))

    def _answer(
        self, candidates: Candidates, fallback: str | None, degraded: bool = False, reasons: Sequence[list[Reason]] | None = None
    ) -> RecommendationAnswer:
        names = list(candidates.tasks)
        values = np.stack([candidates.tasks[name] for name in names], axis=1).tolist() if names else [[]] * len(candidates)
        lines = zip(candidates.items.tolist(), candidates.scores.tolist(), values, strict=True)
        items = [self._item(row, score, dict(zip(names, own, strict=True))) for row, score, own in lines]
        if reasons is not None:
            items = [replace(item, reasons=own) for item, own in zip(items, reasons, strict=True)]
        return RecommendationAnswer(items, self.model_version, degraded, fallback)

    def _item(self, row: int, score: float, tasks: dict[str, float]) -> ScoredItem:
        return ScoredItem(self._ids[row], self._titles[row], score, tasks)

    def _title(self, record: Mapping[str, Any]) -> str | None:
        column = self.recommender.recipe_.data.title
        value = record.get(column) if column else None
        return " ".join(map(str, value)) if isinstance(value, list) else None if value is None else str(value)

    def _describe_event(self, name: str, means: Mapping[str, float | str]) -> EventDescription:
        log = self.recommender.log_
        column = next((column for column, meaning in means.items() if meaning == "value" and column in log.columns), None)
        values = sorted(log.series(column).drop_nulls().unique().to_list()) if column else []
        return EventDescription(name=name, values=[float(value) for value in values] if len(values) <= 10 else [])


def _drawn(items: Sequence[ScoredItem], drawn: Drawn) -> list[ScoredItem]:
    chances = zip(items, drawn.propensities.tolist(), drawn.errors.tolist(), strict=True)
    return [replace(item, propensity=chance, propensity_error=error) for item, chance, error in chances]


def _served(recommender: Recommender, item_rows: Mapping[str, int]) -> Served:
    if isinstance(recommender, NetworkRecommender):
        return ServedNetwork(recommender, item_rows)
    return ServedClassic(recommender, item_rows)


def _seconds(value: Any, now: float) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else now
