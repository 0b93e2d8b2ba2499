"""What clients send: one class per body, and what each becomes inside."""

import secrets
import time
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from penchant.schema.event import Event
from penchant.schema.language import Language
from penchant.schema.sections.funnel import DiversityMethod
from penchant.serving.protocol import RankRequest, RecommendationRequest
from penchant.serving.values import Context, Count, FilterText, Flag, Identifier, Number, Record, ScenarioName, Strength, Timestamp

MOST_EVENTS = 1000
"""Events of one call."""
MOST_SESSION_EVENTS = 200
MOST_RECORDS = 10_000
"""Records of one bulk call."""


class Body(BaseModel):
    """A JSON object whose unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionEventBody(Body):
    """Something done in this visit."""

    item_id: Identifier
    event: Identifier = "event"
    value: Number | None = None
    timestamp: Timestamp | None = None
    """Now when absent."""


class SessionBody(Body):
    """A visit: its name, or what was done in it, oldest first, or both."""

    session_id: Identifier | None = None
    events: list[SessionEventBody] = Field([], max_length=MOST_SESSION_EVENTS)


class DiversityBody(Body):
    """How various a list is made; what is absent is as the recipe says."""

    strength: Strength | None = None
    method: DiversityMethod | None = None
    by: Identifier | None = None
    """An item column of kinds, in place of the items' vectors."""


class RecommendationBody(Body):
    """A request for the best items. Everything may be absent: the answer is then what suits anybody."""

    user_id: Identifier | None = None
    session: SessionBody | None = None
    scenario: ScenarioName | None = None
    context: Context = {}
    profile: Record | None = None
    """Columns of a user who is not known yet."""
    n: Count = 10
    exclude_seen: Flag = True
    explain: Flag = False
    """Say of each item what moved it and its score."""
    language: Language | None = None
    """Of the reasons' words; what `Accept-Language` asks for when absent, or else the recipe's."""
    filter: FilterText | None = None
    """Only items that pass come: `item.price < 20 and 'Drama' in item.genres`."""
    diversity: DiversityBody | Strength | None = None
    """0 = by score alone, 1 = variety alone; or how."""

    def request(self) -> RecommendationRequest:
        """The same, as the engine takes it."""
        return RecommendationRequest(**self._common(), n=self.n, exclude_seen=self.exclude_seen)

    def _common(self) -> dict[str, Any]:
        session = self.session or SessionBody()
        owner = self.user_id or session.session_id or ""
        return {
            "user_id": self.user_id,
            "session": tuple(_session_event(event, owner, self.scenario) for event in session.events),
            "session_id": session.session_id,
            "scenario": self.scenario,
            "context": self.context,
            "explain": self.explain,
            "language": self.language,
            "filter": self.filter,
            "diversity": self.diversity.model_dump(exclude_none=True) if isinstance(self.diversity, DiversityBody) else self.diversity,
            "profile": self.profile,
        }


class RankBody(RecommendationBody):
    """A request to order given items; `n` of them come back, all when absent."""

    items: list[Identifier] = Field(min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.items)) != len(self.items):
            raise PydanticCustomError("duplicate_items", "must name each item once")
        return self

    def request(self) -> RankRequest:
        """The same, as the engine takes it."""
        n = self.n if "n" in self.model_fields_set else len(self.items)
        return RankRequest(**self._common(), n=n, exclude_seen=False, items=tuple(self.items))


class EventBody(Body):
    """Something a user did to an item."""

    event_id: Identifier | None = None
    """Sent again, it is stored once. Absent, one is made up, and a repeated call stores the event twice."""
    user_id: Identifier
    item_id: Identifier
    event: Identifier = "event"
    value: Number | None = None
    timestamp: Timestamp | None = None
    """Now when absent."""
    scenario: ScenarioName | None = None
    context: Context = {}
    request_id: Identifier | None = None
    """The recommendation that showed the item."""
    impressions: list[Identifier] = Field([], max_length=1000)
    """Items shown together with it."""

    def stored(self) -> Event:
        """The same, as the log keeps it."""
        return Event(
            event_id=self.event_id or secrets.token_hex(16),
            user_id=self.user_id,
            item_id=self.item_id,
            timestamp=time.time() if self.timestamp is None else self.timestamp,
            event=self.event,
            value=self.value,
            **_where(self.scenario, self.context),
            request_id=self.request_id,
            impressions=tuple(self.impressions),
        )


class EventsBody(Body):
    """Up to 1,000 events. A malformed one is rejected by itself; the others are stored."""

    events: list[Any] = Field(max_length=MOST_EVENTS)
    """`EventBody`, each checked by itself."""


class ItemsBody(Body):
    """Up to 10,000 items, each an object with `item_id` and its columns. A malformed one is rejected by itself."""

    items: list[Any] = Field(max_length=MOST_RECORDS)


class UsersBody(Body):
    """Up to 10,000 users, each an object with `user_id` and its columns. A malformed one is rejected by itself."""

    users: list[Any] = Field(max_length=MOST_RECORDS)


class RecordBody(BaseModel):
    """The columns of one user or item: text, numbers, true, false, null, or lists of those."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _columns(cls, raw: Any) -> Any:
        return Columns.model_validate({"columns": raw}).columns

    def record(self) -> dict[str, Any]:
        """The columns."""
        return dict(self.__pydantic_extra__ or {})


class Columns(Body):
    """One record, to be checked."""

    columns: Record


class Named(Body):
    """One id, to be checked."""

    id: Identifier


class Rejection(BaseModel):
    """Why the item at `index` (from 0) of a bulk call was not stored."""

    index: int
    code: str


def read_events(raw: list[Any]) -> tuple[list[Event], list[Rejection]]:
    """The well-formed events in order, and why each of the others is none."""
    events: list[Event] = []
    rejected: list[Rejection] = []
    for index, one in enumerate(raw):
        try:
            events.append(EventBody.model_validate(one).stored())
        except ValidationError as error:
            rejected.append(Rejection(index=index, code=code_of(error)))
    return events, rejected


def read_records(raw: list[Any], id_column: str) -> tuple[dict[str, dict[str, Any]], list[Rejection]]:
    """The well-formed records by id (the last of an id wins), and why each of the others is none."""
    records: dict[str, dict[str, Any]] = {}
    rejected: list[Rejection] = []
    for index, one in enumerate(raw):
        try:
            columns = dict(Columns.model_validate({"columns": one}).columns)
            name = Named.model_validate({"id": columns.pop(id_column, None)}).id
            records[name] = columns
        except ValidationError as error:
            rejected.append(Rejection(index=index, code=code_of(error)))
    return records, rejected


def code_of(error: ValidationError) -> str:
    """The stable code of the first fault."""
    return error.errors(include_url=False, include_input=False, include_context=False)[0]["type"]


def _session_event(event: SessionEventBody, owner: str, scenario: str | dict[str, Any] | None) -> Event:
    moment = time.time() if event.timestamp is None else event.timestamp
    return Event("", owner, event.item_id, moment, event.event, event.value, **_where(scenario, {}))


def _where(scenario: str | dict[str, Any] | None, context: dict[str, Any]) -> dict[str, Any]:
    """Scenario and context of an event; the columns of a scenario that is told by several are circumstances like others."""
    if isinstance(scenario, dict):
        return {"scenario": None, "context": context | scenario}
    return {"scenario": scenario, "context": context}
