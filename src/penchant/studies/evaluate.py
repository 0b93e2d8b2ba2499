"""One evaluation of a model and its baselines on a part it has not seen: lists over all items, and every task's predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset, labels_of
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.calibration import CalibrationPoint, calibration_curve, calibration_error
from penchant.evaluation.metrics.decisions import accuracy, f1, precision, recall
from penchant.evaluation.metrics.grouped_auc import grouped_auc
from penchant.evaluation.metrics.log_loss import log_loss
from penchant.evaluation.metrics.regression import mae, rmse
from penchant.evaluation.metrics.rows import RowMetric
from penchant.evaluation.slices import ALL, Slices, by_scenario, by_training_events
from penchant.evaluation.summary import Chart, Comparison, Curve, Evaluation, Metric, Tables
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.studies.baselines import ItemMean
from penchant.studies.lists import PerUser, measure_lists

BINARY: dict[str, RowMetric] = {
    "auc": auc, "grouped_auc": grouped_auc, "log_loss": log_loss, "calibration_error": calibration_error,
    "accuracy": accuracy, "precision": precision, "recall": recall, "f1": f1,
}  # fmt: skip
AMOUNT: dict[str, RowMetric] = {"rmse": rmse, "mae": mae}
ITEM_MEAN = "item mean"


def evaluate(
    model: Recommender,
    test: Dataset,
    baselines: Mapping[str, Recommender] | None = None,
    *,
    train: Dataset | None = None,
    name: str = "penchant",
    cutoffs: Sequence[int] = (10, 5, 20),
    bootstrap: Bootstrap | None = None,
    curves: Sequence[Mapping[str, float]] = (),
    title: str = "Evaluation",
) -> Evaluation:
    """Measure a model and its baselines.

    Args:
        model: What is judged.
        test: Events none of the models has seen.
        baselines: Fitted models by name, measured on the same lists.
        train: The training part; with it every label task gets the item-mean baseline.
        name: What to call the model.
        cutoffs: List lengths; the first one's NDCG is the headline.
        bootstrap: Draws, level and seed of the intervals.
        curves: Rows of the training's progress.
        title: Of the report.
    """
    found = _Findings(name, bootstrap or Bootstrap())
    found.add_lists({name: model, **(baselines or {})}, test, cutoffs)
    if isinstance(model, NetworkRecommender):
        slices = _row_slices(test)
        for task, prediction in model.predict(test).items():
            scores = {name: prediction.astype(float)} | ({ITEM_MEAN: ItemMean(train, task).predict(test)} if train is not None else {})
            found.add_task(task, scores, test, slices)
    return Evaluation(
        title=title,
        model=name,
        protocol=_protocol(test, cutoffs, found.bootstrap),
        tables=found.tables,
        comparisons=tuple(found.comparisons),
        training=_charts(curves),
        calibration=found.calibration,
        facts=_facts(test),
    )


@dataclass
class _Findings:
    """What was measured so far of the model `name` and of what stands beside it."""

    name: str
    bootstrap: Bootstrap
    tables: Tables = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    calibration: dict[str, dict[str, tuple[CalibrationPoint, ...]]] = field(default_factory=dict)

    def add_lists(self, models: Mapping[str, Recommender], test: Dataset, cutoffs: Sequence[int]) -> None:
        """Every model's lists, and the first cutoff's NDCG against each baseline; empty tables where nothing was wanted."""
        self.tables |= {each: {} for each in models}
        retrieval = test.recipe.retrieval_task
        if not retrieval or not len(test.positives):
            return
        lists = measure_lists(models, test, cutoffs)
        headline = f"ndcg@{cutoffs[0]}"
        for each, values in lists.values.items():
            self.tables[each][retrieval] = _list_tables(values, lists.slices, self.bootstrap)
            if each != self.name:
                difference = self.bootstrap.mean_difference(lists.values[self.name][headline], values[headline])
                self.comparisons.append(Comparison(self.name, each, retrieval, headline, difference))

    def add_task(self, task: str, scores: Mapping[str, NDArray[np.float64]], test: Dataset, slices: Slices) -> None:
        """Predictions `{model: [rows]}` of a label task; rows without a label are left out, a task without any label too."""
        label, user = labels_of(test, task), test.log.user[test.rows]
        known = ~np.isnan(label)
        if not known.any():
            return
        binary = test.recipe.tasks[task].kind == "binary"
        metrics = BINARY if binary else AMOUNT
        for each, score in scores.items():
            self.tables.setdefault(each, {})[task] = {
                part: _row_metrics(metrics, label, score, user, known & mask, self.bootstrap, headline_only=part != ALL)
                for part, mask in slices.items()
            }
        if ITEM_MEAN in scores:
            headline = next(iter(metrics))
            one, other = scores[self.name][known], scores[ITEM_MEAN][known]
            difference = self.bootstrap.metric_difference(metrics[headline], label[known], one, other, user[known])
            self.comparisons.append(Comparison(self.name, ITEM_MEAN, task, headline, difference))
        if binary:
            self.calibration[task] = {each: calibration_curve(label[known], score[known]) for each, score in scores.items()}


def _list_tables(values: PerUser, slices: Slices, bootstrap: Bootstrap) -> dict[str, dict[str, Metric]]:
    headline = next(iter(values))
    tables = {ALL: {name: bootstrap.mean(value) for name, value in values.items()}}
    return tables | {part: {headline: bootstrap.mean(values[headline][mask])} for part, mask in slices.items()}


def _row_metrics(
    metrics: Mapping[str, RowMetric],
    label: NDArray[np.float32],
    score: NDArray[np.float64],
    user: NDArray[np.int32],
    mask: NDArray[np.bool_],
    bootstrap: Bootstrap,
    headline_only: bool,
) -> dict[str, Metric]:
    chosen = dict(list(metrics.items())[:1]) if headline_only else metrics
    return {name: bootstrap.metric(metric, label[mask], score[mask], user[mask]) for name, metric in chosen.items()}


def _row_slices(test: Dataset) -> Slices:
    first = np.searchsorted(test.log.user[test.rows], test.log.user[test.rows])
    events = test.rows[first] - test.log.offsets[test.log.user[test.rows]]
    scenario = test.recipe.scenario.column
    slices = by_scenario(test.log.series(scenario, test.rows).to_list()) if scenario else {}
    return {ALL: np.ones(len(test), dtype=bool)} | slices | by_training_events(events)


def _protocol(test: Dataset, cutoffs: Sequence[int], bootstrap: Bootstrap) -> tuple[str, ...]:
    split = test.recipe.split
    how = "each user's newest events in order" if split.kind == "last" else "the newest events of all"
    return (
        f"Test part: {how}; settings were chosen on the part before it.",
        f"Lists: all {len(test.log.items):,} items ranked at each user's first test event, cut at {', '.join(map(str, sorted(cutoffs)))}; "
        + ("items the user had before are left out." if test.recipe.serving.exclude_seen else "items the user had before stay in."),
        "Predictions: every test event as of its own time; an event never sees another of the same moment.",
        f"Intervals: {bootstrap.level:.0%}, {bootstrap.draws:,} bootstrap draws of users; differences are paired.",
    )


def _facts(test: Dataset) -> dict[str, str]:
    return {
        "users": f"{len(np.unique(test.log.user[test.rows])):,}",
        "items": f"{len(test.log.items):,}",
        "test events": f"{len(test):,}",
        "log events": f"{len(test.log):,}",
    }


def _charts(curves: Sequence[Mapping[str, float]]) -> tuple[Chart, ...]:
    """A chart for every loss and metric, each on its own scale."""
    names = [name for name in curves[0] if name not in ("epoch", "seconds")] if curves else []
    epochs = tuple(float(row["epoch"]) for row in curves)
    return tuple(_chart(name, epochs, tuple(row.get(name, float("nan")) for row in curves)) for name in names)


def _chart(name: str, epochs: tuple[float, ...], values: tuple[float, ...]) -> Chart:
    task, _, metric = name.rpartition(".")
    title = f"Training loss of {metric}" if task == "loss" else f"Validation {metric} of {task}"
    return Chart(title, "epoch", "", (Curve(name.removeprefix("loss."), epochs, values),))
