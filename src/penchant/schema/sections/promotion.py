"""[serving.promotion]: what a bundle must show before it takes over from the one that answers."""

from pydantic import Field

from penchant.schema.settings import Settings


class PromotionSettings(Settings):
    """What a candidate is tried on, and what it must not do worse than."""

    requests: int = Field(100, ge=1, le=10_000)
    """Requests that it answers first: the newest ones of users, then ones made up for users of the bundle."""
    budget_ms: float | None = Field(None, gt=0)
    """Milliseconds in which 99 of 100 of them must be answered; `serving.deadline_ms` when absent."""
    least_overlap: float = Field(0.0, ge=0, le=1)
    """Share of the items listed now that its lists must hold too, on average; 0 asks for none."""
    most_metric_drop: float = Field(0.2, ge=0)
    """By what share a metric of its training may be worse than that of the model which answers; 0.2 lets .30 become .24."""
