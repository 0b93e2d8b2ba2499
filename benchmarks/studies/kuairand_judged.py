"""How predictions of KuaiRand's days are judged: together, inside scenarios, day by day, and against others' under the same draws."""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.grouped_auc import grouped_auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.features.feature import as_number
from studies.kuairand_days import Days
from studies.paired import Drawn, Draws, interval, weighted
from studies.study import Numbers

TABS = (0, 1, 2, 4, 6)
SCENARIOS = (0, 2, 4, 6)
WITHIN, POOLED = "auc within 0 2 4 6", "auc pooled 0 2 4 6"
"""The mean of the AUC within each of `SCENARIOS`, weighted by impressions; and one AUC of all their impressions."""

Predictions = NDArray[np.float32]
"""`[impressions, tasks]` in the order of `LABELS`; NaN where a model says nothing."""


class Judged:
    """The impressions of some days, day after day.

    Args:
        days: All of them.
        chosen: Which are judged.
    """

    def __init__(self, days: Days, chosen: tuple[str, ...]) -> None:
        self.days, self.chosen = days, chosen

    @cached_property
    def data(self) -> Dataset:
        return self.days.judged(self.chosen)

    @cached_property
    def labels(self) -> dict[str, NDArray[np.float32]]:
        return self.days.labels(self.data.rows)

    @cached_property
    def tab(self) -> NDArray[np.float64]:
        tab: NDArray[np.float64] = as_number(self.data.log.series("tab", self.data.rows))
        return tab

    @cached_property
    def draws(self) -> Draws:
        return Draws(self.data.log.user[self.data.rows])

    def drawn(self, scores: Predictions) -> dict[str, Drawn]:
        """Every metric of a model under every draw of users."""
        found: dict[str, Drawn] = {}
        everything = np.ones(len(scores), dtype=bool)
        inside = {tab: self.tab == tab for tab in TABS}
        for place, (task, label) in enumerate(self.labels.items()):
            score = scores[:, place]
            if not np.isnan(score).any():
                for name, metric in (("auc", auc), ("grouped_auc", grouped_auc), ("log_loss", log_loss)):
                    found[f"{task}.{name}"] = self.draws.of(metric, label, score, everything)
            whole = {tab: rows for tab, rows in inside.items() if not np.isnan(score[rows]).any()}
            found |= {f"{task}.auc tab {tab}": self.draws.of(auc, label, score, rows) for tab, rows in whole.items()}
            if whole.keys() >= set(SCENARIOS):
                parts = [found[f"{task}.auc tab {tab}"] for tab in SCENARIOS]
                found[f"{task}.{WITHIN}"] = weighted(parts, [int(inside[tab].sum()) for tab in SCENARIOS])
                found[f"{task}.{POOLED}"] = self.draws.of(auc, label, score, np.isin(self.tab, SCENARIOS))
        return found

    def metrics(self, drawn: Mapping[str, Drawn]) -> dict[str, Numbers]:
        """As plain numbers with their intervals."""
        return {name: interval(each, self._count(name)) for name, each in drawn.items()}

    def gaps(self, drawn: Mapping[str, Drawn], other: Mapping[str, Drawn]) -> dict[str, Numbers]:
        """One minus the other, together and within the scenarios, draw by draw."""
        names = [name for name in drawn if name in other and " tab " not in name]
        return {name: interval(drawn[name] - other[name], self._count(name)) for name in names}

    def by_day(self, scores: Predictions) -> dict[str, dict[str, float]]:
        """The AUC of each day by itself."""
        date = self.days.dates[self.data.rows]
        found: dict[str, dict[str, float]] = {}
        for place, (task, label) in enumerate(self.labels.items()):
            for day in self.chosen:
                here = date == float(day)
                if not np.isnan(scores[here, place]).any():
                    found.setdefault(day, {})[f"{task}.auc"] = round(auc(label[here], scores[here, place]), 5)
        return found

    def _count(self, metric: str) -> int:
        """How many impressions a metric is of."""
        if " tab " in metric:
            return int((self.tab == int(metric.split()[-1])).sum())
        return int(np.isin(self.tab, SCENARIOS).sum()) if metric.endswith((WITHIN, POOLED)) else len(self.data)
