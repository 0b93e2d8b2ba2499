"""What came out of an evaluation, with its uncertainty: one record for the terminal, the JSON file and the page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from penchant.evaluation.metrics.calibration import CalibrationPoint
from penchant.evaluation.moving_item import MovingItem
from penchant.evaluation.slices import ALL
from penchant.schema.errors import DataError

NAN = float("nan")


def _nan_for_null(value: Any) -> Any:
    return NAN if value is None else value


Number = Annotated[float, BeforeValidator(_nan_for_null)]
"""A float that JSON writes as null when it is nan."""


@dataclass(frozen=True)
class Metric:
    """A number and how sure it is.

    Attributes:
        value: nan where the metric is undefined.
        low, high: The interval; nan when there is none.
        n: How many units or rows it was measured on.
        lower_is_better: Whether a smaller value is the better one.
        spread: Of a mean over folds, their standard deviation; nan for a number of one part.
    """

    value: Number
    low: Number = NAN
    high: Number = NAN
    n: int = 0
    lower_is_better: bool = False
    spread: Number = NAN

    def __str__(self) -> str:
        return _with_interval(self, "")


@dataclass(frozen=True)
class Difference:
    """A paired difference of two models and the p-value of "there is none" (nan when not tested)."""

    metric: Metric
    p_value: Number = NAN

    @property
    def verdict(self) -> str:
        """ "better", "worse", or "unclear" when the interval holds 0 or there is no interval."""
        if not (self.metric.low > 0 or self.metric.high < 0):
            return "unclear"
        return "better" if (self.metric.low > 0) != self.metric.lower_is_better else "worse"

    def __str__(self) -> str:
        return _with_interval(self.metric, "+")


@dataclass(frozen=True)
class Comparison:
    """`model` minus `baseline` in one metric on the same users or rows."""

    model: str
    baseline: str
    task: str
    metric: str
    difference: Difference
    slice: str = ALL


@dataclass(frozen=True)
class Curve:
    """One line of a chart of the training: y over x, equally many."""

    name: str
    x: tuple[Number, ...]
    y: tuple[Number, ...]


@dataclass(frozen=True)
class Chart:
    """Curves that share their axes."""

    title: str
    x: str
    y: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True)
class Run:
    """One fit of one model: its seed and settings, what it reached in the headline metric, and the seconds that fitting took."""

    model: str
    seed: int
    settings: str
    metric: str
    value: Number
    seconds: float


Metrics = dict[str, Metric]
"""Metric name -> number."""
Tables = dict[str, dict[str, dict[str, Metrics]]]
"""Model -> task -> slice -> metric name -> number."""


@dataclass(frozen=True)
class Evaluation:
    """Everything measured of one model and its baselines, and how.

    Attributes:
        title: What was evaluated.
        model: The model in question; the other models of `tables` are its baselines.
        protocol: How it was measured, in sentences.
        tables: Model -> task -> slice -> metric -> number. The slice "all" comes first; a task's first metric is its headline.
        comparisons: Paired differences to baselines.
        training: Curves over the training.
        calibration: Task -> model -> points of its calibration curve.
        facts: Short facts shown first ("users" -> "943").
        warnings: What makes numbers look better, or mean something else, than a reader thinks, in sentences.
        runs: The fits of a comparison.
        moving_item: How one item moves; None for a model whose items stand still.
    """

    title: str
    model: str
    protocol: tuple[str, ...] = ()
    tables: Tables = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    training: tuple[Chart, ...] = ()
    calibration: dict[str, dict[str, tuple[CalibrationPoint, ...]]] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    runs: tuple[Run, ...] = ()
    moving_item: MovingItem | None = None

    @property
    def models(self) -> list[str]:
        """The model first, then its baselines as given."""
        return [self.model, *(name for name in self.tables if name != self.model)]

    @property
    def tasks(self) -> list[str]:
        """Tasks any model was measured on, in order of appearance."""
        return _once(task for name in self.models for task in self.tables.get(name, {}))

    def measured(self, task: str) -> list[str]:
        """The models that were measured on a task, the model in question first."""
        return [name for name in self.models if task in self.tables.get(name, {})]

    def slices(self, task: str) -> list[str]:
        """Slices of a task, "all" among them, in order of appearance."""
        return _once(slice_ for name in self.models for slice_ in self.tables.get(name, {}).get(task, {}))

    def metrics(self, task: str) -> list[str]:
        """Metrics of a task; the first is its headline."""
        return _once(metric for name in self.models for table in self.tables.get(name, {}).get(task, {}).values() for metric in table)

    def sliced(self, task: str) -> list[str]:
        """Metrics that a task's slices other than "all" have; the headline first, nothing without such slices."""
        tables = [self.tables.get(name, {}).get(task, {}) for name in self.models]
        return _once(metric for table in tables for name, metrics in table.items() if name != ALL for metric in metrics)

    def metric(self, model: str, task: str, metric: str, slice_: str = ALL) -> Metric | None:
        """One number, or None where it was not measured."""
        return self.tables.get(model, {}).get(task, {}).get(slice_, {}).get(metric)

    def row(self, task: str, metric: str, slice_: str = ALL) -> dict[str, Metric | None]:
        """One metric of every model measured on the task, the model in question first."""
        return {model: self.metric(model, task, metric, slice_) for model in self.measured(task)}

    def comparison(self, baseline: str, task: str, metric: str) -> Comparison | None:
        """The comparison of the model with a baseline on all rows, if there is one."""
        wanted = (self.model, baseline, task, metric, ALL)
        return next((each for each in self.comparisons if (each.model, each.baseline, each.task, each.metric, each.slice) == wanted), None)

    def to_json(self) -> str:
        """The evaluation as indented JSON; nan becomes null."""
        return _ADAPTER.dump_json(self, indent=2).decode()

    @staticmethod
    def from_json(text: str | bytes) -> "Evaluation":
        """The evaluation that `to_json` wrote.

        Raises:
            DataError: when the text is not one.
        """
        try:
            return _ADAPTER.validate_json(text)
        except ValidationError as error:
            fault = error.errors(include_url=False)[0]
            came = f"{fault['msg']} at '{'.'.join(map(str, fault['loc']))}'"
            raise DataError("an evaluation file", must="JSON as written by to_json", came=came, do="Evaluate again.") from None

    @staticmethod
    def read(path: Path | str) -> "Evaluation":
        """The evaluation in a JSON file; raises as `from_json` does."""
        return Evaluation.from_json(Path(path).read_bytes())

    def __str__(self) -> str:
        """Plain tables: per task, metrics down, the model and its baselines across; then slices by headline metric."""
        warned = [f"warning: {each}" for each in self.warnings]
        parts = [self.title, *warned, *(_task_text(self, task) for task in self.tasks), *_comparison_text(self)]
        return "\n\n".join(parts)


