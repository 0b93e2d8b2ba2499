"""[history]: which past events are read."""

from pydantic import Field, field_validator

from penchant.schema.sections.features import COUNTERS, FeaturePart
from penchant.schema.sections.part import ExpressionText
from penchant.schema.settings import ContradictionError, Settings


class HistorySettings(Settings):
    """Which events enter a history, how many, and what is known of each."""

    length: int = Field(50, ge=1, le=1000)
    where: ExpressionText | None = None
    columns: dict[str, FeaturePart] = Field({})
    """Columns of past events (their outcomes too); never of the present one."""

    @field_validator("columns")
    @classmethod
    def _nothing_counted(cls, columns: dict[str, FeaturePart]) -> dict[str, FeaturePart]:
        """A count as of each past event would change behind it with every event that comes late, after the history was told it."""
        counted = next((name for name, part in columns.items() if part.kind == COUNTERS), None)
        if counted is not None:
            do = f"Count up to the moment of asking: move it to [features], as user.{counted}, or as context.{counted} with `by`."
            raise ContradictionError("columns of the past events themselves", f"counters ({counted}), which count such events", do)
        return columns
