"""[network]: the parts of the flagship."""

from typing import Annotated, Literal

from pydantic import Field

from penchant.schema.sections.part import Part
from penchant.schema.settings import Settings


class NetworkSettings(Settings):
    """The flagship network. Each part names a kind; its other keys are the part's settings."""

    width: int = Field(64, ge=8, le=1024)
    dropout: float = Field(0.2, ge=0, lt=1)
    item: Part = Part(kind="content_and_id")
    dynamic: Part = Part(kind="none")
    adaptor: Part = Part(kind="linear")
    """The road of texts and pictures, of whomever they tell, from the encoder's width to the network's."""
    adaptors: dict[str, Part] = Field({})
    """The same by feature, `"item.plot"`, for any that is a vector."""
    history: Part = Part(kind="transformer")
    context: Part = Part(kind="point")
    candidate: Part = Part(kind="cross_attention")
    interaction: Part = Part(kind="concat")
    scenario: Part = Part(kind="gates")
    experts: Part = Part(kind="mmoe")
    tower: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Sizes of each task's own layers between the experts and the head; none when empty."""
    activation: Literal["gelu", "relu"] = "gelu"
    """Between the layers of experts that are given as a list, and of towers."""
    repeats: Part = Part(kind="none")
    numbers: bool = False
    """Whether the experts also read the numbers among the features as they are, beside their embeddings."""
    members: int = Field(1, ge=1, le=64)
    """Answers of the ranking path that are learnt apart and averaged; they share all but a few weights."""