def best(row: Mapping[str, Metric | None]) -> str | None:
    """The model with the best value of one metric; None when nobody has a value or all are equal."""
    known = {name: metric for name, metric in row.items() if metric is not None and not isnan(metric.value)}
    if len({metric.value for metric in known.values()}) < 2:
        return None
    lower = next(iter(known.values())).lower_is_better
    return (min if lower else max)(known, key=lambda name: known[name].value)


def number(value: float, sign: str = "", like: float | None = None) -> str:
    """A value for people: about three digits that matter, as many decimals as `like` would have; a dash for nan.

    >>> number(0.23456), number(1.5), number(1234.5), number(0.004, "+"), number(float("nan"))
    ('0.235', '1.500', '1,234', '+0.0040', '–')
    """
    if isnan(value):
        return "–"
    size = abs(value if like is None else like)
    decimals = 0 if size >= 1000 else 4 if 0 < size < 0.1 else 3
    return f"{value:{sign},.{decimals}f}"


def spread_text(metric: Metric) -> str:
    """The spread behind a value, for people; empty where there is none.

    >>> spread_text(Metric(0.5, spread=0.01)), spread_text(Metric(0.5))
    (' ± 0.010', '')
    """
    return "" if isnan(metric.spread) else f" ± {number(metric.spread, like=metric.value)}"


def p_value_text(p_value: float) -> str:
    """A p-value for people.

    >>> p_value_text(0.04), p_value_text(0.0005), p_value_text(float("nan"))
    ('0.040', '< 0.001', '–')
    """
    if p_value < 0.001:
        return "< 0.001"
    return "–" if isnan(p_value) else f"{p_value:.3f}"


def _with_interval(metric: Metric, sign: str) -> str:
    value = number(metric.value, sign) + spread_text(metric)
    low, high = (number(end, sign, like=metric.value) for end in (metric.low, metric.high))
    return value if isnan(metric.low) else f"{value} [{low}, {high}]"


def _once(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _task_text(evaluation: Evaluation, task: str) -> str:
    metrics = [(metric, evaluation.row(task, metric)) for metric in evaluation.metrics(task)]
    parts = [name for name in evaluation.slices(task) if name != ALL]
    slices = [(f"{metric} · {name}", evaluation.row(task, metric, name)) for metric in evaluation.sliced(task) for name in parts]
    return _grid([[f"task {task}", *evaluation.measured(task)], *(_cells(name, row) for name, row in [*metrics, *slices])])


def _cells(name: str, row: Mapping[str, Metric | None]) -> list[str]:
    return [name, *("–" if metric is None else str(metric) for metric in row.values())]


def _comparison_text(evaluation: Evaluation) -> list[str]:
    if not evaluation.comparisons:
        return []
    head = ["paired difference", "", "p", ""]
    rows = [
        [
            f"{each.task} {each.metric} · {each.slice}: {each.model} - {each.baseline}",
            str(each.difference),
            p_value_text(each.difference.p_value),
            each.difference.verdict,
        ]
        for each in evaluation.comparisons
    ]
    return [_grid([head, *rows])]


def _grid(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


_ADAPTER: TypeAdapter[Evaluation] = TypeAdapter(Evaluation)
