"""Items by how many events they have: the baseline nothing may lose to."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from penchant.data.dataset import Dataset
from penchant.data.scenario import scenario_names
from penchant.models.queries import Queries
from penchant.models.recommender import Recommender
from penchant.schema.space import Range

EVERYWHERE = 0  # the row of the counts over all scenarios


class Popularity(Recommender):
    """The number of wanted events of each item.

    Args:
        window_days: Count only events this close to the newest one; all when None.
        per_scenario: Count apart in each scenario, ties by the counts everywhere; a scenario nobody knows gets the counts everywhere.
    """

    kind: ClassVar[str] = "popularity"
    space: ClassVar[Mapping[str, Range]] = {"window_days": Range(low=1.0, high=1000.0, log=True)}

    def __init__(self, window_days: Annotated[float, Field(gt=0)] | None = None, per_scenario: bool = False) -> None:
        self.window_days, self.per_scenario = window_days, per_scenario

    def _learn(self, data: Dataset) -> None:
        self.__dict__.pop("_scenario_rows", None)
        rows = data.positives
        if self.window_days is not None and len(rows):
            time = data.log.time[rows]
            rows = rows[time >= time.max() - self.window_days * 86_400]
        items = len(data.log.items)
        self.counts_ = np.zeros((len(self._scenario_rows) + 1, items), dtype=np.float32)
        self.counts_[EVERYWHERE] = np.bincount(data.log.item[rows], minlength=items)
        if len(self._scenario_rows):
            settings = self.recipe_.scenario
            scenario = self._rows_of(scenario_names(settings, data.log.take(list(settings.named), rows)))
            share = self.counts_[EVERYWHERE] / (self.counts_[EVERYWHERE].max() + 1)  # below 1, so that it only parts ties
            self.counts_[1:] = share
            named = scenario != EVERYWHERE
            np.add.at(self.counts_, (scenario[named], data.log.item[rows[named]]), 1)

    @cached_property
    def _scenario_rows(self) -> dict[str, int]:
        """The row of the counts of each scenario of the log; none unless they are counted apart."""
        settings = self.recipe_.scenario
        if not (self.per_scenario and settings.named):
            return {}
        names = scenario_names(settings, self.log_.take(list(settings.named), slice(None))).cast(pl.String).drop_nulls().unique().sort()
        return {name: row for row, name in enumerate(names, start=1)}

    def _rows_of(self, scenarios: pl.Series) -> NDArray[np.int64]:
        names = scenarios.cast(pl.String)
        found: NDArray[np.int64] = names.replace_strict(self._scenario_rows, default=EVERYWHERE, return_dtype=pl.Int64).to_numpy()
        return found

    def scores(self, queries: Queries) -> NDArray[np.float32]:
        """The items' counts, for everybody alike who asks in the same scenario, `[queries, items]`."""
        settings = self.recipe_.scenario
        if not self._scenario_rows or not {*settings.named} <= {*queries.moment.columns}:
            return np.tile(self.counts_[EVERYWHERE], (len(queries), 1))
        result: NDArray[np.float32] = self.counts_[self._rows_of(scenario_names(settings, queries.moment))]
        return result

    def state(self) -> dict[str, NDArray[Any]]:
        """The counts: everywhere, then in each scenario of the log in the order of their names."""
        return {"counts": self.counts_}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take a `state`."""
        self.__dict__.pop("_scenario_rows", None)
        self.counts_ = arrays["counts"]
