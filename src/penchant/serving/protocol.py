"""What the HTTP face asks of an engine, and what it hands over and gets back."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict, runtime_checkable

from numpy.typing import NDArray

from penchant.models.similar.spaces import By, Friends, Owner, Space
from penchant.schema.event import Event
from penchant.schema.language import Language

if TYPE_CHECKING:
    from penchant.serving.draft import Draft
    from penchant.serving.encoders import Encoders

Given = Mapping[str, NDArray[Any]]
"""Arrays `{feature: [n, *]}` that another process made of words and pictures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecommendationRequest:
    """Who asks, where, and for how many items. Everything has been checked for form, nothing for existence.

    Attributes:
        user_id: Known or not; None = nobody in particular.
        session: Events of this visit, oldest first, that count as history; they are not stored.
        session_id: Names a visit without a user.
        scenario: A declared scenario, or values of the factors that make one `{column: value}`; None = the engine's first.
        context: Column values of this moment; unknown columns and values are the engine's to ignore.
        n: Most items wanted, 1 to 1000.
        exclude_seen: Leave out items of the user's history.
        explain: Give each item's reasons.
        language: Of their words; None = as the recipe says.
        filter: Only items that pass come, beside the recipe's own filter; well-formed.
        diversity: A strength from 0 to 1, or some keys of `DiversitySettings`; None = as the recipe says.
        profile: Columns of a user who is not known yet; they go before the stored ones.
        given: What another process made of words and pictures in `profile` and `context`, by "user" and "context", one row each.
        draft: Where the engine leaves the best list so far; None = it will be waited for.
        request_id: Seeds what is left to chance, so that the same request has the same list; None = nothing is, as nobody is shown it.
    """

    user_id: str | None = None
    session: tuple[Event, ...] = ()
    session_id: str | None = None
    scenario: str | Mapping[str, Any] | None = None
    context: dict[str, Any] = field(default_factory=dict)
    n: int = 10
    exclude_seen: bool = True
    explain: bool = False
    language: Language | None = None
    filter: str | None = None
    diversity: float | Mapping[str, Any] | None = None
    profile: dict[str, Any] | None = None
    given: Mapping[str, Given] = field(default_factory=dict)
    draft: "Draft[RecommendationAnswer] | None" = field(default=None, compare=False)
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RankRequest(RecommendationRequest):
    """A request to order the given items and no others; `exclude_seen` has no part in it.

    Attributes:
        items: Item ids, each once, 1 to 1000; unknown ones are left out of the answer.
    """

    items: tuple[str, ...] = ()


Reason = Mapping[str, Any]
"""Why an item is where it is: its `kind` ("source": a source proposed it; "rule": a rule moved it; "summary": what follows in a sentence;
others: what moved its score, by how much) and the `name` of that."""


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One item of an answer.

    Attributes:
        item_id: The item.
        title: Its title for people; None when the recipe names no title.
        score: What the list is ordered by, higher first.
        tasks: Each task's own prediction (a probability for binary tasks).
        propensity: The chance with which this item was shown at this place, given the places before; 1 without exploration.
        reasons: Why it is where it is; empty unless asked for.
        propensity_error: Its standard error where draws have told it; 0 where it is exact.
    """

    item_id: str
    title: str | None
    score: float
    tasks: dict[str, float] = field(default_factory=dict)
    propensity: float = 1.0
    reasons: list[Reason] = field(default_factory=list)
    propensity_error: float = 0.0


@dataclass(frozen=True, slots=True)
class RecommendationAnswer:
    """A list and how it came about.

    Attributes:
        items: Best first; fewer than asked when there are no more.
        model_version: The bundle that answered.
        degraded: Whether a part that should have worked did not.
        fallback: Why the answer is less personal than it could be ("unknown_user"); None when it is not.
        reason: What did not work ("late", "failed"); None unless degraded.
        dropped_rules: Names of pins and quotas that could not be kept.
    """

    items: list[ScoredItem]
    model_version: str
    degraded: bool = False
    fallback: str | None = None
    reason: str | None = None
    dropped_rules: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarRequest:
    """Whose neighbours.

    Attributes:
        of: Of an item, or of a user.
        id: Which one.
        n: Most of them wanted, 1 to 1000.
        space: In what they are alike; None is the model's own.
        by: How that is measured; None is the model's own.
        friends: Of users: whether those known to be related are listed like all others, alone, or not at all.
    """

    of: Owner
    id: str
    n: int = 10
    space: Space | None = None
    by: By | None = None
    friends: Friends = "any"


@dataclass(frozen=True, slots=True)
class ScoredUser:
    """One user who is like another.

    Attributes:
        user_id: The user.
        score: How alike, at most 1.
        related: Whether the two are known to be related.
    """

    user_id: str
    score: float
    related: bool = False


@dataclass(frozen=True, slots=True)
class SimilarAnswer:
    """Neighbours and how they were found.

    Attributes:
        found: The most alike first; items or users, as was asked.
        model_version: The bundle that answered.
        space: In what they are alike: another space than was asked where that knows nothing of the one asked about.
        by: How that was measured; None = the model's own measure.
        degraded: Whether a part that should have worked did not.
        fallback: Why it is less than was asked ("no_behaviour", "no_content", "nothing_known"); None when it is not.
    """

    found: Sequence[ScoredItem] | Sequence[ScoredUser]
    model_version: str
    space: Space
    by: By | None
    degraded: bool = False
    fallback: str | None = None


class ColumnDescription(TypedDict):
    """A column a person can fill in.

    `kind` is the feature's kind ("category", "number", "time", "text"); `values` are the known ones, most frequent first,
    and empty where anything may be typed.
    """

    name: str
    kind: str
    values: list[Any]


class TaskDescription(TypedDict):
    """A task: its name, its kind ("binary"), the least and the most it predicts as a rule.

    A bar begins at `low`; its length compares within one list.
    """

    name: str
    kind: str
    low: float
    high: float


class ItemDescription(TypedDict):
    """An item and its title."""

    item_id: str
    title: str | None


class EventDescription(TypedDict):
    """An event the recipe understands: its name ("like"), and the amounts to offer; none when it has no amount."""

    name: str
    values: list[float]


class Description(TypedDict):
    """What a person needs to know to ask: the facts behind the playground's controls."""

    tasks: list[TaskDescription]
    scenarios: list[str]
    """Declared scenarios; empty when the recipe has one scenario."""
    factors: NotRequired[dict[str, list[str]]]
    """The columns that name a scenario, and the known values of each."""
    final_score: NotRequired[dict[str, dict[str, float]]]
    """What candidates are ordered by: weights of tasks "everywhere", then in scenarios that have their own."""
    context: list[ColumnDescription]
    profile: list[ColumnDescription]
    """User columns, for a user who is not known yet."""
    events: list[EventDescription]
    """What a person can say of an item."""
    title: str | None
    """The item column shown to people."""
    counts: dict[str, int]
    """users, items, events of the log trained on."""
    sample_users: list[str]
    sample_items: list[ItemDescription]


