"""[training]: the loop."""

from typing import Any, Literal, Self

from pydantic import Field

from penchant.schema.sections.part import Part
from penchant.schema.settings import Settings


class IncrementalSettings(Settings):
    """How a network takes in what has come since it was fitted."""

    replay: float = Field(1.0, ge=0, le=100)
    """Old events that are learnt again, drawn anew each time, for each new one: against forgetting."""
    epochs: int = Field(1, ge=1)
    learning_rate: float = Field(0.5, gt=0, le=10)
    """Factor of the learning rate."""


class TrainingSettings(Settings):
    """The training loop."""

    epochs: int = Field(20, ge=1)
    seconds: float | None = Field(None, gt=0)
    """Stop after so long, whatever the epoch."""
    batch_events: int = Field(4096, ge=16)
    """Events (positions of histories) per batch."""
    negatives: int = Field(1024, ge=1)
    """Sampled items per batch of a next_item task."""
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    warmup: float = Field(0.05, ge=0, lt=1)
    """Share of the planned steps over which the learning rate rises."""
    average: float = Field(0.0, ge=0, lt=1)
    """How much of the past a running mean of the weights keeps in each step; the mean is what is validated and kept. .998 = about the
    last 500 steps; 0 = the weights as they are."""
    patience: int = Field(3, ge=1)
    """Validations without improvement before stopping."""
    watch: str | None = None
    """Metric of the validation part that decides, as `task.metric` ("next.ndcg@10", "click.auc"); first task when absent."""
    calibrate: bool = False
    """Fit two numbers per binary task and scenario on the validation part, so that of what is said to happen three times in ten three in
    ten do. For whoever reads the chances themselves, or adds tasks up by `serving.rank_by`; the order by one task stays as it is."""
    balance: Part = Part(kind="fixed")
    """How the losses of several tasks become one step. `fixed`: the tasks' weights; `equal`: 1 each, whatever they are."""
    precision: Literal["float32", "bfloat16"] = "float32"
    incremental: IncrementalSettings = IncrementalSettings()
    """How new events are taken in without fitting anew."""
    seed: int = Field(0, ge=0, lt=2**31)

    @classmethod
    def of(cls, model: object, **other: Any) -> Self:
        """What a model with settings of its own has under the same names, but for `other`; the rest as it is by default."""
        return cls(**{name: getattr(model, name) for name in cls.model_fields if hasattr(model, name)} | other)
