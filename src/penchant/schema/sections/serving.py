"""[serving]: how a request is answered."""

import re

from pydantic import Field, field_validator

from penchant.schema.rankers import RankerName
from penchant.schema.sections.explanations import ExplanationsSettings
from penchant.schema.sections.funnel import FunnelSettings
from penchant.schema.sections.part import ExpressionText, Part
from penchant.schema.sections.promotion import PromotionSettings
from penchant.schema.settings import ContradictionError


class SourcePart(Part):
    """A classic model that proposes items for the network to rank; its settings are the other keys."""

    candidates: int = Field(100, ge=1, le=10_000)
    """The most it proposes for one request."""


_SOURCE_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class ServingSettings(FunnelSettings):
    """How a request is answered."""

    candidates: int = Field(200, ge=1, le=10_000)
    """Items retrieved for ranking by the next_item task; sources propose theirs beside them."""
    sources: dict[str, SourcePart] = Field({})
    """Classic models that propose candidates too, by name. Without a next_item task only what they propose is ranked."""
    rank_by: dict[str, float] = Field({})
    """Weight of each task in the final score; the next_item task alone when absent, else the first task."""
    rank_by_scenario: dict[str, dict[str, float]] = Field({})
    """The same for scenarios that weigh tasks otherwise, `"1" = { click = 1.0, like = 3.0 }`; `rank_by` counts in all others."""
    rank_by_learnt: ExpressionText | None = None
    """What a good item is, yes or no (`"is_like or long_view"`): the weights of the ranking tasks are learnt from it on the validation
    part, for each scenario with enough such events. `rank_by` counts where there is no such part."""
    deadline_ms: float = Field(100.0, gt=0)
    """Milliseconds in which a request is answered: by the model, or from memory when the model is late. Words and pictures told with it are
    waited for half of that; then it is answered without them. Both answers say so."""
    cache_seconds: float = Field(1.0, ge=0, le=3600)
    """Seconds that an answer stands for whoever asks the very same again: what others do shows that much later. What the user does, items
    put and another model end it at once. 0 = every request is answered anew."""
    static_list: list[str] = Field([])
    """Items shown when nothing is known of anybody and the model does not answer; the most popular of the training events when absent."""
    encoder_threads: int = Field(1, ge=1)
    """Threads of the process that reads the words and pictures of requests and of new users and items."""
    ranker: RankerName = "torch"
    """What judges candidates: the network as it was trained, its ranking path as a graph (`onnx`: the same to 1e-4, `onnx_int8`: nearly),
    or the student of `[distillation]`."""
    promotion: PromotionSettings = Field(PromotionSettings())
    """What a bundle must show before it takes over."""
    explanations: ExplanationsSettings = ExplanationsSettings()
    """What reasons are given, where they are asked for."""
    exclude_seen: bool = True
    scenarios: dict[str, FunnelSettings] = Field({})
    """What the funnel of one scenario has otherwise, `[serving.scenarios."search"]`; what such a table does not name is as everywhere."""
    events: dict[str, dict[str, float | str]] = Field({})
    """What an incoming event says of the log's columns: `click = {is_click = 1}`; "value" stands for the event's value."""

    @field_validator("sources")
    @classmethod
    def _names_of_folders(cls, sources: dict[str, SourcePart]) -> dict[str, SourcePart]:
        """A bundle keeps each in a folder of its name."""
        strange = next((name for name in sources if not _SOURCE_NAME.fullmatch(name)), None)
        if strange is not None:
            must = "of names of small letters, digits, '_' and '-' that begin with a letter, 40 at most"
            raise ContradictionError(must, f"'{strange[:60]}'", "For example [serving.sources.neighbours].")
        return sources

    def funnel(self, scenario: str | None) -> FunnelSettings:
        """The funnel of a scenario."""
        own = self.scenarios.get(scenario or "")
        told = {} if own is None else {name: getattr(own, name) for name in own.model_fields_set}
        return FunnelSettings.model_construct(**{name: getattr(self, name) for name in FunnelSettings.model_fields} | told)
