"""What orders candidates: a weighted sum of the tasks' utilities, by weights that may differ between scenarios."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from penchant.models.by_scenario import ByScenario, Placement, Scenarios
from penchant.schema.recipe import Recipe


@dataclass(frozen=True)
class FinalScore:
    """One weight per task and scenario; a task without one counts nothing."""

    weights: Mapping[str, ByScenario]

    @classmethod
    def of(cls, recipe: Recipe, scenarios: Scenarios) -> "FinalScore":
        """The recipe's: `rank_by`, and `rank_by_scenario` where it speaks of a scenario, in which other tasks count nothing."""
        by_scenario = {scenarios.named(name): weights for name, weights in recipe.serving.rank_by_scenario.items()}
        return cls.from_weights(recipe.rank_by, by_scenario)

    @classmethod
    def from_weights(cls, everywhere: Mapping[str, float], own: Mapping[tuple[str | None, ...], Mapping[str, float]]) -> "FinalScore":
        """Of weights by task, and by scenario and task."""
        tasks = dict.fromkeys([*everywhere, *(task for weights in own.values() for task in weights)])
        return cls(
            {
                task: ByScenario((everywhere.get(task, 0.0),), {values: (weights.get(task, 0.0),) for values, weights in own.items()})
                for task in tasks
            }
        )

    @property
    def tasks(self) -> list[str]:
        """Those that count somewhere."""
        return list(self.weights)

    def total(self, utilities: Mapping[str, Tensor], where: Placement) -> Tensor:
        """The score of candidates `[batch, k]`, from utilities `{task: [batch, k]}` of requests asked `[batch, 1]`."""
        total: Tensor | float = 0.0
        for name, weights in self.weights.items():
            (weight,) = where.of(weights)
            total = total + weight * utilities[name]
        assert isinstance(total, Tensor)
        return total

    def told(self, scenarios: Scenarios) -> dict[str, dict[str, float]]:
        """Weights by scenario and task, "everywhere" first, for people and for JSON."""
        places = {values: scenarios.name_of(values) for weights in self.weights.values() for values in weights.own}
        everywhere = {task: weights.everywhere[0] for task, weights in self.weights.items()}
        own = {name: {task: weights.own[values][0] for task, weights in self.weights.items()} for values, name in places.items()}
        return {"everywhere": everywhere} | own

    def sentences(self, scenarios: Scenarios) -> list[str]:
        """The same in words, one a scenario."""
        told = self.told(scenarios)
        return [f"{name}: {', '.join(f'{task} {weight:.3g}' for task, weight in weights.items())}" for name, weights in told.items()]
