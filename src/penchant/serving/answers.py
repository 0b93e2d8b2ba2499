"""What clients get back, as the API document shows it."""

from pydantic import BaseModel

from penchant.models.similar.spaces import By, Space
from penchant.serving.bodies import Rejection


class ReasonAnswer(BaseModel):
    """Why an item is where it is: a "source" that proposed it, or a "rule" that moved it, by name."""

    kind: str
    name: str


class ItemAnswer(BaseModel):
    """One recommended item, with each task's own prediction."""

    item_id: str
    title: str | None
    score: float
    tasks: dict[str, float]
    propensity: float
    reasons: list[ReasonAnswer]


class ListAnswer(BaseModel):
    """Items, best first. `fallback` says why the list is less personal than it could be, `dropped_rules` names rules that are not kept."""

    request_id: str
    model_version: str
    items: list[ItemAnswer]
    degraded: bool
    fallback: str | None
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
    """A model and whether it answers now."""

    version: str
    serving: bool
    final_score: dict[str, dict[str, float]] = {}
    """Weights of the tasks in what orders candidates, "everywhere" and in scenarios that have their own; none of a classic model."""


class ModelsAnswer(BaseModel):
    """The models known here."""

    models: list[ModelAnswer]


class HealthAnswer(BaseModel):
    """`starting`, `ready` or `failed`; `behind` counts what is stored but not yet in the engine's state."""

    status: str
    behind: int = 0


class Problem(BaseModel):
    """RFC 9457. `code` stays the same between releases."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = []
