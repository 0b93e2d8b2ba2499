"""One evaluation of a model and its baselines on a part it has not seen: lists over all items, and every task's predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from penchant.data.dataset import Dataset
from penchant.data.skipped import skipped_steps
from penchant.evaluation.intervals import Bootstrap
from penchant.evaluation.metrics.auc import auc
from penchant.evaluation.metrics.calibration import CalibrationPoint, calibration_curve
from penchant.evaluation.metrics.rows import RowMetric
from penchant.evaluation.slices import ALL, Slices, by_training_events
from penchant.evaluation.summary import Chart, Comparison, Curve, Evaluation, Metric, Tables
from penchant.models.network_recommender import NetworkRecommender
from penchant.models.recommender import Recommender
from penchant.models.relations import LISTED, judge
from penchant.studies.baselines import ItemMean
from penchant.studies.beyond import beyond_accuracy
from penchant.studies.lists import PerUser
from penchant.studies.moving_item import moving_item
from penchant.studies.protocols.all_items import AllItems
from penchant.studies.protocols.protocol import ListProtocol
from penchant.studies.protocols.rating_prediction import TOLD, Predicts
from penchant.studies.scenarios import scenario_slices
from penchant.tasks.task import labelled, task_class

ITEM_MEAN = "item mean"
SPLITS = {
    "time": "the newest events of all", "last": "each user's newest events in order", "ratio": "events drawn at random",
    "cold_user": "users drawn at random, of whom nothing was learnt", "cold_item": "items drawn at random, of which nothing was learnt",
    "cold_both": "users and items drawn at random, of which nothing was learnt",
}  # fmt: skip


def evaluate(
    model: Recommender,
    test: Dataset,
    baselines: Mapping[str, Recommender] | None = None,
    *,
    train: Dataset | None = None,
    name: str = "penchant",
    cutoffs: Sequence[int] = (10, 5, 20),
    protocol: ListProtocol | None = None,
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
        protocol: How lists are asked for; all items at the cutoffs when absent.
        bootstrap: Draws, level and seed of the intervals.
        curves: Rows of the training's progress.
        title: Of the report.
    """
    found, protocol = _Findings(name, bootstrap or Bootstrap()), protocol or AllItems(tuple(cutoffs))
    found.add_lists({name: model, **(baselines or {})}, test, protocol, train)
    if isinstance(model, NetworkRecommender):
        found.add_relations(model)
    if isinstance(model, Predicts):
        slices = _row_slices(test)
        for task, prediction in model.predict(test).items():
            scores = {name: prediction.astype(float)} | ({ITEM_MEAN: ItemMean(train, task).predict(test)} if train is not None else {})
            found.add_task(task, scores, test, slices)
    steps = skipped_steps(test if train is None else train)
    return Evaluation(
        title=title,
        model=name,
        protocol=(*told(test, protocol, found.bootstrap, isinstance(model, Predicts)), *(f"Funnel: {step.sentence}." for step in steps)),
        tables=found.tables,
        comparisons=tuple(found.comparisons),
        training=_charts(curves),
        calibration=found.calibration,
        facts=facts_of(test),
        warnings=tuple(f"{step.warning}." for step in steps if step.too_many),
        moving_item=moving_item(model, test) if isinstance(model, NetworkRecommender) else None,
    )


@dataclass
class _Findings:
    """What was measured so far of the model `name` and of what stands beside it."""

    name: str
    bootstrap: Bootstrap
    tables: Tables = field(default_factory=dict)
    comparisons: list[Comparison] = field(default_factory=list)
    calibration: dict[str, dict[str, tuple[CalibrationPoint, ...]]] = field(default_factory=dict)

    def add_lists(self, models: Mapping[str, Recommender], test: Dataset, protocol: ListProtocol, train: Dataset | None) -> None:
        """Every model's lists, and the headline against each baseline; empty tables where nothing was wanted.

        With the training part also what lists are beside being right.
        """
        self.tables |= {each: {} for each in models}
        retrieval = test.recipe.retrieval_task
        if not retrieval or not len(test.positives):
            return
        lists = protocol.measure(models, test)
        headline = next(iter(lists.values[self.name]))
        for each, values in lists.values.items():
            self.tables[each][retrieval] = list_tables(values, lists.slices, self.bootstrap)
            if train is not None:
                self.tables[each][retrieval][ALL] |= beyond_accuracy(lists.found[each], lists.user, train, self.bootstrap)
            if each != self.name:
                difference = self.bootstrap.mean_difference(lists.values[self.name][headline], values[headline])
                self.comparisons.append(Comparison(self.name, each, retrieval, headline, difference))

    def add_relations(self, model: NetworkRecommender) -> None:
        """What the model makes of relations between users that were held out."""
        for name, task in model.network.relation_tasks.items():
            relations = task.relations(model.log_.users["user_id"], model.recipe.directory, model.recipe.split.seed)
            judged = judge(model, task, relations)
            of_pairs = self.bootstrap.metric(auc, judged.label, judged.score, judged.user)
            self.tables[self.name][name] = {ALL: {"auc": of_pairs, f"recall@{LISTED}": self.bootstrap.mean(judged.found)}}

    def add_task(self, task: str, scores: Mapping[str, NDArray[np.float64]], test: Dataset, slices: Slices) -> None:
        """Predictions `{model: [rows]}` of a label task; rows without a label are left out, a task without any label too."""
        kind = task_class(test.recipe.tasks[task])
        label, user = kind.labels(test, task), test.log.user[test.rows]
        known = labelled(label)
        if not known.any():
            return
        binary = test.recipe.tasks[task].kind == "binary"
        metrics = kind.measures
        for each, score in scores.items():
            self.tables.setdefault(each, {})[task] = {
                part: _row_metrics(metrics if part == ALL else _of_slices(metrics), label, score, user, known & mask, self.bootstrap)
                for part, mask in slices.items()
            }
        if ITEM_MEAN in scores:
            headline = next(iter(metrics))
            one, other = scores[self.name][known], scores[ITEM_MEAN][known]
            difference = self.bootstrap.metric_difference(metrics[headline], label[known], one, other, user[known])
            self.comparisons.append(Comparison(self.name, ITEM_MEAN, task, headline, difference))
        if binary:
            self.calibration[task] = {each: calibration_curve(label[known], score[known]) for each, score in scores.items()}


