"""An evaluation as a page: the finding first, then protocol, tasks, slices, comparisons, training and calibration."""

from collections.abc import Iterator
from math import isnan

from penchant.evaluation.metrics.calibration import CalibrationPoint
from penchant.evaluation.moving_item import moving_item_section
from penchant.evaluation.slices import ALL
from penchant.evaluation.summary import Comparison, Difference, Evaluation, Metric, best, number, p_value_text, spread_text
from penchant.report.charts import Bar, BarChart, LineChart, Series
from penchant.report.page import Cell, Chart, Charts, Figure, Page, Section, Table, Text, Tone

_TONES: dict[str, Tone] = {"better": "good", "worse": "bad", "unclear": "plain"}
_HOW_TO_READ = (
    "In the tables below, the best value of each row is bold, small print is the interval, and ↓ marks metrics where less is better."
)
_SMALL = 300
"""Below so many users or rows a slice is marked as small."""


def evaluation_page(evaluation: Evaluation, footer: str = "") -> Page:
    """The evaluation as a page for `penchant.report.page.render`. What was not measured has no section."""
    sections = [
        *_warnings(evaluation),
        _protocol(evaluation),
        *(_task(evaluation, task) for task in evaluation.tasks),
        *_comparisons(evaluation),
        *_runs(evaluation),
        *([moving_item_section(evaluation.moving_item)] if evaluation.moving_item else []),
        *_training(evaluation),
    ]
    return Page(evaluation.title, sections, lead=_lead(evaluation), figures=_figures(evaluation), footer=footer)


def _lead(evaluation: Evaluation) -> str:
    """What the model gains over the best baseline in each task's headline metric."""
    findings = list(_findings(evaluation))
    if not findings:
        return f"{evaluation.model}, measured without a baseline beside it."
    return f"{evaluation.model} against the best baseline of each task: {'; '.join(findings)}."


def _findings(evaluation: Evaluation) -> Iterator[str]:
    for task in evaluation.tasks:
        name, headline, baseline = _headline(evaluation, task)
        rival = baseline and evaluation.metric(baseline, task, name)
        if headline and rival and not isnan(headline.value):
            proof = _proof(evaluation, baseline, task, name)
            yield f"{task} {name} {number(headline.value)} against {number(rival.value)} ({baseline}{proof})"


def _proof(evaluation: Evaluation, baseline: str | None, task: str, metric: str) -> str:
    comparison = baseline and evaluation.comparison(baseline, task, metric)
    if not comparison:
        return ", difference not tested"
    return "" if comparison.difference.verdict != "unclear" else ", a difference that may be chance"


def _headline(evaluation: Evaluation, task: str) -> tuple[str, Metric | None, str | None]:
    """The task's first metric, the model's number in it, and the best baseline."""
    name = evaluation.metrics(task)[0]
    row = evaluation.row(task, name)
    mine = row.pop(evaluation.model, None)
    known = {model: metric for model, metric in row.items() if metric is not None and not isnan(metric.value)}
    return name, mine, best(known) or next(iter(known), None)


def _figures(evaluation: Evaluation) -> list[Figure]:
    figures = [Figure(name, value) for name, value in evaluation.facts.items()]
    for task in evaluation.tasks:
        name, headline, baseline = _headline(evaluation, task)
        if headline:
            rival = baseline and evaluation.metric(baseline, task, name)
            comparison = evaluation.comparison(baseline, task, name) if baseline else None
            note = f"{baseline} {number(rival.value)}" if rival else "no baseline"
            tone = _TONES[comparison.difference.verdict] if comparison else "plain"
            figures.append(Figure(f"{task} · {name}", number(headline.value), note, tone))
    return figures


def _warnings(evaluation: Evaluation) -> list[Section]:
    lines = evaluation.warnings
    return [Section("Read with care", [Text(lines, points=len(lines) > 1, tone="warn")])] if lines else []


def _runs(evaluation: Evaluation) -> list[Section]:
    """What each model was, seed by seed."""
    if not evaluation.runs:
        return []
    rows: list[list[str | Cell]] = [
        [Cell(run.model, note=run.settings), str(run.seed), number(run.value), f"{run.seconds:.1f}"] for run in evaluation.runs
    ]
    return [Section("Runs", [Table(["model", "seed", evaluation.runs[0].metric, "seconds to fit"], rows)])]


def _protocol(evaluation: Evaluation) -> Section:
    lines = evaluation.protocol or ("No protocol was written down: these numbers cannot be compared with others.",)
    return Section(
        "How it was measured", [Text(lines, points=len(lines) > 1, tone="plain" if evaluation.protocol else "warn")], _HOW_TO_READ
    )


