"""The recipe: what the data mean, what is to be learnt, and how it is served.

A recipe is a TOML file or the same classes in Python. Unknown keys are refused with the nearest known one.
Parts that own their settings (a feature kind, a task kind, a network part) are named here by `kind` and keep
the rest of their keys unread; the part itself checks them.
"""

import tomllib
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from penchant.schema.errors import RecipeError, did_you_mean
from penchant.schema.sections.data import DataSettings
from penchant.schema.sections.distillation import DistillationSettings
from penchant.schema.sections.features import FeaturesSettings
from penchant.schema.sections.history import HistorySettings
from penchant.schema.sections.network import NetworkSettings
from penchant.schema.sections.part import Part
from penchant.schema.sections.scenario import ScenarioSettings
from penchant.schema.sections.serving import ServingSettings
from penchant.schema.sections.split import SplitSettings
from penchant.schema.sections.tasks import TaskPart
from penchant.schema.sections.training import TrainingSettings
from penchant.schema.settings import ContradictionError, Settings, read_settings
from penchant.schema.space import Range


class Recipe(Settings):
    """Everything that turns logs into recommendations.

    Raises:
        RecipeError: from `read` and `parse`, naming the key, what it must be, what came and what to do.
    """

    data: DataSettings
    features: FeaturesSettings = FeaturesSettings()
    scenario: ScenarioSettings = ScenarioSettings()
    tasks: dict[str, TaskPart] = Field(min_length=1)
    history: HistorySettings = HistorySettings()
    model: Part = Part(kind="network")
    """What is fitted: the flagship network, or a classic model by its kind, whose settings are the other keys."""
    network: NetworkSettings = NetworkSettings()
    split: SplitSettings = SplitSettings()
    training: TrainingSettings = TrainingSettings()
    distillation: DistillationSettings | None = None
    """A student of the ranking path, fitted after the network; none where the table is absent."""
    serving: ServingSettings = ServingSettings()
    tune: dict[str, Range] = Field({})
    """Settings that `penchant tune` tries, and from what range; the model's own `space` when absent."""
    directory: Path = Path(".")
    """Where relative paths start: the recipe file's folder."""

    @field_validator("tasks")
    @classmethod
    def _names_without_dots(cls, tasks: dict[str, TaskPart]) -> dict[str, TaskPart]:
        """A metric is named "task.metric", and so are a task's weights."""
        strange = next((name for name in tasks if not name or "." in name), None)
        if strange is not None:
            do = f"For example '{strange.replace('.', '_') or 'click'}'."
            raise ContradictionError("of names without dots", f"'{strange}'", do)
        return tasks

    @field_validator("tasks")
    @classmethod
    def _steps_lead_to_a_first_one(cls, tasks: dict[str, TaskPart]) -> dict[str, TaskPart]:
        for name in tasks:
            walked = [name]
            while (before := tasks[walked[-1]].after) is not None:
                if before not in tasks:
                    came = f"'{walked[-1]}' after '{before}', which is not in [tasks]"
                    raise ContradictionError("after tasks that there are", came, did_you_mean(before, tasks))
                if tasks[before].kind != "binary":
                    came = f"'{walked[-1]}' after '{before}', of kind '{tasks[before].kind}'"
                    raise ContradictionError("after binary tasks", came, "Use only_where for a condition on other columns.")
                if before in walked:
                    came = f"a circle: {' after '.join([*walked, before])}"
                    raise ContradictionError("after tasks that come before them", came, "Take one `after` out.")
                walked.append(before)
        return tasks

    @field_validator("tasks")
    @classmethod
    def _one_retrieval_task(cls, tasks: dict[str, TaskPart]) -> dict[str, TaskPart]:
        retrieval = [name for name, task in tasks.items() if task.kind == "next_item"]
        if len(retrieval) > 1:
            raise ContradictionError(
                "of kind 'next_item' at most once", f"{len(retrieval)} such tasks: {', '.join(retrieval)}", "Keep one of them."
            )
        return tasks

    @model_validator(mode="after")
    def _items_are_judged(self) -> Self:
        if not self._of_items:
            do = 'Add one, for example: [tasks.next] kind = "next_item"'
            raise ContradictionError("given a task that judges items", f"relation tasks alone ({', '.join(self.tasks)})", do)
        return self

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        told = {"rank_by": self.serving.rank_by}
        told |= {f"rank_by_scenario.{name}": weights for name, weights in self.serving.rank_by_scenario.items()}
        for key, task in [(key, task) for key, weights in told.items() for task in weights]:
            if task not in self.tasks:
                raise ContradictionError(
                    f"free of unknown tasks in serving.{key}", f"'{task}', which is not in [tasks]", did_you_mean(task, self.tasks)
                )
            if task not in self._of_items:
                raise ContradictionError(f"free of relation tasks in serving.{key}", f"'{task}', which judges no items", "Take it out.")
        return self

    @model_validator(mode="after")
    def _scores_are_of_one_mind(self) -> Self:
        by_scenario, learnt = self.serving.rank_by_scenario, self.serving.rank_by_learnt
        if by_scenario and not self.scenario.named:
            came = f"serving.rank_by_scenario.{next(iter(by_scenario))} without one"
            raise ContradictionError("given a scenario when it is ranked by scenario", came, 'For example: [scenario] column = "tab"')
        if by_scenario and learnt is not None:
            came, do = "serving.rank_by_scenario and serving.rank_by_learnt", "Take one of the two out; what is learnt differs by scenario."
            raise ContradictionError("ranked by weights that are told or learnt", came, do)
        if learnt is not None and all(task.kind in ("next_item", "relation") for task in self.tasks.values()):
            do = 'Add one, for example: [tasks.like] kind = "binary"'
            raise ContradictionError("given a task that ranks when serving.rank_by_learnt weighs them", "none", do)
        return self

    @model_validator(mode="after")
    def _sources_are_ranked(self) -> Self:
        if not self.serving.sources:
            return self
        if self.model.kind != "network":
            came, do = f"model.kind = '{self.model.kind}'", "Take one of the two out."
            raise ContradictionError("of kind 'network' when there are serving.sources, which the network ranks", came, do)
        if list(self.rank_by) == [self.retrieval_task] and not (self.serving.rank_by_scenario or self.serving.rank_by_learnt):
            do = "Weigh another task, for example serving.rank_by = { like = 1.0 }, or take the sources out."
            must = "given a serving.rank_by with a task beside next_item when there are serving.sources"
            raise ContradictionError(must, f"'{self.retrieval_task}' alone, which orders the whole catalogue whatever they propose", do)
        return self

    @model_validator(mode="after")
    def _funnels_are_of_scenarios(self) -> Self:
        if self.serving.scenarios and not self.scenario.named:
            came = f"[serving.scenarios.{next(iter(self.serving.scenarios))}] without one"
            raise ContradictionError("given a scenario when its funnel is told", came, 'For example: [scenario] column = "tab"')
        known = {*self.serving.sources, *(["retrieval"] if self.retrieval_task else [])}
        for own in (self.serving, *map(self.serving.funnel, self.serving.scenarios)):
            strange = next((name for name in own.shares if name not in known), None)
            if strange is not None:
                do = did_you_mean(strange, known)
                raise ContradictionError("given shares of its sources in serving.shares", f"'{strange}', which is none", do)
            if own.shares and own.ranked is None:
                raise ContradictionError("given serving.ranked, of which serving.shares are", "shares alone", "For example: ranked = 100")
        return self

    @model_validator(mode="after")
    def _students_have_a_teacher(self) -> Self:
        ranks = self.model.kind == "network" and any(task.kind not in ("next_item", "relation") for task in self.tasks.values())
        if (self.distillation is not None or self.serving.ranker != "torch") and not ranks:
            key = "[distillation]" if self.distillation is not None else f"serving.ranker = '{self.serving.ranker}'"
            do = "Add a task such as [tasks.click] to a recipe of kind 'network', or take it out."
            raise ContradictionError(f"of a network with a task that ranks where there is {key}", "none", do)
        if self.serving.ranker == "distilled" and self.distillation is None:
            raise ContradictionError(
                "given [distillation] where serving.ranker is 'distilled'", "none", "Add an empty table: [distillation]"
            )
        return self

    @model_validator(mode="after")
    def _candidates_are_ranked(self) -> Self:
        if self.features.candidate and all(task.kind in ("next_item", "relation") for task in self.tasks.values()):
            do = "Add a task such as [tasks.click], or count by what is known before, under user or context."
            raise ContradictionError(
                "given a task that ranks when items have counters", f"features.item.{next(iter(self.features.candidate))} without one", do
            )
        return self

    @classmethod
    def parse(cls, text: str, directory: Path | str = ".", name: str = "recipe") -> "Recipe":
        """A recipe from TOML text; relative paths start at `directory`."""
        try:
            raw = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(name, must="TOML", came=f"text that is not ({error})", do="Mend that line.") from None
        return read_settings(cls, raw | {"directory": Path(directory)}, name)

    @classmethod
    def read(cls, path: Path | str) -> "Recipe":
        """A recipe from a TOML file."""
        path = Path(path)
        if not path.is_file():
            raise RecipeError(f"recipe '{path}'", must="a TOML file", came="no file there", do="Write one with: penchant init DIR")
        try:
            text = path.read_text(encoding="utf8")
        except UnicodeDecodeError:
            raise RecipeError(f"recipe '{path}'", must="UTF-8 text", came="bytes that are not", do="Save it as UTF-8.") from None
        return cls.parse(text, path.parent, name=f"recipe '{path}'")

    @property
    def retrieval_task(self) -> str | None:
        """The name of the next_item task, if any."""
        return next((name for name, task in self.tasks.items() if task.kind == "next_item"), None)

    @property
    def rank_by(self) -> dict[str, float]:
        """Weights of the tasks in the final score."""
        return self.serving.rank_by or {self.retrieval_task or self._of_items[0]: 1.0}

    @property
    def _of_items(self) -> list[str]:
        """The tasks that judge items."""
        return [name for name, task in self.tasks.items() if task.kind != "relation"]
