"""[serving], the funnel: which items may come, how various a list is, and what business has a say in."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from penchant.schema.errors import FilterError
from penchant.schema.filter import Filter
from penchant.schema.settings import ContradictionError, Settings


def _filter(value: Any) -> Any:
    if isinstance(value, str):
        try:
            Filter(value)
        except FilterError as error:
            raise ContradictionError(error.must, f"{error.came} at character {error.place}", error.do) from None
    return value


FilterText = Annotated[str, BeforeValidator(_filter)]
"""A filter over items, users and circumstances: docs/filter.md."""
DiversityMethod = Literal["mmr", "dpp", "calibrated"]


class DiversitySettings(Settings):
    """How various a list is made.

    `mmr` takes the item that is good and unlike those taken; `dpp` the one that adds most to what the list spans; `calibrated` keeps
    the shares of kinds that the user's own past has.
    """

    method: DiversityMethod = "mmr"
    strength: float = Field(0.3, ge=0, le=1)
    """0 = the order of scores, 1 = variety alone."""
    by: str | None = None
    """An item column of kinds that tells how alike items are; their vectors when absent, where the model has some. `calibrated` keeps the
    shares of this column, of the first feature of kinds when absent."""
    candidates: int = Field(100, ge=1, le=1000)
    """How many of the best items a list is chosen from."""


class PinRule(Settings):
    """An item at a place, whatever its score, unless it is filtered out or was seen."""

    item: str
    place: int = Field(1, ge=1, le=1000)
    """Counted from 1; a list that is shorter does not hold it."""
    where: FilterText | None = None
    """For whom and when; always when absent."""
    name: str = ""


class BoostRule(Settings):
    """A factor of the score of items for which a condition holds; a score below 0 is divided by it, so that more than 1 always lifts."""

    where: FilterText
    factor: float = Field(gt=0)
    name: str = ""


class QuotaRule(Settings):
    """How many of the first items a condition holds for, or how many of them may be of one kind."""

    where: FilterText | None = None
    by: str | None = None
    """An item column of kinds: at most so many of each of its values."""
    first: int = Field(10, ge=1, le=1000)
    """Places looked at; all of a list that is shorter."""
    at_least: int | None = Field(None, ge=1)
    at_most: int | None = Field(None, ge=0)
    name: str = ""

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if (self.where is None) == (self.by is None):
            must, do = "of items where something holds, or by a column", "Give one of `where` and `by`."
            raise ContradictionError(must, "both" if self.by else "neither", do)
        if self.at_least is None and self.at_most is None:
            raise ContradictionError("given at_least or at_most", "neither", "For example: at_most = 2")
        if self.by is not None and self.at_least is not None:
            raise ContradictionError(
                "without at_least when it is `by` a column", "at_least", "Name the kind: where = \"genre == 'Drama'\"."
            )
        return self


class ExplorationSettings(Settings):
    """Which places of a list are left to chance, and how. What is drawn carries its propensity; every other place has 1."""

    method: Literal["epsilon_greedy", "gumbel", "thompson", "linucb"] = "epsilon_greedy"
    """`epsilon_greedy`: the best one left, or any; `gumbel`: the likelier the higher its score; `thompson`: as often as it would be the
    best for what its score may be; `linucb`: as often as its upper bound is the highest. The last two need a score that knows how unsure
    it is."""
    places: tuple[Annotated[int, Field(ge=1, le=1000)], ...] = Field(min_length=1, max_length=100)
    """Counted from 1; those beyond a list are passed over."""
    epsilon: float = Field(0.1, ge=0, le=1)
    """Of `epsilon_greedy`: how often any candidate may come in place of the best."""
    temperature: float = Field(0.5, gt=0, le=100)
    """Of `gumbel`, in standard deviations of the candidates' scores: small = the best, large = any."""
    widening: float = Field(1.0, gt=0, le=100)
    """Of `thompson` and `linucb`: factor of how unsure scores are."""
    draws: int = Field(200, ge=10, le=10_000)
    """Of `thompson` and `linucb`: draws that tell the propensities."""
    candidates: int = Field(50, ge=2, le=1000)
    """How many of the best items a place is drawn among."""
    where: FilterText | None = None
    """Only such items are explored, `"item.age_days < 7"`; all when absent."""
    never: FilterText | None = None
    """Items, people and moments that nothing is left to chance for: `"user.age < 18 or item.kind == 'medicine'"`."""


class FunnelSettings(Settings):
    """What an answer goes through beside the model, of a recipe or of one scenario."""

    filter: FilterText | None = None
    """Only items that pass come: `"item.stock > 0"`."""
    diversity: DiversitySettings | None = None
    pin: tuple[PinRule, ...] = ()
    boost: tuple[BoostRule, ...] = ()
    quota: tuple[QuotaRule, ...] = ()
    exploration: ExplorationSettings | None = None
    """What is left to chance; nothing when absent."""
    ranked: int | None = Field(None, ge=1, le=10_000)
    """The most candidates of all sources together that are ranked; all that they propose when absent."""
    shares: dict[str, Annotated[float, Field(gt=0, le=1)]] = Field({})
    """The share of `ranked` that each source has for its own, `{ retrieval = 0.5, neighbours = 0.2 }`; the rest is whose comes first."""

    @model_validator(mode="after")
    def _shares_of_something(self) -> Self:
        if self.shares and sum(self.shares.values()) > 1 + 1e-9:
            raise ContradictionError("of shares that add up to 1 at most", f"{sum(self.shares.values()):g}", "Make them smaller.")
        return self