def _task(evaluation: Evaluation, task: str) -> Section:
    charts: list[Chart] = [*_headline_bars(evaluation, task), *_calibration(evaluation, task)]
    shown = [Charts(charts)] if charts else []
    return Section(f"Task {task}", [_metrics_table(evaluation, task), *shown, *_slice_tables(evaluation, task)])


def _metrics_table(evaluation: Evaluation, task: str) -> Table:
    rows: list[list[str | Cell]] = [
        [_metric_name(evaluation, task, metric), *_cells(evaluation, task, metric, ALL)] for metric in evaluation.metrics(task)
    ]
    return Table(["metric", *evaluation.measured(task)], rows, caption="All test data")


def _metric_name(evaluation: Evaluation, task: str, metric: str) -> str:
    lower = any(each and each.lower_is_better for each in evaluation.row(task, metric).values())
    return f"{metric} ↓" if lower else metric


def _cells(evaluation: Evaluation, task: str, metric: str, slice_: str) -> list[Cell]:
    row = evaluation.row(task, metric, slice_)
    winner = best(row)
    return [_cell(each, strong=name == winner) for name, each in row.items()]


def _cell(metric: Metric | None, strong: bool = False) -> Cell:
    if metric is None or isnan(metric.value):
        return Cell("–")
    return Cell(number(metric.value) + spread_text(metric), note=_interval(metric), strong=strong)


def _interval(metric: Metric, sign: str = "") -> str:
    return "" if isnan(metric.low) else " to ".join(number(end, sign, like=metric.value) for end in (metric.low, metric.high))


def _slice_tables(evaluation: Evaluation, task: str) -> list[Table]:
    """A table for each metric that slices have: scenario, cold and warm, activity."""
    slices = [name for name in evaluation.slices(task) if name != ALL]
    return [_slice_table(evaluation, task, metric, slices) for metric in evaluation.sliced(task)]


def _slice_table(evaluation: Evaluation, task: str, metric: str, slices: list[str]) -> Table:
    rows = [[_slice_name(evaluation, task, metric, name), *_cells(evaluation, task, metric, name)] for name in slices]
    caption = f"{_metric_name(evaluation, task, metric)} in parts of the test data"
    note = f"Parts below n = {_SMALL:,} are small: read their intervals."
    return Table(["part", *evaluation.measured(task)], rows, caption=caption, note=note)


def _slice_name(evaluation: Evaluation, task: str, metric: str, name: str) -> Cell:
    n = max((each.n for each in evaluation.row(task, metric, name).values() if each), default=0)
    return Cell(name, note=f"n = {n:,}" + (", small" if n < _SMALL else ""), tone="warn" if n < _SMALL else "plain")


def _headline_bars(evaluation: Evaluation, task: str) -> list[BarChart]:
    metric = evaluation.metrics(task)[0]
    row = {name: each for name, each in evaluation.row(task, metric).items() if each}
    if len(row) < 2:
        return []
    bars = [Bar(name, each.value, each.low, each.high, name == evaluation.model, number(each.value)) for name, each in row.items()]
    return [BarChart(f"{_metric_name(evaluation, task, metric)} of every model", bars)]


def _calibration(evaluation: Evaluation, task: str) -> list[LineChart]:
    curves = evaluation.calibration.get(task, {})
    if not curves:
        return []
    series = [_calibration_series(name, points) for name, points in curves.items()]
    return [LineChart("Calibration: said against seen", "mean prediction", "share of positives", series, diagonal=True)]


def _calibration_series(name: str, points: tuple[CalibrationPoint, ...]) -> Series:
    return Series(name, [point.predicted for point in points], [point.observed for point in points], marks=True)


def _comparisons(evaluation: Evaluation) -> list[Section]:
    if not evaluation.comparisons:
        return []
    rows = [_comparison_row(each) for each in evaluation.comparisons]
    intro = "Each row compares two models on the same users. An interval that holds zero is no evidence of a difference."
    table = Table(["task, metric", "against", "difference", "p", "finding"], rows)
    return [Section("Paired differences", [table], intro)]


def _comparison_row(comparison: Comparison) -> list[str | Cell]:
    difference: Difference = comparison.difference
    part = "" if comparison.slice == ALL else comparison.slice
    return [
        Cell(f"{comparison.task} {comparison.metric}", note=f"{comparison.model}{', ' if part else ''}{part}"),
        comparison.baseline,
        Cell(number(difference.metric.value, "+"), note=_interval(difference.metric, "+")),
        p_value_text(difference.p_value),
        Cell(difference.verdict, tone=_TONES[difference.verdict], strong=difference.verdict != "unclear"),
    ]


def _training(evaluation: Evaluation) -> list[Section]:
    if not evaluation.training:
        return []
    charts = [
        LineChart(chart.title, chart.x, chart.y, [Series(curve.name, curve.x, curve.y) for curve in chart.curves])
        for chart in evaluation.training
    ]
    return [Section("Training", [Charts(charts)])]
