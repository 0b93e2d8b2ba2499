"""[distillation]: a small student of the ranking path."""

from typing import Annotated

from pydantic import Field

from penchant.schema.settings import Settings


class DistillationSettings(Settings):
    """The student's size, and what it learns from."""

    hidden: tuple[Annotated[int, Field(ge=1)], ...] = Field((128, 64), min_length=1)
    """Sizes of the layers that all tasks share."""
    moments: int = Field(20_000, ge=10)
    """Training events, evenly taken, at which the teacher is asked; one in ten tells how well the student does and when to stop."""
    candidates: int = Field(32, ge=2)
    """Items it judges at each: the event's own, and others as serving finds them, some near and some at random."""
    epochs: int = Field(12, ge=1)
    learning_rate: float = Field(2e-3, gt=0)
