"""Which scenarios a request may name."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from penchant.schema.errors import TargetError
from penchant.schema.sections.scenario import ScenarioSettings
from penchant.serving.problems import ProblemError
from penchant.serving.protocol import Description


@dataclass
class Declared:
    """The scenarios there are; another model may know others.

    Attributes:
        names: What they are called.
        factors: The columns that name them, with the known values of each.
    """

    names: frozenset[str]
    factors: dict[str, list[str]]

    @classmethod
    def of(cls, facts: Description) -> Self:
        """Those of an engine."""
        return cls(frozenset(facts["scenarios"]), facts.get("factors", {}))

    def become(self, facts: Description) -> None:
        """Those of another engine."""
        self.names, self.factors = frozenset(facts["scenarios"]), facts.get("factors", {})

    def check(self, scenario: str | Mapping[str, Any] | None) -> None:
        """Let pass what can be answered: a name that is declared, or any values of several columns, which have been seen apart.

        Raises:
            ProblemError: 404 for another name, or for a column that names no scenario.
        """
        if not (scenario is None or self._holds(scenario)):
            raise ProblemError(404, "unknown_scenario", "The scenario must be one that GET /v1/scenarios lists.")

    def _holds(self, scenario: str | Mapping[str, Any]) -> bool:
        if isinstance(scenario, str) and scenario in self.names:
            return True
        if len(self.factors) > 1:
            with suppress(TargetError):
                ScenarioSettings(columns=tuple(self.factors)).values(scenario)
                return True
            return False
        if isinstance(scenario, str) or not scenario.keys() <= self.factors.keys():
            return False
        return all(value is None or str(value) in self.names for value in scenario.values())
