"""What may be taken out of a request, one thing at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from penchant.features.feature_set import FeatureSet, Owner
from penchant.models.explanation.cause import Cause, Kind
from penchant.models.explanation.request import Request
from penchant.schema.recipe import Recipe

CLOCK = "timestamp"


@dataclass(frozen=True)
class Removal:
    """A request made again without one cause.

    Attributes:
        cause: What is taken out.
        places: Places of the past that are read then.
        gone: Places of the past that have not been, for counters.
        record: Columns of the profile that say nothing then.
        moment: Columns of the circumstances and what they say then.
        clocks: Features `(owner, name)` that cannot tell the time then.
    """

    cause: Cause
    places: tuple[int, ...]
    gone: tuple[int, ...] = ()
    record: frozenset[str] = frozenset()
    moment: Mapping[str, Any] = field(default_factory=dict)
    clocks: frozenset[tuple[Owner, str]] = frozenset()


def removals(recipe: Recipe, features: FeatureSet, request: Request, one_by_one: int, usual: Mapping[str, Any]) -> list[Removal]:
    """Everything that can be taken out of a request: events, and columns that say something.

    Args:
        recipe, features: Whose request it is.
        request: The request.
        one_by_one: How many of the newest events are taken out by themselves; those before them are taken out together.
        usual: What stands for a scenario that nobody names, by column: without its scenario a request is asked in this one.
    """
    places = _read(range(len(request.past)), recipe.history.length)
    return [
        *_of_events(recipe, features, request, places, one_by_one),
        *_of_profile(features, request, places),
        *_of_moment(recipe, features, request, places, usual),
    ]


def _read(places: Sequence[int], length: int) -> tuple[int, ...]:
    """Those that a history of this length holds: the newest."""
    return tuple(places[-length:])


def _of_events(recipe: Recipe, features: FeatureSet, request: Request, places: tuple[int, ...], one_by_one: int) -> list[Removal]:
    found = []
    for place in places[-one_by_one:]:
        event = request.past[place]
        cause = Cause("history", item=event.item, events=1, time=event.time, told=event.told)
        rest = [other for other in range(len(request.past)) if other != place]
        found.append(Removal(cause, _read(rest, recipe.history.length), (place,)))
    older = places[:-one_by_one]
    if older:
        found.append(Removal(Cause("earlier_history", events=len(older)), places[-one_by_one:], older))
    return found


def _of_profile(features: FeatureSet, request: Request, places: tuple[int, ...]) -> list[Removal]:
    return [
        Removal(Cause("profile", name, said(request.record, columns)), places, record=columns)
        for name, columns in parts(features, "user").items()
        if said(request.record, columns) is not None
    ]


def _of_moment(recipe: Recipe, features: FeatureSet, request: Request, places: tuple[int, ...], usual: Mapping[str, Any]) -> list[Removal]:
    moment, named = request.moment, recipe.scenario.named
    counted = recipe.features.candidate_moment | {
        column for name in features.counters("context") for column in features.parts["context"][name].asks(name)
    }
    told = parts(features, "context") | {column: frozenset({column}) for column in sorted(counted)}
    columns = {name: own for name, own in told.items() if not own & {CLOCK, "user_id", *named}}
    found = [
        Removal(Cause("context", name, said(moment, own)), places, moment=dict.fromkeys(own))
        for name, own in columns.items()
        if said(moment, own) is not None
    ]
    found += [
        Removal(Cause("scenario", column, moment.get(column)), places, moment={column: usual.get(column)})
        for column in named
        if moment.get(column) not in (None, usual.get(column))
    ]
    kinds: tuple[tuple[Owner, Kind], ...] = (("context", "context"), ("scenario", "scenario"))
    return found + [
        Removal(Cause(kind, name, moment[CLOCK]), places, clocks=frozenset({(owner, name)}))
        for owner, kind in kinds
        for name, part in features.parts[owner].items()
        if part.reads(name) == (CLOCK,) and name not in features.counters(owner)
    ]


def parts(features: FeatureSet, owner: Owner) -> dict[str, frozenset[str]]:
    """The columns that the owner's features read, each a cause by its name; those that a pretrained network reads together are one, by
    the feature's name: half a text would have to be read anew. Counters are asked by columns and are none themselves."""
    joined = {name: frozenset(features.parts[owner][name].reads(name)) for name in features.pretrained(owner)}
    joined = {name: columns for name, columns in joined.items() if len(columns) > 1}
    taken = frozenset().union(*joined.values())
    counters = features.counters(owner)
    single = {
        column: frozenset({column})
        for name, part in features.parts[owner].items()
        if name not in counters
        for column in part.reads(name)
        if column not in taken
    }
    return {**single, **joined}


def said(record: Mapping[str, Any], columns: frozenset[str]) -> Any:
    """What the columns say: a value, or several by column; None where they say nothing."""
    told = {column: record[column] for column in sorted(columns) if _says(record.get(column))}
    return next(iter(told.values()), None) if len(columns) == 1 else told or None


def _says(value: Any) -> bool:
    return value is not None and value != "" and value != [] and value == value  # NaN is missing too
