"""[features]: what is read of users, items, circumstances and candidates."""

import re
from typing import Any

from pydantic import Field, model_validator

from penchant.schema.expression import Expression
from penchant.schema.sections.part import Part
from penchant.schema.settings import Settings

COUNTERS = "counters"
"""The feature kind that reads the events before, where others read columns of the present one."""


class FeaturePart(Part):
    """One feature: its kind, the column it reads (its own name when absent) and the kind's settings."""

    column: str | None = None
    columns: tuple[str, ...] | None = None
    """Several columns read together, for kinds that join them (text)."""

    def reads(self, name: str) -> tuple[str, ...]:
        """The columns this feature reads, given its name; counters read what they count, by what, and when, a template what it names."""
        if self.kind == COUNTERS:
            return (*self.asks(name), *sorted(self._counted() - {*self.asks(name)}))
        template = self.settings.get("template")
        named = tuple(dict.fromkeys(re.findall(r"\{([^{}]+)\}", template))) if isinstance(template, str) else ()
        return self.columns or named or (self.column or name,)

    def asks(self, name: str) -> tuple[str, ...]:
        """Those of them that must be known when something is asked: never what is counted."""
        by = self.settings.get("by")
        if self.kind != COUNTERS:
            return self.reads(name)
        return (*(column for column in (by if isinstance(by, list | tuple) else ()) if isinstance(column, str)), "timestamp")

    def _counted(self) -> frozenset[str]:
        counted = self.settings.get("of")
        return Expression(counted).columns if isinstance(counted, str) else frozenset()


class FeaturesSettings(Settings):
    """Features by owner. `item_id` and `user_id` are columns like any other.

    Counters change with every event. Those of a user are kept among the circumstances, as `context."user.<name>"`; those of
    an item are asked of each candidate as of the moment, for ranking alone, and are kept as `candidate.<name>`.
    """

    user: dict[str, FeaturePart] = Field({})
    item: dict[str, FeaturePart] = Field({"item_id": FeaturePart(kind="category")})
    context: dict[str, FeaturePart] = Field({})
    candidate: dict[str, FeaturePart] = Field({})

    @property
    def item_columns(self) -> frozenset[str]:
        """What candidates may be counted by: their id and the columns that features of items read; they are the items' table's."""
        return frozenset({"item_id"} | {column for name, part in self.item.items() for column in part.reads(name)})

    @property
    def candidate_moment(self) -> frozenset[str]:
        """What must be known beside the item when candidates are asked about; nothing where they are not counted."""
        return frozenset().union(*(part.asks(name) for name, part in self.candidate.items())) - self.item_columns

    @property
    def counted_columns(self) -> frozenset[str]:
        """Columns of events that counters of candidates read."""
        counted = ({*part.reads(name)} - {*part.asks(name)} for name, part in self.candidate.items())
        return self.candidate_moment.union(*counted)

    @model_validator(mode="before")
    @classmethod
    def _counters_go_with_the_event(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not all(isinstance(raw.get(owner, {}), dict) for owner in cls.model_fields):
            return raw
        return _moved(_moved(raw, "user", "context", "user."), "item", "candidate", "")


def _moved(raw: dict[str, Any], owner: str, to: str, prefix: str) -> dict[str, Any]:
    """The same features with the owner's counters kept elsewhere, by the owner's id unless they say by what."""
    counters = {name: part for name, part in raw.get(owner, {}).items() if _kind(part) == COUNTERS}
    if not counters:
        return raw
    stay = {name: part for name, part in raw[owner].items() if name not in counters}
    told = {prefix + name: {"by": [f"{owner}_id"]} | _keys(part) for name, part in counters.items()}
    kept = {key: value for key, value in raw.items() if key != owner} | ({owner: stay} if stay else {})
    return kept | {to: {**raw.get(to, {}), **told}}


def _kind(part: Any) -> Any:
    return part.get("kind") if isinstance(part, dict) else getattr(part, "kind", None)


def _keys(part: Any) -> dict[str, Any]:
    keys: dict[str, Any] = part.model_dump() if isinstance(part, FeaturePart) else part
    return keys
