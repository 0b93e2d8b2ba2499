"""[serving.explanations]: what an answer tells of why, where that is asked for."""

from pydantic import Field

from penchant.schema.language import Language
from penchant.schema.settings import Settings


class ExplanationsSettings(Settings):
    """How far reasons go, and how they are put into words."""

    history: int = Field(10, ge=1, le=1000)
    """The newest events of a history that are looked at one by one; the older ones are one cause together. Each is a
    history to be read once more."""
    items: int = Field(100, ge=0, le=1000)
    """The most items of one answer that get causes, the first ones; each takes its share of the time."""
    share: float = Field(0.05, ge=0, lt=1)
    """Causes with a smaller share of the effects on their side, taken without their signs, are left out of an item's reasons. Events,
    profile and circumstances are one side, the item's columns the other."""
    language: Language = "en"
    """Where a request says none."""
    labels: dict[str, str | dict[Language, str]] = Field({})
    """What columns are called, to people: `class = "genre"` or `class = { en = "genre", zh = "类型" }`; their names when absent."""
