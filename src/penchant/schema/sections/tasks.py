"""[tasks]: what is predicted, and on which rows."""

from typing import Literal, Self

from pydantic import Field, model_validator

from penchant.schema.sections.part import ExpressionText, Part
from penchant.schema.settings import ContradictionError


class TaskPart(Part):
    """One task: its kind, what is predicted, on which rows, how much it weighs."""

    label: ExpressionText | None = None
    """A column or an expression over an event's columns."""
    only_where: ExpressionText | None = None
    """The rows the task is taught and judged on; all when absent."""
    positive_where: ExpressionText | None = None
    """With next_item and pairwise: the events that were wanted; all when absent."""
    censored: ExpressionText | None = None
    """With duration: where the amount is only a lower bound, because the end was not seen; nowhere when absent."""
    after: str | None = None
    """With binary: the binary task that comes first (a like after a click); p(task) = p(after) · p(task | after)."""
    funnel: Literal["whole_space", "masked"] | None = None
    """With `after`: `whole_space` learns the product from all rows, `masked` the second factor where the step before was taken.

    Either predicts the product; `whole_space` when absent.
    """
    weight: float = Field(1.0, ge=0)
    share: float = Field(1.0, gt=0, le=1)
    """Of the training rows with a label, the part that is learnt from, drawn by the seed; tasks with the same share have the same
    rows. For a task with many times the labels of the others. Nothing for next_item and relation, which draw by themselves."""

    @property
    def expressions(self) -> tuple[str, ...]:
        """What it reads of an event's columns."""
        return tuple(text for text in (self.label, self.only_where, self.positive_where, self.censored) if text is not None)

    @model_validator(mode="after")
    def _censored_durations(self) -> Self:
        if self.censored is not None and self.kind != "duration":
            raise ContradictionError("of kind 'duration' when it has censored", f"kind = '{self.kind}'", "Take censored out.")
        return self

    @model_validator(mode="after")
    def _steps_of_yes_or_no(self) -> Self:
        if self.funnel is not None and self.after is None:
            do = f'For example: after = "click", funnel = "{self.funnel}"'
            raise ContradictionError("given the task it stands after when it has a funnel", f"only funnel = '{self.funnel}'", do)
        if self.after is not None and self.kind != "binary":
            raise ContradictionError("of kind 'binary' when it stands after another", f"kind = '{self.kind}'", "Use only_where.")
        return self
