"""[scenario]: which columns, or which hours, make a scenario."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from penchant.schema.errors import TargetError, did_you_mean
from penchant.schema.sections.features import FeaturePart
from penchant.schema.settings import ContradictionError, Settings


class ScenarioSettings(Settings):
    """What makes a scenario: one column, or several and the clock, each a *factor*; absent = one scenario.

    Every factor has weights of its own, so that a combination never seen is made of values that were.
    """

    column: str | None = None
    """The only one that names the scenario."""
    columns: tuple[str, ...] = ()
    """Several that do together, for example ["device", "tab"]."""
    buckets: dict[Literal["hour", "weekday", "month"], Annotated[int, Field(ge=2, le=366)]] = Field({})
    """The clock as a factor: `{ hour = 4 }` cuts the day into four equal parts, weekday the week, month the year."""
    hours_from_utc: float = Field(0.0, ge=-14, le=14)
    """Whose clock that is."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if self.column is not None and self.columns:
            do = f'For example columns = ["{self.column}", "{self.columns[0]}"].'
            raise ContradictionError("given a column or columns", "both", do)
        twice = next((name for name in self.named if self.named.count(name) > 1 or name in self.buckets), None)
        if twice is not None:
            raise ContradictionError("made of factors with names of their own", f"'{twice}' twice", "Take one out.")
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The columns whose values name the scenario."""
        return self.columns if self.column is None else (self.column,)

    @property
    def parts(self) -> dict[str, FeaturePart]:
        """The feature that reads each factor."""
        clock = {"kind": "period", "column": "timestamp", "hours_from_utc": self.hours_from_utc}
        read = {name: FeaturePart.model_validate(clock | {"cycle": name, "parts": parts}) for name, parts in self.buckets.items()}
        return {name: FeaturePart(kind="category") for name in self.named} | read

    def values(self, scenario: str | Mapping[str, Any] | None) -> dict[str, Any]:
        """What a scenario says of the columns that name it; nothing where none is named or the recipe has one scenario.

        Args:
            scenario: The column's value; of several columns `{column: value}` or a text such as "device=phone, tab=1".

        Raises:
            TargetError: for a column that does not name scenarios, or a text that names none of several.
        """
        if scenario is None or not self.named:
            return {}
        if isinstance(scenario, str):
            scenario = {self.named[0]: scenario} if len(self.named) == 1 else self._told(scenario)
        for name in scenario:
            if name not in self.named:
                must = "a column that names scenarios"
                raise TargetError(f"scenario, column '{name}'", must=must, came="another name", do=did_you_mean(name, self.named))
        return dict(scenario)

    def _told(self, text: str) -> dict[str, str]:
        pairs = [part.partition("=") for part in text.split(",")]
        if not all(sign for _, sign, _ in pairs):
            example = ", ".join(f"{name}=..." for name in self.named)
            must = f"of the form '{example}'"
            raise TargetError(f"scenario '{text[:200]}'", must=must, came="a part without '='", do="Name the columns that matter.")
        return {name.strip(): value.strip() for name, _, value in pairs}

    def name(self, values: Mapping[str, Any]) -> str | None:
        """What the scenario with these column values is called: the only column's value, else "device=phone, tab=1"; None without any."""
        told = {name: values[name] for name in self.named if values.get(name) is not None}
        if len(self.named) == 1:
            return next((str(value) for value in told.values()), None)
        return ", ".join(f"{name}={value}" for name, value in told.items()) or None
