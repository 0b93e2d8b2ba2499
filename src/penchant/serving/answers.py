"""What clients get back, as the API document shows it."""

from typing import Any, Literal

from pydantic import BaseModel

from penchant.models.similar.spaces import By, Space
from penchant.serving.bodies import Rejection


class ReasonAnswer(BaseModel):
    """Why an item is where it is, by kind and name.

    A `source` that proposed it; a `rule` that moved it; a `summary` of the causes in a sentence; and the causes, the strongest first: an
    event of the `history`, the `earlier_history`, a column of the `profile`, the `context`, the `scenario` or the `item`.
    """

    kind: Literal["source", "rule", "summary", "history", "earlier_history", "profile", "context", "scenario", "item"]
    name: str
    """Of a source, a rule, a column; of an event its item."""
    text: str | None = None
    """In words."""
    value: Any = None
    """What the column says; of an event its item's title."""
    time: float | None = None
    """When the event happened."""
    events: int | None = None
    """How many events it is."""
    effect: float | None = None
    """The score with it less the score without it, before rules."""
    effects: dict[str, float] | None = None
    """The same of each task's own prediction. Keys that say nothing are absent."""


class ItemAnswer(BaseModel):
    """One recommended item, with each task's own prediction."""

    item_id: str
    title: str | None
    score: float
    tasks: dict[str, float]
    propensity: float
    """The chance with which it was shown at this place, given the places before; 1 where nothing was left to chance."""
    propensity_error: float
    """Its standard error; 0 where it is exact."""
    reasons: list[ReasonAnswer]


class ListAnswer(BaseModel):
    """Items, best first. `fallback` says why the list is less personal than it could be, or which list it is; `reason` says what did not
    work when it is `degraded`: `late`, `failed`, `breaker_open`, `nonfinite_scores`, `not_encoded`. `dropped_rules` names rules
    that are not kept."""

    request_id: str
    model_version: str
    items: list[ItemAnswer]
    degraded: bool
    fallback: str | None
    reason: str | None
    dropped_rules: list[str]


class SimilarItemsAnswer(BaseModel):
    """Other items, the most alike first. `fallback` says why they are found in another `space` than was asked, or not at all."""

    request_id: str
    model_version: str
    space: Space
    by: By | None
    items: list[ItemAnswer]
    degraded: bool
    fallback: str | None


class UserAnswer(BaseModel):
    """One user who is like another; `related` when the two are known to be."""

    user_id: str
    score: float
    related: bool


class SimilarUsersAnswer(BaseModel):
    """Other users, the most alike first. `fallback` says why they are found in another `space` than was asked, or not at all."""

    request_id: str
    model_version: str
    space: Space
    by: By | None
    users: list[UserAnswer]
    degraded: bool
    fallback: str | None


class EventsAnswer(BaseModel):
    """What became of the events; those accepted are on the disk and in the user's state."""

    accepted: int
    duplicates: int
    rejected: list[Rejection]


class BulkAnswer(BaseModel):
    """What became of the records; those accepted are on the disk and in the engine's state."""

    accepted: int
    rejected: list[Rejection]


class ScenariosAnswer(BaseModel):
    """Declared scenarios, and the known values of each column that names one; empty when there is one scenario only."""

    scenarios: list[str]
    factors: dict[str, list[str]]


class ModelAnswer(BaseModel):
    """A version, whether it answers now, and what is known of it."""

    version: str
    serving: bool
    state: Literal["serving", "warm", "stored", "refused"] = "serving"
    """`warm`: kept in memory for a roll-back; `refused`: it cannot be served, for `code`."""
    aliases: list[str] = []
    created: str | None = None
    code_version: str | None = None
    metrics: dict[str, Any] = {}
    """What its training measured."""
    code: str | None = None
    final_score: dict[str, dict[str, float]] = {}
    """Weights of the tasks in what orders candidates, "everywhere" and in scenarios that have their own; none of a classic model."""


class CanaryAnswer(BaseModel):
    """What a candidate showed: requests answered, those that users had asked, time of 99 of 100, items that are listed now too."""

    requests: int
    recorded: int
    p99_ms: float
    overlap: float | None


class PromotionAnswer(BaseModel):
    """How a promotion or a roll-back stands; `code` and `detail` say why it was refused."""

    action: Literal["promote", "rollback", "follow"]
    version: str
    by: str
    started: float
    step: Literal["verify", "load", "catch_up", "warm_up", "canary", "alias", "switch", "done", "refused"]
    seconds: float
    code: str | None
    detail: str | None
    canary: CanaryAnswer | None


class ModelsAnswer(BaseModel):
    """The models known here, the newest first, the version that a roll-back would go to, and how the last change stands, if any."""

    models: list[ModelAnswer]
    earlier: str | None = None
    promotion: PromotionAnswer | None = None


class ChangeAnswer(BaseModel):
    """A line of the audit trail: who pointed which alias where; `code` when that was refused."""

    time: str
    action: Literal["promote", "rollback", "refused"]
    by: str
    alias: str
    version: str
    before: str | None
    code: str | None = None


class ChangesAnswer(BaseModel):
    """The audit trail, the newest first."""

    changes: list[ChangeAnswer]


class HealthAnswer(BaseModel):
    """`starting`, `ready`, `draining` or `failed`; `behind` counts what is stored but not yet in the engine's state."""

    status: str
    behind: int = 0
    model_version: str | None = None
    parts: dict[str, str] = {}
    """Each part and how it does. Recommendations are answered whatever they say, but for `state`."""


class Problem(BaseModel):
    """RFC 9457. `code` stays the same between releases."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = []
