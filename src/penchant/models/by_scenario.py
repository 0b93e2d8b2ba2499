"""Numbers that a scenario may have of its own: those of all scenarios, and those of some."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.features.category import UNKNOWN, Category
from penchant.features.feature_set import FeatureSet
from penchant.schema.recipe import Recipe

Numbers = tuple[float, ...]
Values = tuple[str | None, ...]
"""What the columns that name a scenario say, in the recipe's order; None where one says nothing."""


class Scenarios:
    """One code for each scenario: which of their values the columns that name it have.

    Args:
        recipe: Says which columns name a scenario.
        features: Fitted.
    """

    def __init__(self, recipe: Recipe, features: FeatureSet) -> None:
        self.settings, self.columns = recipe.scenario, recipe.scenario.named
        found = features.features["scenario"]
        self._features: list[Category] = [found[name] for name in self.columns]  # type: ignore[misc]  # which is what reads names
        self._codes: dict[Values, int | None] = {}

    def codes(self, factors: Mapping[str, Any], like: Any) -> Any:
        """Codes `[...]` of the factors' indices, arrays or tensors `{name: [...]}`; 0, shaped like `like`, where no column names one."""
        code = like * 0
        for name, feature in zip(self.columns, self._features, strict=True):
            code = code * feature.form.size + factors[name]
        return code

    def code_of(self, values: Values) -> int | None:
        """The code of a scenario, None where one of its values was not seen in training."""
        if values not in self._codes:
            self._codes[values] = self._code_of(values)
        return self._codes[values]

    def _code_of(self, values: Values) -> int | None:
        indices = [int(feature.transform(pl.Series([value]))[0]) for feature, value in zip(self._features, values, strict=True)]
        return None if UNKNOWN in indices else int(self.codes(dict(zip(self.columns, indices, strict=True)), 0))

    def values_of(self, code: int) -> Values:
        """The inverse of `code_of`; None also for values that were not seen in training."""
        values: list[str | None] = []
        for category in reversed(self._features):  # the last one was added last
            code, index = divmod(code, category.form.size)
            values.append(category.inverse(np.array([index])).item())
        return tuple(reversed(values))

    def named(self, name: str) -> Values:
        """What the columns say in the scenario that a recipe calls so; None for those that it does not speak of."""
        told = self.settings.values(name)
        return tuple(None if told.get(column) is None else str(told[column]) for column in self.columns)

    def name_of(self, values: Values) -> str:
        """What such a scenario is called, to people."""
        return self.settings.name(dict(zip(self.columns, values, strict=True))) or "unknown"

    def known(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """The different scenarios among codes, without those of which some value is unknown."""
        found = np.unique(codes)
        return found[[self.code_of(self.values_of(int(code))) == code for code in found]] if self.columns else found[:0]


@dataclass(frozen=True)
class ByScenario:
    """Numbers of all scenarios, and of those that have their own.

    Attributes:
        everywhere: `m` of them, where a scenario has none of its own.
        own: As many by scenario.
    """

    everywhere: Numbers
    own: Mapping[Values, Numbers] = field(default_factory=dict)

    def placed(self, scenarios: Scenarios) -> "Placed":
        """The same by code; a scenario with a value that was not seen in training has none of its own."""
        codes = {scenarios.code_of(values): numbers for values, numbers in self.own.items()}
        return Placed(self.everywhere, {code: numbers for code, numbers in codes.items() if code is not None})

    def to_json(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"everywhere": self.everywhere, "own": [{"scenario": values, "numbers": numbers} for values, numbers in self.own.items()]}

    @staticmethod
    def from_json(told: Mapping[str, Any]) -> "ByScenario":
        """The inverse of `to_json`."""
        return ByScenario(tuple(told["everywhere"]), {tuple(each["scenario"]): tuple(each["numbers"]) for each in told["own"]})


@dataclass(frozen=True)
class Placed:
    """`ByScenario` by code, to be looked up by many at once."""

    everywhere: Numbers
    own: Mapping[int, Numbers]

    @cached_property
    def _table(self) -> tuple[Tensor, Tensor]:
        """Codes, ascending `[1 + s]`, and their numbers `[1 + s, m]`; first everywhere's, by a code that no scenario has."""
        codes = sorted(self.own)
        return torch.tensor([-1, *codes]), torch.tensor([self.everywhere, *(self.own[code] for code in codes)])

    def at(self, codes: Tensor) -> Tensor:
        """The numbers of scenarios `[...]`, float32 `[..., m]`."""
        known, numbers = self._table
        place = torch.searchsorted(known, codes).clamp(max=len(known) - 1)
        return numbers[torch.where(known[place] == codes, place, 0)]


class Placement:
    """In which scenario targets are asked `[...]`.

    Args:
        scenarios: What is known of scenarios.
        factors: Indices of each factor's value `{name: [...]}`.
        like: Any whole numbers `[...]`, for a recipe with one scenario.
    """

    def __init__(self, scenarios: Scenarios, factors: Mapping[str, Tensor], like: Tensor) -> None:
        self._scenarios, self._factors, self._like = scenarios, factors, like

    @cached_property
    def codes(self) -> Tensor:
        """Of the scenarios `[...]`."""
        codes: Tensor = self._scenarios.codes(self._factors, self._like)
        return codes

    def of(self, numbers: ByScenario) -> "tuple[float | Tensor, ...]":
        """The numbers that hold for each target `[...]`; plain ones where no scenario has its own."""
        return tuple(numbers.placed(self._scenarios).at(self.codes).unbind(-1)) if numbers.own else numbers.everywhere


def dumped(numbers: Mapping[str, ByScenario]) -> str:
    """Several by name, as a text to be kept."""
    return json.dumps({name: each.to_json() for name, each in numbers.items()}, ensure_ascii=False, indent=1)


def loaded(text: str | bytes) -> dict[str, ByScenario]:
    """The inverse of `dumped`."""
    return {name: ByScenario.from_json(each) for name, each in json.loads(text).items()}
