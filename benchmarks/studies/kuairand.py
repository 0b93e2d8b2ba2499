"""KuaiRand, quick form: trained on the days to 3 May, tuned and stopped on 4 May, judged on 5 May (local days)."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from sklearn.linear_model import LogisticRegression

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.metrics.auc import auc
from penchant.features.feature import Form
from penchant.features.feature_set import FeatureSet
from penchant.schema.recipe import Part
from penchant.studies.baselines import ItemMean
from studies.study import BOOTSTRAP, Outcome, fit_counting, gap, numbers, recipe_mark, recipe_of

TASKS = ("click", "long_view", "like")
TABS = (0, 1, 2, 4, 6)
STRENGTHS = (0.03, 0.1, 0.3, 1.0)
PRIOR = 5.0  # impressions' worth of the overall rate in a user's past rate

Scores = dict[str, NDArray[Any]]


class KuaiRand:
    """Click, long view and like of every impression of the test day, as of its own time."""

    headline = "click.auc"
    models = (
        "item_mean",
        "logistic_regression",
        "network",
        "network_without_gates",
        "network_without_cross_attention",
        "network_shared_bottom",
    )
    seeded = models[2:]

    quick = "network"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def parts(self) -> tuple[Dataset, Dataset, Dataset]:
        """Train, valid, test."""
        return Dataset.read(recipe_of("kuairand", self.folder, {})).split()

    @cached_property
    def item_mean(self) -> Scores:
        train, _, test = self.parts
        return {task: ItemMean(train, task).predict(test) for task in TASKS}

    @cached_property
    def logistic(self) -> tuple[Scores, dict[str, Any]]:
        """Test scores of one logistic regression per task, and the validation AUC of every regularisation strength."""
        train, valid, test = (_Design(self.parts[0]).rows(part) for part in self.parts)
        scores: Scores = {}
        trials: dict[str, Any] = {}
        for task in TASKS:
            label, judged = (labels_of(part, task) for part in self.parts[:2])
            known = ~np.isnan(label)
            found = {}
            for strength in STRENGTHS:
                model = LogisticRegression(C=strength, max_iter=300).fit(train[known], label[known])
                found[strength] = (auc(judged, model.decision_function(valid)), model)
            trials[task] = {str(strength): round(value, 5) for strength, (value, _) in found.items()}
            scores[task] = max(found.values(), key=lambda each: each[0])[1].decision_function(test)
        return scores, trials

    def mark(self, model: str) -> str:
        return recipe_mark("kuairand")

    def run(self, model: str, seed: int, seconds: float | None) -> Outcome:
        if model == "item_mean":
            return Outcome("smoothed training rate of the item", self._metrics(self.item_mean))
        if model == "logistic_regression":
            scores, trials = self.logistic
            return Outcome(
                "C by validation AUC", self._metrics(scores), self._against({"item_mean": self.item_mean}, scores), {"trials": trials}
            )
        parts = {
            "network_without_gates": {"scenario": Part(kind="none")},
            "network_without_cross_attention": {"candidate": Part(kind="none")},
            "network_shared_bottom": {"experts": Part(kind="shared_bottom")},
        }
        recipe = recipe_of("kuairand", self.folder, {"seed": seed, "seconds": seconds}, parts.get(model))
        fitted, best = fit_counting(recipe, *self.parts[:2])
        scores = fitted.predict(self.parts[2])
        rivals = {"item_mean": self.item_mean} | ({} if seconds else {"logistic_regression": self.logistic[0]})
        setting = "recipes/kuairand.toml" + (f", at most {seconds:g} s" if seconds else "")
        return Outcome(setting, self._metrics(scores), self._against(rivals, scores), {"best_epoch": best})

    def _slices(self) -> dict[str, NDArray[np.bool_]]:
        test = self.parts[2]
        tab = test.log.series("tab", test.rows).cast(int).to_numpy()
        return {"": np.ones(len(test), dtype=bool)} | {f" tab {name}": tab == name for name in TABS}

    def _metrics(self, scores: Scores) -> dict[str, Any]:
        """AUC of every task, whole and inside the large tabs, with user-bootstrap intervals."""
        test = self.parts[2]
        user = test.log.user[test.rows]
        return {
            f"{task}.auc{name}": numbers(BOOTSTRAP.metric(auc, labels_of(test, task)[mask], scores[task][mask].astype(float), user[mask]))
            for task in TASKS
            for name, mask in self._slices().items()
        }

    def _against(self, rivals: Mapping[str, Scores], scores: Scores) -> dict[str, Any]:
        """Paired AUC differences, users drawn."""
        test = self.parts[2]
        user = test.log.user[test.rows]
        return {
            rival: {
                f"{task}.auc": gap(
                    BOOTSTRAP.metric_difference(auc, labels_of(test, task), scores[task].astype(float), other[task].astype(float), user)
                )
                for task in TASKS
            }
            for rival, other in rivals.items()
        }


class _Design:
    """The network's own features as one sparse row per event, with the user's past in simple numbers."""

    def __init__(self, train: Dataset) -> None:
        self.features = FeatureSet(train.recipe).fit(train)
        log = train.log
        encoded = self.features.encode_log(log)
        columns = [(self.features.forms("user"), encoded.user, log.user), (self.features.forms("item"), encoded.item, log.item)]
        self.columns: list[tuple[Form, NDArray[Any], NDArray[Any]]] = [
            (form, arrays[name], rows) for forms, arrays, rows in columns for name, form in forms.items()
        ]
        every = np.arange(len(log))
        self.columns += [(form, encoded.context[name], every) for name, form in self.features.forms("context").items()]
        self.columns += [(form, encoded.candidate[name], every) for name, form in self.features.forms("candidate").items()]
        past = _past(train)
        mean, deviation = past[train.rows].mean(axis=0), past[train.rows].std(axis=0)
        self.past = (past - mean) / deviation

    def rows(self, part: Dataset) -> csr_array:
        """One row per event `[rows, columns]`."""
        blocks = [_wide(form, array[where[part.rows]]) for form, array, where in self.columns]
        return csr_array(hstack([*blocks, csr_array(self.past[part.rows])], format="csr"))


def _wide(form: Form, array: NDArray[Any]) -> csr_array:
    """One column per value of an index or a bag (padding has none); vectors as they are."""
    if form.shape == "vector":
        return csr_array(array.astype(np.float64))
    values = array.reshape(len(array), -1)
    row, place = np.nonzero(values if form.shape == "bag" else values + 1)
    return csr_array((np.ones(len(row)), (row, values[row, place])), shape=(len(array), form.size))


def _past(data: Dataset) -> NDArray[np.float64]:
    """Of every event's strict past: the user's smoothed rate of each task, how many impressions and events, and how long ago the last."""
    log = data.log
    everything = data.part(np.arange(len(log)))
    begin, end = log.offsets[log.user], log.first_of_moment
    found = []
    for task in TASKS:
        label = labels_of(everything, task).astype(float)
        known = ~np.isnan(label)
        count, total = (np.append(0.0, np.cumsum(values)) for values in (known, np.where(known, label, 0)))
        seen = count[end] - count[begin]
        overall = float(np.nanmean(label[data.rows]))
        found.append((total[end] - total[begin] + PRIOR * overall) / (seen + PRIOR))
    gone = np.where(end > begin, log.time - log.time[np.maximum(end - 1, 0)], 30 * 86_400.0)
    return np.stack([*found, np.log1p(seen), np.log1p(end - begin), np.log1p(np.maximum(gone, 0)), end == begin], axis=1)


def study(split: str, data: Path) -> KuaiRand:
    """The quick form of its protocol."""
    return KuaiRand(data / "kuairand")