class Engine(Protocol):
    """Answers from a bundle and the state built from events and records.

    One thread calls it, one call at a time: it needs no locks. TargetError says that an id is unknown where only a known one will do,
    UnsupportedError that the model cannot answer such a question at all.
    """

    @property
    def model_version(self) -> str:
        """The bundle it answers from."""
        ...

    def describe(self) -> Description:
        """The facts behind the playground's controls."""
        ...

    def recommend(self, request: RecommendationRequest) -> RecommendationAnswer:
        """The best items; unknown users, items and context values are answered with a fallback, never refused."""
        ...

    def rank(self, request: RankRequest) -> RecommendationAnswer:
        """The given items, best first."""
        ...

    def similar(self, request: SimilarRequest) -> Callable[[], SimilarAnswer]:
        """The most alike other items or users: whatever takes long is the function given back, which is called in another thread, so that
        nobody's recommendations wait for it. Raises TargetError when the id is unknown, UnsupportedError when the model cannot say."""
        ...

    def apply_events(self, events: Sequence[Event]) -> None:
        """Takes in events that are stored; the very next answer knows of them."""
        ...

    def upsert_items(self, records: Mapping[str, dict[str, Any]]) -> None:
        """Takes in items by id, new or changed; each record replaces the whole earlier one."""
        ...

    def upsert_users(self, records: Mapping[str, dict[str, Any]]) -> None:
        """Takes in users by id, new or changed; each record replaces the whole earlier one."""
        ...

    def user(self, user_id: str) -> dict[str, Any] | None:
        """What is known of a user, or None."""
        ...

    def item(self, item_id: str) -> dict[str, Any] | None:
        """What is known of an item, or None."""
        ...


@runtime_checkable
class EncodesElsewhere(Protocol):
    """An engine that can be handed what another process makes of words and pictures; it need not."""

    def encoders(self) -> "Encoders | None":
        """That process, not started; None where the model reads no words or pictures. Once asked, the engine encodes none itself."""
        ...

    def to_encode(self, request: RecommendationRequest) -> dict[str, dict[str, Any]]:
        """The records, "user" and "context", with words or pictures that the request needs and nobody has encoded."""
        ...

    def upsert_items(self, records: Mapping[str, dict[str, Any]], given: Given | None = None) -> None:
        """As `Engine.upsert_items`; with `given`, a row per record, where they are encoded."""
        ...

    def upsert_users(self, records: Mapping[str, dict[str, Any]], given: Given | None = None) -> None:
        """As `Engine.upsert_users`; with `given`, a row per record, where they are encoded."""
        ...


@runtime_checkable
class ManyAtOnce(Protocol):
    """An engine that answers several requests at less cost than one by one; it need not."""

    def recommend_many(self, requests: Sequence[RecommendationRequest]) -> list[RecommendationAnswer]:
        """What `Engine.recommend` answers to each, in their order."""
        ...


@dataclass(frozen=True, kw_only=True)
class Standby:
    """What an engine leaves for answers that must do without it. Its functions may be called from any thread at any time, also while the
    engine hangs, and return at once.

    Attributes:
        counts: Events of the most popular items, by scenario; None = everywhere.
        listed: Items for when nothing else is known, best first.
        holds: Whether an item is in the catalogue.
        title: An item's title for people; None where it has none.
        scenario: The name of the scenario that a request is of.
        seen: Items that a user has had; None where items may come again.
        passes: Says which items pass the filters that bear on a request; None where none does. One thread asks and tells.
        tell: Takes in items by id, new or changed, for `passes`; by that same thread.
    """

    counts: Mapping[str | None, Mapping[str, int]] = field(default_factory=dict)
    listed: Sequence[str] = ()
    holds: Callable[[str], bool] = lambda _: False
    title: Callable[[str], str | None] = lambda _: None
    scenario: Callable[[RecommendationRequest], str | None] = lambda _: None
    seen: Callable[[str], Collection[str]] | None = lambda _: ()
    passes: Callable[[RecommendationRequest], Callable[[str], bool] | None] = lambda _: None
    tell: Callable[[Mapping[str, Mapping[str, Any]]], None] = lambda _: None


@runtime_checkable
class StandsBy(Protocol):
    """An engine that can be done without for a while; it need not."""

    def standby(self) -> Standby:
        """What is needed then, as of now."""
        ...


@runtime_checkable
class ChecksRequests(Protocol):
    """An engine that can tell before it answers that a request cannot be answered; it need not."""

    def check(self, request: RecommendationRequest) -> None:
        """Raises FilterError or UnsupportedError for what its columns and model cannot do. Any thread calls it, also while it answers."""
        ...
