"""Causes put into words, from templates and from what the data say: no more than was found, with its sign."""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from penchant.data.log import Log
from penchant.models.explanation.cause import Cause, Effect
from penchant.models.explanation.did import did
from penchant.schema.language import Language
from penchant.schema.recipe import Recipe
from penchant.schema.sections.features import FeaturePart

SAID = 3
"""The most causes of each side, for an item and against it, of one sentence."""
LONGEST = 60
"""Characters of a value; a longer one is cut."""
Names = Callable[[int], tuple[str, str | None]]
"""An item's id and its title, by its catalogue row."""


class Telling:
    """What is told of effects, in one language.

    Args:
        recipe: Says what columns are called.
        log: Whose events causes are.
        names: The catalogue.
        language: Which words; the recipe's when None.
        share: Causes with less of an item's effects are not told; the recipe's when None.
    """

    def __init__(self, recipe: Recipe, log: Log, names: Names, language: Language | None = None, share: float | None = None) -> None:
        settings = recipe.serving.explanations
        self.recipe, self.log, self.names = recipe, log, names
        self.language: Language = language or settings.language
        self.share = settings.share if share is None else share
        self.words = _words(self.language)
        self._events: dict[tuple[int, float | None], str] = {}  # an answer names the same few events again and again

    def reasons(self, effects: Sequence[Effect]) -> list[dict[str, Any]]:
        """An item's causes, the strongest first, and before them what they come to in one sentence; none where nothing moved the score."""
        kept = self.kept(effects)
        told = [self.reason(effect) for effect in kept]
        return [{"kind": "summary", "name": "why", "text": self.summary(kept)}, *told] if told else []

    def kept(self, effects: Sequence[Effect]) -> list[Effect]:
        """Those with their share of all effects on their side: who asks and when, or the item."""
        shares = shares_of(effects)
        return [effect for effect, share in zip(effects, shares, strict=True) if effect.score and share >= self.share]

    def reason(self, effect: Effect) -> dict[str, Any]:
        """One cause as an answer tells it."""
        cause, found = effect.cause, {"kind": effect.cause.kind, "name": effect.cause.name, "value": plain(effect.cause.value)}
        if cause.kind == "history":
            found |= dict(zip(("name", "value"), self.names(cause.item), strict=True)) | {"time": cause.time}
        if cause.events:
            found["events"] = cause.events
        phrase = self.phrase(cause)
        text = self.words["raised" if effect.score > 0 else "lowered"].format(phrase=phrase[:1].upper() + phrase[1:])
        return found | {"effect": effect.score, "effects": dict(effect.tasks), "text": text}

    def summary(self, effects: Sequence[Effect]) -> str:
        """The strongest causes for the item and against it."""
        told = []
        for word, sign in (("because", 1), ("despite", -1)):
            own = [each.cause for each in effects if each.score * sign > 0]
            who, item = ([cause for cause in own if _of_item(cause) == side] for side in (False, True))
            if own:
                told.append(self.words[word].format(phrases=self._joined([self.phrase(cause) for cause in [*who[:SAID], *item[:SAID]]])))
        return (" " if self.language == "en" else "").join(told)

    def phrase(self, cause: Cause) -> str:
        """What a cause is, in the middle of a sentence."""
        phrases: Mapping[str, str] = self.words["phrases"]
        match cause.kind:
            case "history":
                return self._event(cause)
            case "earlier_history":
                return phrases["earlier_history"].format(events=cause.events)
            case "item" | "profile" if cause.name == f"{'user' if cause.kind == 'profile' else 'item'}_id":
                return phrases[f"{cause.kind}_id"]
            case "context" | "scenario" if (part := self._clock(cause)) is not None:
                return phrases["clock"].format(value=self._time(cause.value, part))
        if isinstance(cause.value, Mapping):
            return phrases["texts"].format(label=self.label(cause.name))
        return phrases[cause.kind].format(label=self.label(cause.name), value=self._value(cause.value))

    def label(self, column: str) -> str:
        """What a column is called: by the recipe, or else by the language, or else by itself."""
        own = self.recipe.serving.explanations.labels.get(column)
        said = own.get(self.language) if isinstance(own, Mapping) else own
        return str(said or self.words["labels"].get(column) or column.replace("_", " "))

    def _event(self, cause: Cause) -> str:
        key = cause.item, cause.time
        if key not in self._events:
            self._events[key] = self._said_of_event(cause)
        return self._events[key]

    def _said_of_event(self, cause: Cause) -> str:
        item, title = self.names(cause.item)
        name, amount = did(self.recipe, self.log, cause.told)
        quoted = self.words["quoted"].format(title=title or item)
        phrases: Mapping[str, str] = self.words["phrases"]
        if name in self.words["did"]:
            return str(self.words["did"][name].format(title=quoted))
        if amount is not None:
            return phrases["history_amount"].format(title=quoted, amount=f"{amount:g}")
        return phrases["history" if name is None else "history_told"].format(title=quoted, did=name)

    def _clock(self, cause: Cause) -> FeaturePart | None:
        """The feature that reads the clock, where the cause is one."""
        parts = self.recipe.features.context if cause.kind == "context" else self.recipe.scenario.parts
        part = parts.get(cause.name)
        return part if part is not None and part.reads(cause.name) == ("timestamp",) else None

    def _time(self, seconds: float, part: FeaturePart) -> str:
        hours = part.settings.get("hours_from_utc", 0.0)
        local = datetime.fromtimestamp(seconds, UTC) + timedelta(hours=float(hours))
        cycles = [part.settings.get("cycle", "hour")] if part.kind == "period" else part.settings.get("cycles", ("hour", "weekday"))
        clock = self.words["clock"]
        told = {
            "hour": clock["parts"][local.hour // 6],
            "weekday": clock["days"][local.isoweekday() % 7],
            "month": clock["months"][local.month - 1],
        }
        return str(self.words["listed"].join(told[cycle] for cycle in cycles if cycle in told))

    def _value(self, value: Any) -> str:
        value = plain(value)
        text = self.words["listed"].join(map(str, value)) if isinstance(value, list) else _written(value)
        return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"

    def _joined(self, phrases: Sequence[str]) -> str:
        *first, last = phrases
        return f"{self.words['between'].join(first)}{self.words['last']}{last}" if first else last


def shares_of(effects: Sequence[Effect]) -> list[float]:
    """The share of each effect, taken without its sign, on its side. What an item is worth to nobody in particular would else hide all
    that is known of who asks."""
    totals = {side: sum(abs(effect.score) for effect in effects if _of_item(effect.cause) == side) for side in (False, True)}
    return [abs(effect.score) / (totals[_of_item(effect.cause)] or 1.0) for effect in effects]


def _of_item(cause: Cause) -> bool:
    return cause.kind == "item"


def plain(value: Any) -> Any:
    """A value as JSON has it; a list that a log keeps as a text is a list again."""
    if isinstance(value, str):
        return value[1:].split("\x1f") if value.startswith("\x1f") else value
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)


@cache
def _words(language: Language) -> dict[str, Any]:
    return tomllib.loads(files("penchant.models.explanation").joinpath("words", f"{language}.toml").read_text(encoding="utf8"))
