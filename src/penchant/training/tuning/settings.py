"""What every kind of tuning can be told."""

from typing import Self

from pydantic import Field, model_validator

from penchant.schema.settings import ContradictionError, Settings


class TuningSettings(Settings):
    """How long, on how much at a time, by which contrast. What ends first, minutes or steps, ends the tuning."""

    minutes: float = Field(30.0, gt=0)
    steps: int = Field(1000, ge=1)
    batch: int = Field(32, ge=2)
    """Moments in a step, and as many pairs of items."""
    history: int = Field(3, ge=1)
    """Of each moment's past so many of the latest wanted items are read."""
    tokens: int = Field(48, ge=4)
    """Of each text; what follows is not read in tuning."""
    learning_rate: float = Field(1e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    """Share of the whole over which the learning rate rises; then it falls to 0."""
    temperature: float = Field(0.05, gt=0)
    """By which cosines are divided before the softmax."""
    next_item: float = Field(1.0, ge=0)
    """Weight of finding the next wanted item's text by the texts before."""
    co_preference: float = Field(1.0, ge=0)
    """Weight of finding, by one wanted item's text, another's that the same user wanted."""

    @model_validator(mode="after")
    def _something_is_learnt(self) -> Self:
        if not self.next_item + self.co_preference:
            came = "next_item = 0 and co_preference = 0"
            raise ContradictionError("given a contrast with a weight above 0", came, "Leave tuning out to keep the encoder as it is.")
        return self