def list_tables(values: PerUser, slices: Slices, bootstrap: Bootstrap) -> dict[str, dict[str, Metric]]:
    """`{slice: {metric: mean with interval}}`; slices other than the whole have the headline only."""
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
) -> dict[str, Metric]:
    return {name: bootstrap.metric(metric, label[mask], score[mask], user[mask]) for name, metric in metrics.items()}


def _of_slices(metrics: Mapping[str, RowMetric]) -> dict[str, RowMetric]:
    """What is said of a part of the rows: the headline, and how true chances come, which may differ from scenario to scenario."""
    headline = next(iter(metrics))
    return {name: metric for name, metric in metrics.items() if name in (headline, "log_loss", "calibration_error")}


def _row_slices(test: Dataset) -> Slices:
    first = np.searchsorted(test.log.user[test.rows], test.log.user[test.rows])
    events = test.rows[first] - test.log.offsets[test.log.user[test.rows]]
    slices = scenario_slices(test.recipe, test.log.take([*test.recipe.scenario.named, "timestamp"], test.rows))
    return {ALL: np.ones(len(test), dtype=bool)} | slices | by_training_events(events)


def told(test: Dataset, protocol: ListProtocol, bootstrap: Bootstrap, predicted: bool) -> tuple[str, ...]:
    """How a part was made and asked, in sentences."""
    return (
        f"Test part: {SPLITS[test.recipe.split.kind]}; settings were chosen on the part before it.",
        *protocol.told(test),
        *([TOLD] if predicted else []),
        f"Intervals: {bootstrap.level:.0%}, {bootstrap.draws:,} bootstrap draws of users; differences are paired.",
    )


def facts_of(test: Dataset) -> dict[str, str]:
    """What the part holds, for the head of a report."""
    return {
        "users": f"{len(np.unique(test.log.user[test.rows])):,}",
        "items": f"{len(test.log.items):,}",
        "test events": f"{len(test):,}",
        "log events": f"{len(test.log):,}",
    }


def _charts(curves: Sequence[Mapping[str, float]]) -> tuple[Chart, ...]:
    """A chart for every loss and metric, each on its own scale; then what the tasks share, and how far they want the same of it."""
    names = list(dict.fromkeys(name for row in curves for name in row if name not in ("epoch", "seconds")))
    epochs = tuple(float(row["epoch"]) for row in curves)
    lines = {name: tuple(row.get(name, float("nan")) for row in curves) for name in names}
    uses, conflicts = (_beginning(part, lines) for part in ("use.", "conflict."))
    plain = [_chart(name, epochs, values) for name, values in lines.items() if not name.startswith(("use.", "conflict."))]
    by_task: dict[str, list[Curve]] = {}
    for name, values in uses.items():
        task, _, expert = name.rpartition(".")
        by_task.setdefault(task, []).append(Curve(f"expert {expert}", epochs, values))
    shared = [Chart(f"Experts that {task} uses", "epoch", "share", tuple(drawn)) for task, drawn in by_task.items()]
    pairs = tuple(Curve(" and ".join(name.split(".")), epochs, values) for name, values in conflicts.items())
    return (*plain, *shared, *([Chart("Agreement of the tasks' gradients", "epoch", "cosine", pairs)] if pairs else []))


def _beginning(part: str, lines: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    return {name.removeprefix(part): values for name, values in lines.items() if name.startswith(part)}


def _chart(name: str, epochs: tuple[float, ...], values: tuple[float, ...]) -> Chart:
    task, _, metric = name.rpartition(".")
    title = f"Training loss of {metric}" if task == "loss" else f"Validation {metric} of {task}"
    return Chart(title, "epoch", "", (Curve(name.removeprefix("loss."), epochs, values),))
